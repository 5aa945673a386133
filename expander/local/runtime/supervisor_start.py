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

from expander.base.errors import OutputError

_CODE: Final = (
    "import sys; sys.path[:0] = sys.argv[1:2]; from expander.local.runtime.supervisor import main; main()"
)


class StartedSupervisor:
    """A supervisor that comes up.

    ``channel`` takes its commands, and events come from ``events`` (see `wire`), the reading end of a pipe;
    both are the caller's to close, and then ``process`` ends. Its command line names the state ``folder``.
    Raises OutputError when it cannot be started.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        try:
            with contextlib.ExitStack() as undo:
                self._start(os.fspath(folder), undo)
        except OSError as error:
            raise OutputError(f"the supervisor of {folder} cannot be started: {error.strerror}") from error

    def _start(self, folder: str, undo: contextlib.ExitStack) -> None:
        """Start the process; ``undo`` closes what was opened if that fails."""
        root = os.path.abspath(f"{__file__}/../../../..")
        theirs, self.channel = _socket.socketpair()
        undo.callback(theirs.close)
        undo.callback(self.channel.close)
        self.events, answers = os.pipe()
        undo.callback(os.close, self.events)
        undo.callback(os.close, answers)
        numbers = map(str, (theirs.fileno(), answers, os.getpid()))
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _CODE, root, *numbers, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(theirs.fileno(), answers),
        )
        undo.pop_all()
        theirs.close()
        os.close(answers)

    def begin(self, journal: str, complaints: str) -> None:
        """Have it work, with these files for its journal and for what it writes if it fails."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self.process.stdin as names:  # its end is seen by `events`
            names.write(os.fsencode(f"{journal}\0{complaints}"))
