"""Tables for people: columns as wide as what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from expander.cli.messages import printable

LONGEST: Final = 60
"""Characters of a cell; the last column is never cut."""

_digits = re.compile(r"([0-9]+)").split


def lines_of(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table, whose first row is its header."""
    clean = [[*map(cell_of, row[:-1]), _one_line(row[-1])] for row in rows]
    widths = [max(map(len, column)) for column in zip(*clean, strict=True)]
    for row in clean:
        yield "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"


def cell_of(text: str) -> str:
    """A text as one cell: on one line, harmless for a terminal, not too long."""
    text = _one_line(text)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def natural(name: str) -> tuple[tuple[str, int], ...]:
    """A key that sorts ``item-9`` before ``item-10``."""
    parts = iter(_digits(name))
    return tuple((text, int(next(parts, "0"))) for text in parts)


def without(rows: Sequence[Sequence[str]], empty: Iterable[str]) -> list[list[str]]:
    """The table without those columns named in ``empty`` in which there is nothing."""
    head, *body = rows
    kept = [
        place
        for place, name in enumerate(head)
        if name not in set(empty) or any(row[place] not in ("", "0") for row in body)
    ]
    return [[row[place] for place in kept] for row in rows]


def _one_line(text: str) -> str:
    return printable(text).replace("\n", "\\n")
