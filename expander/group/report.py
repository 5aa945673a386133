"""The report of a group: one HTML file that opens anywhere.

The items that a report shows with the end of their logs: those that failed first, and the slowest.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from expander.base.errors import ExpanderError, OutputError
from expander.group.logs import failed_container
from expander.group.parallel_read import Readers
from expander.group.records import Record, records
from expander.group.report_data import Summary, counted, lasted, plain, summarize, why
from expander.group.report_page import page
from expander.group.results import AT_ONCE, last_bytes, write_whole
from expander.group.source import LogOptions, Reader
from expander.run.outcomes import FAILED

FAILURES: Final = 50
SLOWEST: Final = 10

LINES: Final = 20
BYTES: Final = 4096
"""Of a log so many lines are shown, and not more than so many bytes."""

Entry = dict[str, Any]


def failures(summary: Summary) -> list[Record]:
    """The items that failed first."""
    found = [record for record in summary.records if record.state == FAILED]
    return sorted(found, key=lambda one: (one.finished is None, one.finished or 0.0))[:FAILURES]


def slowest(summary: Summary) -> list[Record]:
    """The items that took longest, of few items three; none when all took the same."""
    found = sorted((r for r in summary.records if r.seconds is not None), key=lambda one: -(one.seconds or 0))
    if not found or found[0].seconds == found[-1].seconds:
        return []
    return found[: min(SLOWEST, max(3, summary.total // 5))]


def entries(reader: Reader, records: Sequence[Record]) -> list[Entry]:
    """What the page says of each of these; a log that cannot be read does not spoil the others."""
    found = []
    with Readers[tuple[str | None]](AT_ONCE) as readers:
        tails = readers.in_order(partial(_tail, reader, record) for record in records)
        for record, tail in zip(records, tails, strict=True):
            found.append(
                {
                    "label": plain(record.label),
                    "state": record.state,
                    "facts": _facts(record),
                    "message": plain(record.message),
                    "tail": None if isinstance(tail, ExpanderError) else tail[0],
                    "problem": plain(tail.problems[0].message) if isinstance(tail, ExpanderError) else "",
                }
            )
    return found


def _facts(record: Record) -> str:
    parts = [why(record) if record.state == FAILED else "", lasted(record.seconds)]
    if len(record.attempts) > 1:
        parts.append(counted(len(record.attempts), "pod"))
    return ", ".join(plain(part) for part in parts if part)


def _tail(reader: Reader, record: Record) -> Iterator[tuple[str | None]]:
    attempt = record.deciding
    if attempt is None:
        yield (None,)
        return
    pieces = reader.log(attempt.pod, failed_container(attempt.pod), LogOptions(tail=LINES))
    yield (plain(last_bytes(pieces, BYTES).decode("utf-8", "replace")).rstrip("\n"),)


def report(reader: Reader, title: str, *, version: str = "", now: float | None = None) -> str:
    """The report of the group that ``reader`` tells of, as HTML; ``now`` in Unix seconds.

    Raises what the reader raises for Jobs and pods; a log that cannot be read is only said in the page.
    """
    found = summarize(records(reader), time.time() if now is None else now)
    return page(
        found, title, reader.where, entries(reader, failures(found)), entries(reader, slowest(found)), version
    )


def write_report(reader: Reader, path: Path, title: str, *, version: str = "") -> int:
    """Write the report to ``path``, whole or not at all; gives its size in bytes.

    Raises OutputError when it cannot be written, and what `report` raises.
    """
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {path.parent}")
    text = report(reader, title, version=version)
    return write_whole(path, [text.encode("utf-8", "backslashreplace")])
