"""Tables for people: columns as wide as what is in them, three spaces apart, as kubectl prints them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from expander.cli.output.streams import printable

MAX_CELL_WIDTH: Final = 60
"""Columns of a cell; the last cell of a line is never cut."""

MIN_CELL_WIDTH: Final = 10
"""Columns that a cell keeps on a narrow terminal."""

MIN_HEAD_WIDTH: Final = 12
"""Columns that a header keeps there."""

MIN_LAST_WIDTH: Final = 8
"""Columns that cells of the last column keep there."""

NARROW_GAP: Final = "  "

GAP: Final = "   "


def terminal_width() -> int | None:
    """The columns of the terminal that standard output is; None if it is none."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    from shutil import get_terminal_size

    return get_terminal_size().columns


def table(
    rows: Iterable[Sequence[str]], width: int | None = None, spare: Sequence[str] = ()
) -> Iterator[str]:
    """The lines of a table; a header is a row like others.

    If it does not fit into ``width`` columns, those headed by a name of ``spare`` that have the same in all
    rows are left out, then the widest cells are cut, then the last columns are left out.
    """
    *first, last = [*zip(*rows, strict=True)] or [()]
    columns = [*(_clean(column, _cell) for column in first), _clean(last, one_line)]
    widths = [*map(_width_of_column, columns)]
    gap = GAP
    if width is not None and sum(widths) + len(gap) * (len(widths) - 1) > width:
        gap = NARROW_GAP
        columns = [column for column in columns if column[0] not in spare or len(set(column[1:])) > 1]
        widths = _narrowed([*map(_width_of_column, columns)], [column[0] for column in columns], width)
        columns = [*map(_fit_column, columns, widths)]  # without those that are left out
    form = gap.join(f"%-{width}s" for width in widths)
    for row in zip(*columns, strict=True):
        line = form % tuple(row)
        if not line.isascii():
            cells = (cell + " " * (width - width_of(cell)) for cell, width in zip(row, widths, strict=True))
            line = gap.join(cells)
        yield line.rstrip() + "\n"


def _width_of_column(column: Sequence[str]) -> int:
    return max(map(len if "".join(column).isascii() else width_of, column), default=0)


def _fit_column(column: Sequence[str], width: int) -> Sequence[str]:
    """A column in ``width`` columns: of cells whose beginnings would be the same the ends are kept too."""
    cut = [fit(cell, width) for cell in column]
    if len(set(cut)) == len(set(column)):
        return cut
    with_ends = [fit(cell, width, ends=True) for cell in column]
    return with_ends if len(set(with_ends)) > len(set(cut)) else cut


class GrowingTable:
    """A table whose rows come one by one: its columns become wider as they need."""

    def __init__(self, head: Sequence[str]) -> None:
        self._head: Sequence[str] = head
        self._widths = [0] * len(head[:-1])

    def line(self, row: Sequence[str]) -> str:
        """The line of a row; before the first one that of the head."""
        *cells, last = row
        rows = [self._head] if self._head else []
        rows.append([*map(_cell, cells), one_line(last)])
        self._head = ()
        for each in rows:
            self._widths = [*map(max, self._widths, map(width_of, each[:-1]))]
        return "".join(map(self._aligned, rows))

    def _aligned(self, row: Sequence[str]) -> str:
        spaces = [" " * (width - width_of(cell)) for cell, width in zip(row[:-1], self._widths, strict=True)]
        return GAP.join([*map("".join, zip(row[:-1], spaces, strict=True)), row[-1]]).rstrip() + "\n"


def _narrowed(widths: Sequence[int], head: Sequence[str], width: int) -> list[int]:
    """The widths of the columns that fit into ``width``."""
    least = [max(min(width_of(name), MIN_HEAD_WIDTH), MIN_CELL_WIDTH) for name in head]
    least = [*map(min, widths, [*least[:-1], MIN_LAST_WIDTH])]
    gap = len(NARROW_GAP)
    count = len(widths)
    while count > 1 and sum(least[:count]) + gap * (count - 1) > width:
        count -= 1
    found = list(widths[:count])
    excess = sum(found) + gap * (count - 1) - width
    while excess > 0 and found != least[:count]:
        place = max(range(count), key=lambda each: (found[each] > least[each], found[each]))
        found[place] -= 1
        excess -= 1
    return found


def _clean(column: Sequence[str], clean: Callable[[str], str]) -> Sequence[str]:
    """A column of harmless cells; most are as they come."""
    whole = "".join(column)
    if whole.isascii() and whole.isprintable() and max(map(len, column), default=0) <= MAX_CELL_WIDTH:
        return column
    return [clean(text) for text in column]


def _cell(text: str) -> str:
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


def fit(text: str, width: int, *, ends: bool = False) -> str:
    """``text``, or its beginning and ``...`` in ``width`` columns; with ``ends`` its end as well."""
    if width_of(text) <= width:
        return text
    room = max(width - 3, 0)
    end = text[len(text) - room * 2 // 3 :] if ends else ""
    while width_of(end) > room:
        end = end[1:]
    kept = text[: room - width_of(end)]
    while width_of(kept) > room - width_of(end):
        kept = kept[:-1]
    return f"{kept}...{end}"


def without_empty(rows: Sequence[Sequence[str]], names: Iterable[str]) -> list[list[str]]:
    """The table without those columns named in ``names`` in which there is nothing."""
    head, *body = rows
    kept = [
        place
        for place, name in enumerate(head)
        if name not in set(names) or any(row[place] not in ("", "0") for row in body)
    ]
    return [[row[place] for place in kept] for row in rows]
