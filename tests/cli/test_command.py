"""`[ITEM]... -- CMD` in place of a template, as users type it."""

import json
from pathlib import Path

import pytest

from expander.base.yaml import load_documents
from expander.cli.main import run as call
from tests.cli.program import run

TEMPLATE = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a-$ITEM}\n"


@pytest.fixture(autouse=True)
def folder(folder: Path) -> Path:
    Path("t.yaml").write_text(TEMPLATE)
    Path("names.txt").write_text("a\nb c\n")
    Path("table.csv").write_text("x,y\n1,2\n")
    return folder


def expanded(capfd: pytest.CaptureFixture[str], *arguments: str) -> list[list[str]]:
    """The commands of the Jobs that ``expand`` makes."""
    assert call(["expand", "--image", "busybox", "-o", "json", *arguments]) == 0
    jobs = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    return [job["spec"]["template"]["spec"]["containers"][0]["command"] for job in jobs]


def test_files_of_this_folder_are_worked_on_and_another_command_line_runs_again(folder: Path) -> None:
    Path("one.log").write_text("1")
    Path("two two.log").write_text("2")
    first = run("run", "one.log", "two two.log", "-j2", "--", "cp", "{}", "{}.old")
    assert first.code == 0, first.err
    assert first.err.splitlines()[-1] == "2 items: 2 complete, 0 failed"
    assert first.err.startswith("group cp: ")
    assert Path("two two.log.old").read_text() == "2"
    Path("one.log.old").unlink()
    again = run("run", "one.log", "two two.log", "--", "cp", "{}", "{}.old")
    assert "; 2 ended in an earlier run" in again.err
    assert not Path("one.log.old").exists()
    other = run("run", "one.log", "two two.log", "--", "cp", "{}", "{}.new")
    assert (other.code, Path("two two.log.new").read_text()) == (0, "2"), other.err
    assert "run -- cp" in run("groups").out


@pytest.mark.parametrize(
    ("arguments", "commands"),
    [
        (["a", "-x", "--", "gzip", "-9"], None),
        (["a", "b c", "--", "gzip", "-9"], [["gzip", "-9", "a"], ["gzip", "-9", "b c"]]),
        (["-i", "names.txt", "--", "gzip", "{}.txt"], [["gzip", "a.txt"], ["gzip", "b c.txt"]]),
        (["-i", "1-2", "--", "seq", "$ITEM"], [["seq", "1"], ["seq", "2"]]),
        (["-i=1-2", "--", "seq", "$ITEM"], [["seq", "1"], ["seq", "2"]]),
        (["-i1-2", "--", "seq", "$ITEM"], [["seq", "1"], ["seq", "2"]]),
        (["-i", "table.csv", "--", "train", "--x=${ITEM.x}"], [["train", "--x=1"]]),
        (["a", "--", "xargs", "--", "ls"], [["xargs", "--", "ls", "a"]]),
        (["names.txt", "--", "wc"], [["wc", "names.txt"]]),
        (
            ["-i", "n=1-2", "-i", "m=7-7", "--", "t", "${ITEM.n}", "${ITEM.m}"],
            [["t", "1", "7"], ["t", "2", "7"]],
        ),
    ],
)
def test_what_stands_before_are_items_and_what_follows_is_the_command(
    arguments: list[str], commands: list[list[str]] | None, capfd: pytest.CaptureFixture[str]
) -> None:
    if commands is None:
        assert call(["expand", "--image", "busybox", *arguments]) == 2
    else:
        assert expanded(capfd, *arguments) == commands


