"""Items from CSV and TSV: with named columns, which the first row names unless the table has no header."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from itertools import chain
from typing import BinaryIO

from expander.base.errors import InputError, Problem, SourceLocation
from expander.items.formats.table import Table, header_problems
from expander.items.formats.text import texts
from expander.items.item import Item


def read_csv(stream: BinaryIO, source: str) -> Iterator[Item]:
    """One item per row of comma-separated values (RFC 4180); every value is a string.

    Quoted fields may hold commas, doubled quotes and line ends; ``line`` of an item is where its row
    starts. Empty lines are skipped. A row with more or fewer fields than the header is an item with a
    problem. Raises InputError for a missing header, an empty or repeated column name, and quotes that do not
    match.
    """
    return read_table(stream, source, Table(), ",")


def read_tsv(stream: BinaryIO, source: str) -> Iterator[Item]:
    """Like `read_csv` with tabs between the fields, as spreadsheets write it (quotes included)."""
    return read_table(stream, source, Table(), "\t")


OTHER_DELIMITERS = ";\t|"
"""What else stands between the names of a header; one name with such a character is probably several."""


def read_table(stream: BinaryIO, source: str, table: Table, delimiter: str) -> Iterator[Item]:
    """The items of a table with ``delimiter`` between columns, unless ``table`` says another.

    Raises InputError as `read_csv`.
    """
    rows = csv.reader(_lines(stream, source), delimiter=table.delimiter or delimiter, strict=True)
    header: list[str] | None = [*table.columns] or None
    width = len(header or ())
    number = 0
    end = 0
    try:
        for row in rows:
            line, end = end + 1, rows.line_num
            if not row:
                continue
            if header is None:
                header = row if table.header else [str(place) for place in range(1, len(row) + 1)]
                width = len(header)
                if table.header:
                    _check_header(header, table, SourceLocation(source, line))
                    continue
            number += 1
            problem = None
            if len(row) != width:
                problem = _ragged(row, header, number, SourceLocation(source, line))
                row = [*row[:width], *[""] * (width - len(row))]
            plain = width == 1 and not (table.header or table.columns)
            value = row[0] if plain else dict(zip(header, row, strict=True))
            yield Item(value, number, source, line, problem)
    except csv.Error as error:
        raise _malformed(str(error), number + 1, SourceLocation(source, end + 1)) from error
    if header is None and table.header:
        raise InputError(
            "no header row", where=SourceLocation(source), hint="the first row names the columns"
        )


def _lines(stream: BinaryIO, source: str) -> Iterator[str]:
    r"""Lines with their ends; ``\r`` alone ends a line too, and it is kept inside quotes."""
    return chain.from_iterable(StringIO(text, newline="") for text, _ in texts(stream, source))


def _check_header(header: list[str], table: Table, where: SourceLocation) -> None:
    if problems := header_problems(header, where):
        raise InputError(problems)
    if len(header) == 1 and table.delimiter is None:
        found = next((each for each in OTHER_DELIMITERS if each in header[0]), None)
        if found is not None:
            raise InputError(
                f"found the single column {header[0]!r}, expected commas between columns",
                where=where,
                hint=f"--delimiter {found!r} reads several columns, --delimiter , reads one",
            )
    if table.on_header is not None:
        table.on_header(where.file, header)


def _ragged(row: list[str], header: list[str], number: int, where: SourceLocation) -> Problem:
    names = ", ".join(header if len(header) <= 9 else [*header[:8], "..."])
    missing = ", ".join(repr(name) for name in header[len(row) :])
    return Problem(
        f"found {len(row)} field{'s' if len(row) != 1 else ''}, expected {len(header)} ({names})",
        where=where,
        item=f"item {number}",
        hint=f"missing: {missing}" if missing else "quote a field that holds the separator",
    )


def _malformed(reason: str, number: int, where: SourceLocation) -> InputError:
    message, hint = f"misplaced quote: {reason}", 'write a field with quotes "like ""this"""'
    if "unexpected end of data" in reason:
        message, hint = "unterminated quote", "a quote inside a field is written twice"
    elif "field larger" in reason:
        message, hint = (
            f"a field is longer than {csv.field_size_limit():,} characters",
            "is a quote unterminated?",
        )
    return InputError(message, where=where, item=f"item {number}", hint=hint)
