"""Starts the supervisor process, also before its client is loaded: it comes up meanwhile.

It is told its journal when that is known. If it is not, it ends with this process or when it is dropped.
"""

from __future__ import annotations

import _socket
import contextlib
import os
import subprocess
import sys
from typing import Final

_CODE: Final = (
    "import sys; sys.path[:0] = sys.argv[1:2]; from expander.local.runtime.supervisor import main; main()"
)


class StartedSupervisor:
    """A supervisor that comes up.

    ``channel`` takes its commands, and events come from ``events`` (see `wire`), the reading end of a pipe;
    both are the caller's to close, and then ``process`` ends. Its command line names the state ``folder``.
    Raises OSError when it cannot be started.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        root = os.path.abspath(f"{__file__}/../../../..")
        theirs, self.channel = _socket.socketpair()
        self.events, answers = os.pipe()
        numbers = map(str, (theirs.fileno(), answers, os.getpid()))
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _CODE, root, *numbers, os.fspath(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(theirs.fileno(), answers),
        )
        theirs.close()
        os.close(answers)

    def begin(self, journal: str, complaints: str) -> None:
        """Have it work, with these files for its journal and for what it writes if it fails."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self.process.stdin as names:  # its end is seen by `events`
            names.write(os.fsencode(f"{journal}\0{complaints}"))
