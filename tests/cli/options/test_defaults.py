"""Defaults of options in files: which file and table wins, what is refused, and what is said of it."""

from __future__ import annotations

import errno
import json
import os
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from click.testing import CliRunner, Result

from expander.cli.main import module_of, program
from expander.cli.main import run as run_program
from expander.cli.options import defaults

TEMPLATE = """\
apiVersion: batch/v1
kind: Job
metadata: {name: a-$ITEM}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: busybox, command: [echo, $ITEM]}]}}}
"""


class Place(NamedTuple):
    """A project with the user's file elsewhere; commands run two folders below the project's file."""

    project: Path
    pyproject: Path
    user: Path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    folder = tmp_path / "project" / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "t.yaml").write_text(TEMPLATE)
    user = tmp_path / "config" / "expander" / "config.toml"
    user.parent.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Place(tmp_path / "project" / "expander.toml", tmp_path / "project" / "pyproject.toml", user)


def labels_of(*arguments: str) -> dict[str, str]:
    answer = CliRunner().invoke(program, ["expand", "t.yaml", "x", "-o", "json", *arguments])
    assert answer.exit_code == 0, answer.output
    labels: dict[str, str] = json.loads(answer.stdout)["metadata"]["labels"]
    return labels


def shown(*arguments: str) -> dict[tuple[str, str], list[str]]:
    answer: Result = CliRunner().invoke(program, ["config", "show", "-o", "json", *arguments])
    assert answer.exit_code == 0, answer.output
    return {(one["option"], Path(one["file"]).name): one["commands"] for one in json.loads(answer.stdout)}


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run_program([*arguments]) == 2
    return capsys.readouterr().err


def options_of(name: str) -> set[str]:
    command: click.Command = import_module(module_of(name)).command
    return {option[2:] for parameter in command.params for option in parameter.opts}


def test_a_project_file_above_the_folder_sets_defaults_and_the_command_line_wins(place: Place) -> None:
    place.project.write_text('group-label = "batch"\nlabel = ["team=ml", "a=b"]\n')
    assert labels_of() == {"batch": "t", "team": "ml", "a": "b"}
    assert labels_of("--group-label", "x", "--label", "c=d") == {"x": "t", "c": "d"}


def test_pyproject_counts_where_there_is_no_project_file_of_its_own(place: Place) -> None:
    place.pyproject.write_text('[tool.expander]\ngroup-label = "p"\n')
    assert labels_of() == {"p": "t"}
    place.project.write_text('group-label = "e"\n')
    assert labels_of() == {"e": "t"}


def test_a_pyproject_without_a_table_of_the_program_is_not_read(place: Place) -> None:
    place.pyproject.write_text("this is no TOML")
    assert labels_of() == {"jobgroup": "t"}


def test_the_nearest_file_is_the_only_one_of_the_project(place: Place) -> None:
    place.project.write_text('label = "far=1"\n')
    Path("expander.toml").write_text('group-label = "near"\n')
    assert labels_of() == {"near": "t"}


def test_the_users_file_comes_last_and_a_commands_table_first(place: Place) -> None:
    place.user.write_text('group-label = "u"\nlabel = "v=1"\n[plan]\ngroup-label = "t"\n')
    assert labels_of() == {"u": "t", "v": "1"}
    place.project.write_text('group-label = "p"\n')
    assert labels_of() == {"p": "t", "v": "1"}
    found = shown()
    assert found["label", "config.toml"] == ["diff", "expand", "plan", "run", "submit"]
    assert found["group-label", "config.toml"] == ["plan"]
    assert "expand" in found["group-label", "expander.toml"]
    assert shown("plan") == {("label", "config.toml"): ["plan"], ("group-label", "config.toml"): ["plan"]}