@pytest.mark.parametrize(
    "arguments",
    [["t.yaml", "--", "-a", "b"], ["--", "t.yaml", "-a", "b"], ["t.yaml", "-i", "names.txt", "--"]],
)
def test_a_template_keeps_its_items_behind_two_dashes(
    arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert call(["expand", "--no-validate", *arguments]) == 0
    assert capfd.readouterr().out.count("kind: Job") == 2


def test_the_template_that_is_printed_gives_the_same_jobs(capfd: pytest.CaptureFixture[str]) -> None:
    options = [
        *("--image", "busybox", "--requests", "cpu=1,memory=1Gi", "--limits", "memory=2Gi", "--ttl", "1h"),
        *(
            "-e",
            "A=$(B) $ITEM",
            "--label",
            "x=y",
            "--annotation",
            "note=$ITEM",
            "--name",
            "hello",
            "-n",
            "dev",
        ),
        *("--restart", "OnFailure", "--backoff-limit", "2", "--group", "g"),
    ]
    command = ["--", "sh", "-c", "echo $$ $(date)", "{}", "a: b #"]
    assert call(["expand", *options, "-i", "names.txt", *command]) == 0
    wanted = capfd.readouterr().out
    assert call(["expand", *options, "--print-template", *command]) == 0
    Path("made.yaml").write_text(capfd.readouterr().out)
    assert call(["expand", "made.yaml", "-i", "names.txt"]) == 0
    found = capfd.readouterr().out
    assert [each.data for each in load_documents(found, "found")] == [
        each.data for each in load_documents(wanted, "wanted")
    ]


def test_every_command_prints_the_template_and_run_needs_no_image(capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("expand", "submit", "plan"):
        assert call([name, "--image", "busybox", "--print-template", "--", "ls"]) == 0
        assert "image: busybox\n" in capfd.readouterr().out
    assert call(["run", "--print-template", "--", "ls"]) == 0
    assert "image: this-machine\n" in capfd.readouterr().out


def test_a_plan_and_a_dry_run_of_a_submission_know_the_jobs(capfd: pytest.CaptureFixture[str]) -> None:
    batch = ["--image", "busybox", "a", "b", "--", "ls"]
    assert call(["plan", "--offline", "-o", "name", *batch]) == 0
    assert capfd.readouterr().out.split() == ["job.batch/ls-a", "job.batch/ls-b"]
    assert call(["submit", "--dry-run", "client", *batch]) == 0
    assert "job.batch/ls-b created (dry run)" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("run --image x -i names.txt", "no command: --image is for one\n"),
        ("run --requests cpu=1 nothere", "no command: --requests is for one\n"),
        ("run --image x t.yaml a", "--image is for a command after --, and t.yaml is a template\n"),
        (
            "expand --image x t.yaml a -- gzip",
            "--image is for a command after --, and t.yaml is a template\n",
        ),
        ("run t.yaml a -- gzip {}", "t.yaml is a template, so what follows are items, not a command\n"),
        ("run -i table.csv -- echo ${ITEM.z}", "unknown column 'z' in ${ITEM.z}; columns are x, y\n"),
        ("run -i table.csv -- echo", "${ITEM} is ambiguous: the items have the columns x, y\n  hint: write"),
        ("run a -- echo ${ITEM.z}", "unknown column 'z' in ${ITEM.z}; items are plain values"),
        ("run -- gzip", "no items for the command\n  hint: specify them before --"),
        ("submit a -- gzip", "a command in a cluster requires an image\n  hint: specify --image IMAGE"),
        ("plan a -- gzip", "a command in a cluster requires an image\n"),
        ("expand a -- gzip", "a command in a cluster requires an image\n"),
        ("run --runtime docker a -- gzip", "--runtime docker requires an image\n"),
        ("run --image x --image y a -- gzip", "--image is there twice: x and y\n"),
        ("run --engine jinja2 a -- gzip", "--engine and --text are for templates, not for a command\n"),
        ("run --requests cpu a -- gzip", "invalid value for --requests: 'cpu' is not RESOURCE=QUANTITY"),
        (
            "run --limits cpu=x a -- gzip",
            "invalid value for --limits: cpu: 'x' must be a quantity, as 500m or 64Mi",
        ),
        ("run --limits cpu=1,cpu=2 a -- gzip", "invalid value for --limits: cpu is there twice\n"),
        ("run --name A_ a -- gzip", "invalid name 'A_': at most 63 lower-case letters"),
        ("serve --image x", "invalid value for --image: 'x' is not KEY=VALUE"),
        ("run", "missing argument 'PATH... | TEMPLATE"),
    ],
)
def test_what_does_not_fit_together_is_one_error(
    line: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call(line.split(" ")) == 2
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"error: {told}")
    assert shown.err.count("error: ") == 1


def test_items_with_braces_are_items_of_a_template(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(["expand", "t.yaml", "{}", "a{}b", "--no-validate", "-o", "json"]) == 0
    items = [
        json.loads(line)["metadata"]["annotations"]["expander/item"]
        for line in capfd.readouterr().out.split("\n")[:-1]
    ]
    assert items == ["{}", "a{}b"]


def test_a_submission_is_resumed_with_its_command(folder: Path) -> None:
    from expander.cli.submit import command

    words = ["--image", "busybox", "--name", "n", "a", "b", "--", "ls", "-l"]
    context = command.make_context("submit", [*words])
    assert context.params["arguments"] == ("a", "b")
    assert context.params["command"] == ("ls", "-l")
    assert context.meta["expander.arguments"] == words
