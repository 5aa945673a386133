"""Output that comes in pieces of any size, as whole lines with a prefix."""

from __future__ import annotations

from typing import Final

from expander.base.regex import regex

MAX_LINE_BYTES: Final = 16 << 20
"""Longest line in bytes; a longer one is broken, so that memory is bounded."""


_OVERWRITTEN: Final = regex(rb"(?m)^([0-9-]{10}T[0-9:]{8}\.[0-9]+Z )?[^\n]*\r(?=[^\r\n])")
"""What a terminal would show no more of a line, after the time that may stand before it."""


def last_written(lines: bytes) -> bytes:
    """The lines as a terminal shows them at last: of each the text after its last carriage return."""
    return _OVERWRITTEN.sub(rb"\1", lines) if b"\r" in lines else lines


class LineSplitter:
    """Whole lines of a log, each with ``prefix``; what has no end yet is held, at most ``longest`` bytes.

    ``terminal``: of each line only what was written last (`last_written`).
    """

    __slots__ = ("_begun", "_longest", "_prefix", "_terminal", "held")

    def __init__(self, prefix: bytes = b"", longest: int = MAX_LINE_BYTES, *, terminal: bool = False) -> None:
        self._terminal = terminal
        self._prefix = prefix
        self._longest = longest
        self._begun: list[bytes] = []
        self.held = 0
        """Bytes of the line that has no end yet."""

    def lines(self, piece: bytes) -> bytes:
        """The lines that are complete with ``piece``; nothing when none is."""
        cut = piece.rfind(b"\n") + 1
        whole = b""
        if cut:
            whole = self._prefixed(b"".join([*self._begun, piece[:cut]]))
            self._begun, self.held, piece = [], 0, piece[cut:]
        if piece:
            self._begun.append(piece)
            self.held += len(piece)
        return whole + self.end() if self.held > self._longest else whole

    def end(self) -> bytes:
        """What is held, as a line; nothing when nothing is."""
        if not self.held:
            return b""
        line = self._prefixed(b"".join([*self._begun, b"\n"]))
        self._begun, self.held = [], 0
        return line

    def _prefixed(self, lines: bytes) -> bytes:
        if self._terminal:
            lines = last_written(lines)
        if not self._prefix:
            return lines
        return self._prefix + lines[:-1].replace(b"\n", b"\n" + self._prefix) + b"\n"
