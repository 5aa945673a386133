"""Items from Parquet, and from Arrow files and streams (Feather): typed rows, read in batches.

Values become what those of data frames become. The line of an item is the number of its row, from 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Final

from expander.base.errors import InputError, SourceLocation
from expander.base.extras import library
from expander.items.formats.text import reason
from expander.items.item import Item
from expander.items.python_values import arrow_rows, plain
from expander.items.source import checked_value

EXTRA: Final = "arrow"
"""The extra that installs pyarrow."""

BATCH_ROWS: Final = 1024
"""Rows that are objects of Python at a time."""

BUFFER_BYTES: Final = 1 << 16
"""Bytes of a column that are read at a time, since a row group may be large."""

_FILE: Final = b"ARROW1"
_STREAM: Final = b"\xff\xff\xff\xff"
_EXPECTED: Final = "text, a number, true or false, a date or time, a list or a struct"


def read_parquet(stream: BinaryIO, source: str) -> Iterator[Item]:
    """One item per row, with its columns. Memory is that of `BATCH_ROWS` rows and some pages, never more
    than a row group.

    Raises UsageError when pyarrow is not installed; InputError for what is not Parquet, for a pipe, for
    columns of one name, and for a value that no item can have.
    """
    parquet = library("pyarrow.parquet", EXTRA, SourceLocation(source))
    _check_seekable(stream, source, "a Parquet file")
    with _readable(source, "Parquet"):
        file = parquet.ParquetFile(stream, pre_buffer=False, buffer_size=BUFFER_BYTES)
        names = file.schema_arrow.names
        batches = file.iter_batches(batch_size=BATCH_ROWS, use_threads=False)
    yield from _items(names, batches, source, "Parquet")


def read_arrow(stream: BinaryIO, source: str) -> Iterator[Item]:
    """One item per row of an Arrow file (Feather version 2) or stream, with its columns; see `read_parquet`.

    Memory is that of one batch as the file has them. A stream may come through a pipe.
    """
    ipc = library("pyarrow.ipc", EXTRA, SourceLocation(source))
    start = _start(stream)
    if start == _FILE:
        _check_seekable(stream, source, "an Arrow file")
    elif not start.startswith(_STREAM):
        raise InputError(
            "found neither an Arrow file (Feather version 2) nor an Arrow stream",
            where=SourceLocation(source),
            hint="this looks like Parquet; parquet:FILE reads it" if start.startswith(b"PAR1") else None,
        )
    with _readable(source, "Arrow"):
        file = ipc.open_file(stream) if start == _FILE else ipc.open_stream(stream)
        names = file.schema.names
        batches = map(file.get_batch, range(file.num_record_batches)) if start == _FILE else file
    yield from _items(names, batches, source, "Arrow")


def _items(names: list[str], batches: Iterator[Any], source: str, form: str) -> Iterator[Item]:
    rows = arrow_rows(names, _batches(batches, source, form), SourceLocation(source))
    for number, row in enumerate(rows, 1):
        yield checked_value(Item(plain(row), number, source, number), _EXPECTED)


def _batches(batches: Iterator[Any], source: str, form: str) -> Iterator[list[dict[str, Any]]]:
    """The rows of each part of the batches."""
    before = 0
    while True:
        with _readable(source, form):
            batch = next(batches, None)
        if batch is None:
            return
        for start in range(0, batch.num_rows, BATCH_ROWS):
            yield _rows(batch.slice(start, BATCH_ROWS), source, before + start + 1)
        before += batch.num_rows


def _rows(batch: Any, source: str, first: int) -> list[dict[str, Any]]:
    """The rows of a batch, of which ``first`` is the number of the first."""
    try:
        batch.validate(full=True)  # what a file says of itself may lead outside of it
        rows: list[dict[str, Any]] = batch.to_pylist()
    except (ValueError, OverflowError) as error:
        raise _unreadable(batch, source, first, error) from error
    return rows


def _unreadable(batch: Any, source: str, first: int, error: Exception) -> InputError:
    """The error for the first cell that has no value in Python, such as text that is not UTF-8."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        for place in range(batch.num_rows):
            cell = column.slice(place, 1)
            try:
                cell.validate(full=True)
                cell.to_pylist()
            except (ValueError, OverflowError) as found:
                where = SourceLocation(source, first + place)
                return InputError(
                    f"cannot be read: {_words(found)}, in the column {name!r}",
                    item=f"item {first + place} ({where})",
                )
    return InputError(f"cannot be read: {_words(error)}", where=SourceLocation(source, first))


def _start(stream: BinaryIO) -> bytes:
    """The first bytes of ``stream``, which are read again."""
    if stream.seekable():
        start = stream.read(len(_FILE))
        stream.seek(-len(start), 1)
        return start
    peek = getattr(stream, "peek", None)
    return _STREAM if peek is None else peek(len(_FILE))[: len(_FILE)]


def _check_seekable(stream: BinaryIO, source: str, what: str) -> None:
    if not stream.seekable():
        raise InputError(
            f"{what} cannot be read from a pipe, since its index is at the end",
            where=SourceLocation(source),
            hint="write it to a file, and give its name",
        )


@contextmanager
def _readable(source: str, form: str) -> Iterator[None]:
    """Errors of the library are InputErrors within."""
    arrow = library("pyarrow", EXTRA)
    try:
        yield
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise InputError(
            f"cannot be read as {form}: {_words(error)}", where=SourceLocation(source)
        ) from error


def _words(error: Exception) -> str:
    """The first line of what the library says."""
    return reason(error).partition("\n")[0].rstrip(".")
