"""The items that a report shows with the end of their logs: those that failed first, and the slowest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

from expander.base.errors import ExpanderError
from expander.pipeline.group.outputs import AT_ONCE, last_bytes
from expander.pipeline.group.readers import Readers
from expander.pipeline.group.records import Record
from expander.pipeline.group.report_data import Summary, plain, why
from expander.pipeline.group.report_words import counted, lasted
from expander.pipeline.group.source import Reader
from expander.pipeline.group.tails import failed_container
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
    pieces = reader.log(attempt.pod, failed_container(attempt.pod), tail=LINES)
    yield (plain(last_bytes(pieces, BYTES).decode("utf-8", "replace")).rstrip("\n"),)
