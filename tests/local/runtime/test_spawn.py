"""What a process finds that is started."""

from __future__ import annotations

import os
import select
from contextlib import ExitStack

import pytest

from expander.local.runtime.spawn import Spawner

TEXTS = {100: "hosts\n", 101: "name\n", 102: "arguments\n"}


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("first", range(96, 106))
def test_texts_keep_their_numbers_however_many_files_are_open(first: int, terminal: bool) -> None:
    spawner = Spawner()
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
