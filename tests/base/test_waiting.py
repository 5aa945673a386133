"""A pipe to which nobody writes is waited for, not without a word."""

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from expander.base import waiting
from expander.base.waiting import awaited, file_opener, told_to, waiting_opener
from expander.batch.files import files_of
from expander.cli.main import run
from tests.cli.program import EXPANDER

JOB = """apiVersion: batch/v1
kind: Job
metadata: {name: "job-$ITEM"}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: a, args: ["$ITEM"]}]}}}
"""


def test_it_is_told_what_is_waited_for_and_what_comes_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "QUIET_SECONDS", 0.01)
    path, told, opened = tmp_path / "pipe", list[str](), threading.Event()
    os.mkfifo(path)

    def write() -> None:
        opened.wait()
        path.write_bytes(b"one\ntwo\n")

    def tell(words: str) -> None:
        told.append(words)
        opened.set()

    writer = threading.Thread(target=write)
    writer.start()
    with told_to(tell), open(path, "rb", opener=waiting_opener) as file:
        assert file.read() == b"one\ntwo\n"
    writer.join()
    assert told == [f"waiting for {path}, to which nothing has been written yet"]


def test_a_pipe_that_ends_without_a_byte_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"",))
    writer.start()
    with open(path, "rb", opener=waiting_opener) as file:
        assert file.read() == b""
    writer.join()


def test_nothing_is_told_of_files_and_of_streams_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    monkeypatch.setattr(waiting, "QUIET_SECONDS", 0.0)
    (tmp_path / "file").write_bytes(b"x")
    told: list[str] = []
    with told_to(told.append), open(tmp_path / "file", "rb", opener=waiting_opener) as file:
        awaited(file, "file")
        awaited(io.BytesIO(b"x"), "bytes")
        with open(os.devnull, "rb") as nothing:
            awaited(nothing, "nothing")
        assert file.read() == b"x"
    assert told == []
    with pytest.raises(FileNotFoundError):
        waiting_opener(str(tmp_path / "missing"), os.O_RDONLY)


@pytest.mark.parametrize("opener", [waiting_opener, file_opener])
def test_a_device_without_an_end_is_refused(opener: Callable[[str, int], int]) -> None:
    for name in ("/dev/zero", "/dev/urandom"):
        with pytest.raises(OSError, match=f"Is a device, not a file: '{name}'"):
            opener(name, os.O_RDONLY)
    terminal, other = os.openpty()
    for name in (os.devnull, os.ttyname(other)):
        os.close(opener(name, os.O_RDONLY))
    os.close(terminal)
    os.close(other)


def test_a_file_that_nobody_pipes_is_no_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="Is a pipe, not a file"):
        file_opener(str(tmp_path / "pipe"), os.O_RDONLY)


def test_a_device_is_one_error_wherever_a_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "state"))
    for name in ("PIPE", "PIPE.test.yaml"):
        (tmp_path / name).symlink_to("/dev/zero")
    (tmp_path / "j.yaml").write_text(JOB)
    (tmp_path / "plain.yaml").write_text(JOB.replace("$ITEM", "a"))
    (tmp_path / "names").write_text("a\n")
    for words in COMMANDS.strip().splitlines():
        if "PIPE" in words and "PIPE.gz" not in words:
            assert run(words.split()) in (1, 2), words
            shown = capfd.readouterr()
            assert "Is a device, not a file" in shown.err + shown.out, words


COMMANDS = """
expand j.yaml -i PIPE
expand j.yaml -i csv:PIPE.gz
expand PIPE -i names
expand j.yaml a --values PIPE
expand j.yaml a --items-schema PIPE
expand j.yaml -i -
validate PIPE
validate -
validate plain.yaml --crds PIPE
validate plain.yaml --policies PIPE
validate plain.yaml --quota PIPE
diff PIPE plain.yaml
diff plain.yaml PIPE
run PIPE
test PIPE.test.yaml
plan plain.yaml --quota PIPE
groups --kubeconfig PIPE
"""


def test_every_argument_that_is_a_file_is_named_while_it_is_waited_for(tmp_path: Path) -> None:
    for name in ("PIPE", "PIPE.gz", "PIPE.test.yaml"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "j.yaml").write_text(JOB)
    (tmp_path / "plain.yaml").write_text(JOB.replace("$ITEM", "a"))
    (tmp_path / "names").write_text("a\n")
    processes = {
        words: subprocess.Popen(
            [EXPANDER, *words.split()],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "EXPANDER_STATE": str(tmp_path / "state")},
        )
        for words in COMMANDS.strip().splitlines()
    }
    told = {}
    for words, process in processes.items():
        assert process.stderr is not None
        told[words] = process.stderr.readline()
        process.kill()
        process.communicate()
    for words, line in told.items():
        name = next((word for word in words.split() if "PIPE" in word), "standard input").removeprefix("csv:")
        assert line.startswith("waiting for "), words
        assert line.endswith(f"{name}, to which nothing has been written yet\n"), words


def test_a_pipe_in_a_folder_is_not_opened_to_see_whether_it_holds_cases(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "job.test.yaml")
    assert [*files_of([str(tmp_path)])] == [str(tmp_path / "job.test.yaml")]