def test_paths_are_relative_to_their_file(place: Place) -> None:
    place.project.write_text('crds = ["crds"]\n')
    (place.project.parent / "crds").mkdir()
    (answer,) = json.loads(CliRunner().invoke(program, ["config", "show", "-o", "json"]).stdout)
    assert answer["values"] == [str(place.project.parent / "crds")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("jobss = 3", "jobss: not an option that a file sets\n  hint: did you mean jobs?"),
        ('image = "x"', "image: not an option that a file sets\n  hint: those are group-label,"),
        ('runtime = "process"', "runtime: only your own file can set it\n  hint: that is "),
        ('notify = "touch pwned"', "notify: only your own file can set it\n  hint: that is "),
        ('[run]\nnotify = "https://h/x"', "[run] notify: only your own file can set it\n  hint: that is "),
        ("jobs = true", "jobs: expected a number\n"),
        ("jobs = []", "jobs: expected a number\n"),
        ("[run]\njobs = [1, 2]", "[run] jobs: expected one value, not a list"),
        ("jobs = 0", "jobs: 0 (must be 1 to 2147483647)"),
        ("jobs = 1.5", "jobs: '1.5' is not a valid integer\n"),
        ('jobs = "two"', "jobs: 'two' is not a valid integer\n"),
        ('ttl = "5y"', "ttl: invalid duration '5y'"),
        (
            "kubernetes-version = 1.30",
            'kubernetes-version: expected text, not the number 1.30\n  hint: write "1.30"',
        ),
        ("[runn]\njobs = 1", "[runn]: no such command\n  hint: did you mean run?"),
        ("jobs =", "Invalid value (at "),
    ],
)
def test_a_file_that_cannot_be_used_is_one_error_with_its_path_and_key(
    text: str, words: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.project.write_text(text)
    told = refusal(capsys, "run", "t.yaml", "x")
    assert told.startswith(f"error: {place.project}: ")
    assert words in told


BAD = {
    "group-label": '"a b"',
    "kubernetes-version": '"1.99"',
    "crds": '"nosuch"',
    "policies": '["nosuch"]',
    "label": '["a=1", "a=2"]',
    "ttl": "-1",
    "max-active": "0",
    "max-in-flight": "1000",
    "qps": "inf",
    "on-quota": '"x"',
    "kueue": '"A B"',
    "jobs": "99999999999999999999999",
    "cpus": "nan",
    "memory": "0",
    "grace": '"soon"',
    "backoff-base": '"-1s"',
    "runtime": '"x"',
    "notify": '"hook://x"',
}


@pytest.mark.parametrize("key", defaults.KEYS)
def test_an_error_in_any_value_names_the_file_and_the_key(
    key: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    file = place.user if key in defaults.OF_THE_USER else place.project
    file.write_text(f"{key} = {BAD[key]}\n")
    commands = [name for name in ("run", "submit") if key in options_of(name)]
    assert commands
    for command in (*commands, "config show"):
        told = refusal(capsys, *command.split(), *(["t.yaml", "x"] if command in commands else []))
        assert told.startswith(f"error: {file}: {key}: ")
        assert "--" not in told


def test_help_and_completion_need_no_file(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.project.write_text('group-label = "ours"\n')
    assert run_program(["help", "expand"]) == 0
    assert "[default: ours]" in capsys.readouterr().out
    place.project.write_text("jobs =")
    for words in (["help"], ["help", "expand"], ["help", "items"], ["completion", "bash"]):
        assert run_program(words) == 0
        told = capsys.readouterr()
        assert told.out
        assert told.err == ""


def test_what_is_no_file_is_not_waited_for(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    for path, words in (
        (place.project, "Is a pipe, not a file"),
        (place.pyproject, "Is a device, not a file"),
    ):
        if path == place.project:
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero")
        told = refusal(capsys, "expand", "t.yaml", "x")
        assert told == f"error: {path}: cannot read it: {words}\n"
        path.unlink()
    place.project.symlink_to("/dev/null")
    assert shown() == {}


def test_a_file_that_may_not_be_read_is_told_unless_it_is_of_others(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(path: str, flags: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(defaults, "file_opener", forbidden)
    place.pyproject.write_text("[tool.expander]\njobs = 1\n")
    assert shown() == {}
    place.project.write_text("jobs = 1\n")
    assert (
        refusal(capsys, "expand", "t.yaml", "x")
        == f"error: {place.project}: cannot read it: Permission denied\n"
    )


def test_the_users_file_may_choose_the_runtime(place: Place) -> None:
    place.user.write_text('runtime = "process"\n')
    assert shown() == {("runtime", "config.toml"): ["retry", "run", "serve"]}


def test_the_users_file_may_say_whom_to_notify_and_an_error_in_it_shows_no_url(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.user.write_text('notify = ["https://hooks.example/s3cr3t", "true"]\n')
    assert shown() == {("notify", "config.toml"): ["retry", "run", "submit", "wait"]}
    place.user.write_text('notify = "hook://hooks.example/s3cr3t"\n')
    told = refusal(capsys, "run", "t.yaml", "x")
    assert f"{place.user}: notify: hook:// is not supported" in told
    place.user.write_text("notify = 3\n")
    assert f"{place.user}: notify: expected text, not the number 3" in refusal(capsys, "run", "t.yaml", "x")
    assert "s3cr3t" not in told


def test_a_default_for_this_machine_does_not_stand_in_the_way_of_a_retry_in_a_cluster(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.user.write_text("jobs = 3\n")
    assert "kubeconfig missing not found" in refusal(
        capsys, "retry", "--group", "g", "--kubeconfig", "missing"
    )
    words = ("retry", "--group", "g", "--kubeconfig", "missing", "--jobs", "2")
    assert "--jobs can only be used with --local" in refusal(capsys, *words)


def test_each_value_of_a_list_is_shown_on_a_line_as_it_is_typed(place: Place) -> None:
    (place.project.parent / "crds").mkdir()
    place.project.write_text('label = ["a=b", "c=d"]\ncrds = "crds"\n')
    answer = CliRunner().invoke(program, ["config", "show", "validate"])
    assert [line.split()[:2] for line in answer.stdout.splitlines()[1:]] == [["--crds", "../../crds"]]
    answer = CliRunner().invoke(program, ["config", "show", "expand"])
    labels = [line.split()[:2] for line in answer.stdout.splitlines() if "--label" in line]
    assert labels == [["--label", "a=b"], ["--label", "c=d"]]


def test_without_a_file_that_is_what_is_said(place: Place) -> None:
    answer = CliRunner().invoke(program, ["config", "show"])
    assert (answer.exit_code, answer.stdout) == (0, "")
    assert (
        answer.stderr == f"no defaults: neither an expander.toml here or above, nor {place.user}, sets one\n"
    )


def test_an_unknown_command_is_an_error(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such command: submt\n  hint: did you mean submit?" in refusal(
        capsys, "config", "show", "submt"
    )


def test_a_commands_table_sets_only_what_the_command_has(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.project.write_text("[run]\nqps = 3\n")
    assert f"{place.project}: [run] qps: run has no such option" in refusal(capsys, "config", "show")
    assert "[run] qps: run has no such option" in refusal(capsys, "run", "t.yaml", "x")
