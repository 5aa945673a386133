"""Tables for people: columns as wide as what is in them, three spaces apart, as kubectl prints them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from expander.cli.output.streams import printable

MAX_CELL_WIDTH: Final = 60
"""Columns of a cell; the last cell of a line is never cut."""

GAP: Final = "   "


def table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table; a header is a row like others."""
    clean = [[*map(_cell, row[:-1]), one_line(row[-1])] for row in rows]
    widths = [max(map(width_of, column)) for column in zip(*clean, strict=True)]
    for row in clean:
        line = GAP.join(map(str.ljust, row, widths))
        if not line.isascii():
            cells = (cell + " " * (width - width_of(cell)) for cell, width in zip(row, widths, strict=True))
            line = GAP.join(cells)
        yield line.rstrip() + "\n"


def _cell(text: str) -> str:
    if len(text) <= MAX_CELL_WIDTH and text.isascii() and text.isprintable():
        return text
    return fit(one_line(text), MAX_CELL_WIDTH)


def one_line(text: str) -> str:
    """``text`` on one line, harmless for a terminal."""
    return printable(text).replace("\n", "\\n")


def width_of(text: str) -> int:
    """The columns that ``text`` takes on a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 1 + (east_asian_width(c) in "WF") for c in text)


def fit(text: str, width: int) -> str:
    """``text``, or its beginning and ``...`` in ``width`` columns."""
    if width_of(text) <= width:
        return text
    kept = text[: max(width - 3, 0)]
    while width_of(kept) > max(width - 3, 0):
        kept = kept[:-1]
    return kept + "..."


def without_empty(rows: Sequence[Sequence[str]], names: Iterable[str]) -> list[list[str]]:
    """The table without those columns named in ``names`` in which there is nothing."""
    head, *body = rows
    kept = [
        place
        for place, name in enumerate(head)
        if name not in set(names) or any(row[place] not in ("", "0") for row in body)
    ]
    return [[row[place] for place in kept] for row in rows]
