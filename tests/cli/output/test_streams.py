"""Standard output and standard error that are closed, full, or have no reader."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import EXPANDER, run

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: job-$ITEM, labels: {jobgroup: streams}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: c, image: busybox, command: ["sh", "-c", "echo one; echo two"]}]
"""

PRINTING = [
    "--version",
    "--help",
    "cleanup --group streams --local --dry-run",
    "completion bash",
    "expand job.yaml a b",
    "expand job.yaml a b --dry-run",
    "init",
    "init indexed",
    "logs --group streams --local",
    "plan job.yaml a b --offline",
    "plan job.yaml a b --offline -o json",
    "queue --help",
    "results --group streams --local",
    "results --group streams --local -o csv",
    "results --group streams --local -o parquet",
    "retry --group streams --local --all --dry-run",
    "run job.yaml a --state again --fresh",
    "run job.yaml a --state again --fresh -o json",
    "status --group streams --local",
    "status --group streams --local -o json",
    "submit job.yaml a b --dry-run client",
    "submit job.yaml a b --dry-run client -o json",
    "validate valid.yaml",
    "validate valid.yaml -o json",
    "validate valid.yaml -o junit",
    "validate valid.yaml -o sarif",
    "wait --group streams --local",
    "run --help",
]
"""Commands that write to standard output, without a cluster."""

LOST = 141
"""The exit code when the reader is gone."""


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A group that was run, in the state folder of these tests."""
    folder = tmp_path_factory.mktemp("streams")
    (folder / "job.yaml").write_text(JOB)
    (folder / "valid.yaml").write_text(JOB.replace("$ITEM", "a"))
    before = os.environ.copy()
    os.environ["EXPANDER_STATE"] = str(folder / "state")
    os.environ["KUBECONFIG"] = str(folder / "none")
    assert run("run", "job.yaml", "a", "b", "--runtime", "process", cwd=folder).code == 0
    yield folder
    os.environ.clear()
    os.environ.update(before)


def shell(folder: Path, words: str, redirection: str) -> tuple[int, str]:
    """The exit code of a command with a redirection, and what it wrote to standard error."""
    command = f"{EXPANDER} {words} 2>&3 {redirection}"
    with open(folder / "errors", "w+b") as errors:
        done = subprocess.run(
            ["bash", "-c", f"exec 3>&2; {command}"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            check=False,
        )
        errors.seek(0)
        return done.returncode, errors.read().decode()


@pytest.mark.parametrize("words", PRINTING)
def test_a_full_or_closed_output_is_one_error_that_names_it(folder: Path, words: str) -> None:
    for redirection, why in ((">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")):
        code, errors = shell(folder, words, redirection)
        assert (code, errors.count("error: cannot write to standard output: " + why)) == (2, 1), errors
        assert errors.count("error: ") == 1, errors
        assert "Traceback" not in errors


@pytest.mark.parametrize("words", PRINTING)
def test_a_reader_that_goes_away_is_no_error(folder: Path, words: str) -> None:
    code, errors = shell(folder, words, "| true; exit ${PIPESTATUS[0]}")
    assert code in (0, LOST), errors  # 0: all was written before the reader ended
    assert "error" not in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("words", PRINTING)
def test_without_standard_error_a_command_works_as_ever(folder: Path, words: str) -> None:
    for redirection in ("2>&-", "2>/dev/full"):
        done = subprocess.run(
            ["bash", "-c", f"{EXPANDER} {words} {redirection}"], cwd=folder, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_without_standard_error_a_failure_keeps_its_exit_code(folder: Path, redirection: str) -> None:
    for words, wanted in (("expand none.yaml a", 2), ("nonsense", 2), ("status --group x --local", 2)):
        done = subprocess.run(
            ["bash", "-c", f"{EXPANDER} {words} {redirection}"], cwd=folder, capture_output=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (wanted, b"", b"")


def test_a_closed_stream_is_never_taken_by_a_file(folder: Path) -> None:
    code = f"{EXPANDER} run job.yaml a --state closed --runtime process <&- >&- 2>&-"
    assert subprocess.run(["bash", "-c", code], cwd=folder, check=False).returncode == 2
    answer = run("results", "--group", "streams", "--state", "closed", "-o", "json", cwd=folder)
    assert '"state": "Complete"' in answer.out


def test_a_closed_input_is_an_error_that_names_it(folder: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{EXPANDER} expand job.yaml -i - <&-"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Bad file descriptor" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "before",
    [
        "atexit.register(print, 'the end')",
        "threading.Thread(target=lambda: [time.sleep(0.2), print('the end')]).start()",
        "atexit.register(lambda: sys.stdout.write('the end')); sys.setprofile(lambda *_: None)",
        "atexit.register(lambda: sys.stdout.write('the end')); sys.settrace(lambda *_: None)",
    ],
)
def test_what_is_to_happen_at_the_end_of_the_process_does(before: str) -> None:
    code = f"import atexit, sys, threading, time; {before}; from expander.__main__ import entry; entry()"
    arguments = [sys.executable, "-c", code, "--version"]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("expander ")
    assert ended.stdout.rstrip().endswith("the end")


def test_a_script_that_calls_the_program_goes_on_behind_it() -> None:
    code = "from expander.cli.main import main\ntry:\n    main()\nfinally:\n    print('the end')"
    ended = subprocess.run(
        [sys.executable, "-c", code, "no-such"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "the end\n")


def test_the_program_can_be_profiled() -> None:
    profiled = [sys.executable, "-m", "cProfile", "-m", "expander", "--version"]
    ended = subprocess.run(profiled, capture_output=True, text=True, check=False)
    assert "function calls" in ended.stdout, ended.stderr
