"""A small terminal: what a user sees of a program that runs in it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Callable, Sequence

_PARTS = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


class Screen:
    """The rows that were printed, with those that have scrolled away; they wrap at ``columns``."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.rows = [""]
        self._row = self._column = 0

    def feed(self, text: str) -> None:
        """Print ``text``, which has SGR, cursor-up and erase sequences only."""
        for numbers, letter, end, words in _PARTS.findall(text):
            if letter == "A":
                self._row -= int(numbers or 1)
            elif letter == "J":
                del self.rows[self._row + 1 :]
                self.rows[self._row] = self.rows[self._row][: self._column]
            elif end == "\r":
                self._column = 0
            elif end == "\n":
                self._next_row()
            elif words:
                self._put(words)
            else:
                assert letter == "m", (numbers, letter)

    def _put(self, words: str) -> None:
        while words:
            if self._column == self.columns:
                self._next_row()
                self._column = 0
            part, words = words[: self.columns - self._column], words[self.columns - self._column :]
            row = self.rows[self._row].ljust(self._column)
            self.rows[self._row] = row[: self._column] + part + row[self._column + len(part) :]
            self._column += len(part)

    def _next_row(self) -> None:
        self._row += 1
        if self._row == len(self.rows):
            self.rows.append("")


class Terminal:
    """Runs a command with all its streams on a terminal; `shown` is every state of its screen's last row."""

    def __init__(self, command: Sequence[str], columns: int, **environment: str) -> None:
        self.screen = Screen(columns)
        self.last_rows: list[str] = []
        self.raw = ""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        env = {**os.environ, "TERM": "xterm", "EXPANDER_PROGRESS": "auto", **environment}
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True
        )
        os.close(slave)
        self._master = master

    def run(self, seen: Callable[[str], None] = lambda text: None) -> int:
        """Read until the command ends; ``seen`` hears of all that has been printed. Gives the exit code."""
        pending = b""
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                break
            if not data:
                break
            pending += data
            whole, pending = _whole(pending)
            self.raw += whole
            self.screen.feed(whole)
            self.last_rows.append(self.screen.rows[-1])
            seen(self.raw)
        os.close(self._master)
        return self._process.wait(timeout=60)

    def interrupt(self) -> None:
        """Send the signal of Ctrl-C."""
        self._process.send_signal(2)

    @property
    def lines(self) -> list[str]:
        """The rows at the end, without empty ones."""
        return [row.rstrip() for row in self.screen.rows if row.strip()]


def _whole(data: bytes) -> tuple[str, bytes]:
    """``data`` up to a character or sequence that is not complete, and that."""
    cut = data.rfind(b"\x1b")
    end = len(data) if cut < 0 or re.match(rb"\x1b\[[0-9;]*[A-Za-z]", data[cut:]) else cut
    return data[:end].decode(), data[end:]
