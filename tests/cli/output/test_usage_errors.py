"""Wrong command lines are told as every other error, with the help page to look at."""

from __future__ import annotations

import click
import pytest

from expander.cli.main import COMMANDS, program, run


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("expnd", "unknown command 'expnd'\n  hint: did you mean 'expand'?"),
        ("xyz", "unknown command 'xyz'\n  hint: see 'expander --help'"),
        ("queue stats", "unknown command 'stats'\n  hint: did you mean 'status'?"),
        ("-v", "missing command\n  hint: see 'expander --help'"),
        (
            "expand",
            "missing argument 'TEMPLATE [ITEM]... | [ITEM]... -- CMD'\n  hint: see 'expander expand --help'",
        ),
        ("expand --xyz", "unknown option '--xyz'\n  hint: see 'expander expand --help'"),
        ("expand --grup x", "unknown option '--grup'\n  hint: did you mean --group?\n"),
        ("report -o z.html", "unknown option '-o'\n  hint: did you mean --out?\n"),
        ("expand t a --set", "option '--set' requires an argument"),
        ("completion", "missing argument '{bash|zsh|fish}'; expected one of bash, zsh, fish\n"),
        ("serve now", "invalid value for ACTION: 'now' is not one of 'start', 'stop', 'status'\n"),
        ("run t --jobs 0", "invalid value for --jobs: 0 (must be 1 to 2147483647)\n"),
        ("run t --cpus inf", "invalid value for --cpus: inf (must be a number greater than 0)\n"),
        ("plan t --qps nan", "invalid value for --qps: nan (must be a number greater than 0)\n"),
        ("run t --cpus 0", "invalid value for --cpus: 0 (must be greater than 0)\n"),
        ("run t --jobs many", "invalid value for --jobs: 'many' is not a valid integer\n"),
        (
            "queue fill a",
            "missing option '--url'\n  hint: give it, or set $EXPANDER_QUEUE_URL or $BROKER_URL; see ",
        ),
        ("serve --port 0", "invalid value for --port: 0 (must be 1 to 65535)\n"),
        (
            "status --group a --group b",
            "--group takes one name, not 2: a, b\n  hint: one group at a time, or -l 'jobgroup in (a,b)'\n",
        ),
        (
            "status --group a --group b --group-label k",
            "--group takes one name, not 2: a, b\n  hint: one group at a time, or -l 'k in (a,b)'\n",
        ),
        ("run t --group a --group b", "--group takes one name, not 2: a, b\n"),
        ("queue fill --group a --group b", "--group takes one name, not 2: a, b\n"),
    ],
)
def test_a_wrong_command_line_is_one_error_with_a_hint(
    line: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(line.split()) == 2
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"error: {told}")
    assert shown.err.count("\n") <= 2


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "cleanup -l a=b --selector c=d",
            "-l takes one selector, not 2: a=b, c=d\n  hint: join them: -l a=b,c=d",
        ),
        ("run t a -l a=b -l c=d", "-l takes one selector, not 2: a=b, c=d\n  hint: join them: -l a=b,c=d"),
        (
            "expand t --columns a --columns b",
            "--columns takes one list of columns, not 2: a, b\n  hint: join",
        ),
        ("results --columns a --columns=b", "--columns takes one list of columns, not 2: a, b\n  hint: join"),
        ("expand t a --limit 1 --limit=2", "--limit takes one number, not 2: 1, 2\n"),
        ("run t a -j 1 --jobs 2", "-j takes one number, not 2: 1, 2\n"),
        ("plan t a --as indexed --as jobs", "--as takes one shape, not 2: indexed, jobs\n"),
        ("expand t -i x --delimiter ; --delimiter :", "--delimiter takes one character, not 2: ;, :\n"),
        ("results --sort-by a --sort-by b", "--sort-by takes one column, not 2: a, b\n"),
        ("expand t --slice 1:2 --slice 5:6", "--slice takes one slice, not 2: 1:2, 5:6\n"),
        ("expand t --items-schema a --items-schema b", "--items-schema takes one file, not 2: a, b\n"),
        ("wait --for complete --for failed", "--for takes one condition, not 2: complete, failed\n"),
        (
            "run a --requests cpu=1 --requests memory=1Gi -- x",
            "--requests takes one list, not 2: cpu=1, memory=1Gi\n",
        ),
        ("submit a --image a --image b -- x", "--image takes one image, not 2: a, b\n"),
        ("run t a --on-oom x2 --on-oom max=4Gi", "--on-oom takes one growth, not 2: x2, max=4Gi\n"),
        (
            "run t a --halt now,fail=1 --halt soon,done=2",
            "--halt takes one condition, not 2: now,fail=1, soon",
        ),
        ("serve --inject 429=1 --inject lost=1", "--inject takes one list of faults, not 2: 429=1, lost=1\n"),
        ("test -k a -k b", "-k takes one text, not 2: a, b\n"),
    ],
)
def test_an_option_that_is_given_twice_does_not_lose_the_first_value(
    line: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(line.split()) == 2
    assert capfd.readouterr().err.startswith(f"error: {told}")


def test_values_that_contradict_each_other_are_not_to_be_joined(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("run a --requests cpu=1 --requests cpu=2 -- x".split()) == 2
    assert capfd.readouterr().err == "error: --requests takes one list, not 2: cpu=1, cpu=2\n"


def test_an_option_may_be_given_twice_with_the_same_value(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("status -l a=b -l a=b --state /nowhere".split()) == 2
    assert "-l takes" not in capfd.readouterr().err


def test_no_command_takes_a_second_group_in_place_of_the_first(capfd: pytest.CaptureFixture[str]) -> None:
    context = click.Context(program)
    pages = {name: program.get_command(context, name) for name in COMMANDS}
    names = [name for name, page in pages.items() if page and "group" in {each.name for each in page.params}]
    assert {"run", "submit", "plan", "status", "exec", "cleanup"} < {*names}
    for name in names:
        assert run([name, "--group", "a", "--group", "b"]) == 2
        assert "error: --group takes one name, not 2: a, b\n" in capfd.readouterr().err


@pytest.mark.parametrize("command", ["status", "wait"])
def test_a_command_about_whole_groups_says_how_to_name_less(
    command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run([command, "HG150"]) == 2
    told = capfd.readouterr().err
    assert told.startswith(
        "error: got unexpected extra argument (HG150)\n  hint: --group names a group, -l selects"
    )
    assert "'expander results ITEM'" in told
