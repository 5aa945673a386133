"""A run that is killed, interrupted or refused by the system leaves whole files, and the next one goes on."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from expander.base.errors import OutputError
from expander.sinks.directory import DirectorySink, Outcome
from expander.sinks.folder import Folder

FILES = 3000


def content(version: int, number: int) -> bytes:
    return b"%d %d " % (version, number) * 200


def entries(version: int) -> Iterator[tuple[str, bytes]]:
    return ((f"job-{number}", content(version, number)) for number in range(FILES))


WRITER = f"""
import sys
from expander.sinks.directory import DirectorySink
version = int(sys.argv[2])
with DirectorySink(sys.argv[1]) as sink:
    for number in range({FILES}):
        sink.write(f"job-{{number}}", b"%d %d " % (version, number) * 200)
        print(number, flush=True)
"""


def killed_run(folder: Path, version: int, after: int) -> None:
    """Start a run, and kill it soon after it has written file number ``after``."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(version)], stdout=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if int(line) >= after:
                break
        run.send_signal(signal.SIGKILL)


def test_kill_leaves_no_half_file_and_the_next_run_knows_what_was_written(tmp_path: Path) -> None:
    for version, after in enumerate([0, 1, 700, 333, 1500, 2, 2100, 47]):
        killed_run(tmp_path, version, after)
        written = [name for name in os.listdir(tmp_path) if not name.startswith(".")]
        assert len(written) > after
        for name in written:
            number = int(name.removeprefix("job-"))
            assert (tmp_path / name).read_bytes() in [content(past, number) for past in range(version + 1)]
    with DirectorySink(tmp_path) as sink:
        sink.write_many(entries(99))
    assert sink.finish()[Outcome.CHANGED] + sink.finish()[Outcome.CREATED] == FILES
    with DirectorySink(tmp_path, prune=True) as sink:
        pass
    assert os.listdir(tmp_path) == [".expander-index"]


def test_what_a_dead_run_left_behind_is_cleaned_up(tmp_path: Path) -> None:
    for name in (".expander-tmp", ".expander-index-next"):
        (tmp_path / name).write_bytes(b"half")
    with DirectorySink(tmp_path) as sink:
        assert sink.write("a", b"1") is Outcome.CREATED
    assert sorted(os.listdir(tmp_path)) == [".expander-index", "a"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_exception_keeps_what_was_written_on_record_and_prunes_nothing(
    tmp_path: Path, error: type[BaseException]
) -> None:
    with DirectorySink(tmp_path) as sink:
        sink.write("old", b"0")

    def entries() -> Iterator[tuple[str, bytes]]:
        raise error
        yield

    with pytest.raises(error), DirectorySink(tmp_path, prune=True) as sink:  # noqa: PT012
        sink.write("a", b"1")
        sink.write_many(entries())
    assert sorted(os.listdir(tmp_path)) == [".expander-index", "a", "old"]
    with DirectorySink(tmp_path, prune=True) as sink:
        assert sink.write("a", b"2") is Outcome.CHANGED
    assert sink.removed == ["old"]


@pytest.mark.parametrize("call", ["open", "write", "close", "link", "rename"])
def test_ctrl_c_in_the_middle_of_a_file_leaves_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    with DirectorySink(tmp_path) as sink:
        sink.write_many([("a", b"1"), ("b", b"1")])
    real = getattr(os, call)
    skipped = iter([True] if call == "write" else [])  # the first one goes to the index

    def interrupted(*args: object, **more: object) -> object:
        result = real(*args, **more) if call == "close" or next(skipped, False) else None
        if result is None:
            raise KeyboardInterrupt
        return result

    with pytest.raises(KeyboardInterrupt), DirectorySink(tmp_path) as sink:  # noqa: PT012
        sink.write("a", b"2")
        with monkeypatch.context() as patch:
            patch.setattr(os, call, interrupted)
            sink.write_many([("b", b"2"), ("c", b"2")])
    written = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path) if name[0] != "."}
    assert written == {"a": b"2", "b": b"2" if call == "link" else b"1"}
    with DirectorySink(tmp_path) as sink:
        assert sink.write_many([("a", b"3"), ("b", b"3")]) == [Outcome.CHANGED] * 2
    assert sorted(os.listdir(tmp_path)) == [".expander-index", "a", "b"]


LIMITED = """
import resource, signal, sys
from expander.base.errors import OutputError
from expander.sinks.directory import DirectorySink
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    with DirectorySink(sys.argv[1]) as sink:
        sink.write("old", b"2" * 1000)
        sink.write("whole", b"w" * 1000)
        sink.write(sys.argv[2], b"x" * 3000)
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize("name", ["old2", "new"])
def test_a_file_that_does_not_fit_leaves_nothing_of_itself(tmp_path: Path, name: str) -> None:
    with DirectorySink(tmp_path) as sink:
        sink.write_many([("old", b"1"), ("old2", b"1")])
    said = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), name], capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith(f"cannot write {tmp_path / name}: File too large\n  hint: ")
    assert said.stderr == ""
    assert sorted(os.listdir(tmp_path)) == [".expander-index", "old", "old2", "whole"]
    assert (tmp_path / "old2").read_bytes() == b"1"
    with DirectorySink(tmp_path) as sink:
        assert sink.write_many([("old", b"3"), ("whole", b"3"), ("old2", b"3")]) == [Outcome.CHANGED] * 3


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENOTDIR])
def test_what_the_system_refuses_names_the_file_and_keeps_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real = Folder.create

    def create(self: Folder, name: str, data: bytes) -> os.stat_result | None:
        if name == "c":
            raise OSError(number, os.strerror(number))
        return real(self, name, data)

    monkeypatch.setattr(Folder, "create", create)
    with pytest.raises(OutputError) as caught, DirectorySink(tmp_path) as sink:
        sink.write_many([(name, b"1") for name in "abcd"])
    monkeypatch.undo()
    assert str(caught.value).startswith(f"cannot write {tmp_path / 'c'}: {os.strerror(number)}")
    assert caught.value.problems[0].hint
    assert sorted(os.listdir(tmp_path)) == [".expander-index", "a", "b"]
    with DirectorySink(tmp_path, prune=True) as sink:
        pass
    assert sorted(sink.removed) == ["a", "b"]


def test_an_index_that_cannot_grow_stays_readable(tmp_path: Path) -> None:
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))"
    program = LIMITED.replace("resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))", full)
    said = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), "x"], capture_output=True, text=True, check=True
    )
    assert "File too large" in said.stdout
    with DirectorySink(tmp_path) as sink:
        assert sink.write("old", b"3") is Outcome.CREATED


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("file", "it is a file"),
        ("file/below", "Not a directory"),
        ("dangling", "it is a link that leads nowhere"),
    ],
)
def test_a_path_that_is_no_folder_is_refused(tmp_path: Path, path: str, words: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(OutputError, match="cannot open the folder") as caught, DirectorySink(tmp_path / path):
        pass
    assert f"{tmp_path / path}: {words}" in str(caught.value)


def test_a_folder_that_is_removed_during_the_run_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    with pytest.raises(OutputError, match="job-2"), DirectorySink(folder) as sink:  # noqa: PT012
        sink.write("job-1", b"")
        for name in os.listdir(folder):
            (folder / name).unlink()
        folder.rmdir()
        sink.write("job-2", b"")
