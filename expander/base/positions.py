"""Where a piece of input came from."""

from __future__ import annotations

from typing import NamedTuple


class Position(NamedTuple):
    """A place in a source text.

    ``file`` is the name a person would use for the source (a path, or ``<stdin>``), ``line`` and
    ``column`` count from 1; 0 means that part is not known.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)
