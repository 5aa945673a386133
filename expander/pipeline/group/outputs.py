"""What items put out, as a column of a table: the end of the output of the attempt that decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from expander.base.errors import ExpanderError
from expander.pipeline.group.attempts import main_container
from expander.pipeline.group.readers import Readers
from expander.pipeline.group.records import Record
from expander.pipeline.group.source import Reader
from expander.pipeline.group.table import Row

AT_ONCE = 16
"""Logs that are read at a time."""


def with_outputs(
    reader: Reader,
    records: Sequence[Record],
    rows: Sequence[Row],
    limit: int,
    failed: Callable[[ExpanderError], None],
) -> None:
    """Give each row the last ``limit`` bytes of its record's output as ``output``, None where it has none."""
    with Readers[tuple[str | None]](AT_ONCE) as readers:
        places = (partial(_output, reader, record, limit) for record in records)
        for row, said in zip(rows, readers.in_order(places), strict=True):
            row["output"] = None if isinstance(said, ExpanderError) else said[0]
            if isinstance(said, ExpanderError):
                failed(said)


def last_bytes(pieces: Iterator[bytes], limit: int) -> bytes:
    """The end of a log, at most ``limit`` bytes, from the beginning of a line where that can be."""
    end, cut = b"", False
    for piece in pieces:
        end += piece
        if len(end) > 2 * limit:
            end, cut = end[-limit:], True
    if cut or len(end) > limit:
        end = end[-limit:]
        line = end.find(b"\n") + 1
        return end[line:] if 0 < line < len(end) else end
    return end


def _output(reader: Reader, record: Record, limit: int) -> Iterator[tuple[str | None]]:
    attempt = record.deciding
    if attempt is None:
        yield (None,)
        return
    pieces = reader.log(attempt.pod, main_container(attempt.pod))
    yield (last_bytes(pieces, limit).decode("utf-8", "replace"),)
