"""What a process finds that is started."""

from __future__ import annotations

import os
import select
from contextlib import ExitStack
from pathlib import Path

import pytest

from expander.local.runtime.spawn import Spawner

TEXTS = {100: "hosts\n", 101: "name\n", 102: "arguments\n"}


@pytest.fixture
def spawner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spawner:
    """A spawner as a supervisor has it. Each start goes to the folder of the process."""
    monkeypatch.chdir(tmp_path)
    return Spawner()


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("first", range(96, 106))
def test_texts_keep_their_numbers_however_many_files_are_open(
    spawner: Spawner, first: int, terminal: bool
) -> None:
    with ExitStack() as stack:
        reader, writer = os.openpty() if terminal else os.pipe()
        last = writer
        for file in (reader, writer):
            stack.callback(os.close, file)
        while last < first - 1:  # the next file gets the number `first`
            last = os.open(os.devnull, os.O_RDONLY)
            stack.callback(os.close, last)
        argv = ["/bin/cat", *(f"/dev/fd/{number}" for number in TEXTS)]
        stdin = writer if terminal else None
        pid = spawner.start(argv, {}, None, (writer, writer), data=TEXTS, terminal=terminal, stdin=stdin)
        _, status = os.waitpid(pid, 0)
        printed = ""
        while printed.count("\n") < len(TEXTS) and select.select([reader], [], [], 10.0)[0]:
            printed += os.read(reader, 1000).decode().replace("\r", "")
    assert (os.waitstatus_to_exitcode(status), printed) == (0, "".join(TEXTS.values()))


def test_what_goes_wrong_at_a_terminal_is_told_however_many_files_are_open(
    tmp_path: Path, spawner: Spawner
) -> None:
    program = tmp_path / "program"
    program.write_text("neither a script nor a program")
    program.chmod(0o755)
    with ExitStack() as stack:
        last = 0
        while last < max(TEXTS) - 2:
            last = os.open(os.devnull, os.O_RDONLY)
            stack.callback(os.close, last)
        reader, writer = os.openpty()
        for file in (reader, writer):
            stack.callback(os.close, file)
        assert writer in TEXTS
        pid = spawner.start(
            [str(program)], {}, None, (writer, writer), data=TEXTS, terminal=True, stdin=writer
        )
        os.waitpid(pid, 0)
        assert select.select([reader], [], [], 10.0)[0]
        assert os.read(reader, 1000) == b"exec format error"
