"""The report of a group: one self-contained HTML file."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expander.base.errors import ExpanderError, OutputError
from expander.base.text import cut, natural
from expander.group.attempts import memory_of
from expander.group.known.attempts import with_earlier
from expander.group.known.chunk_items import with_items
from expander.group.logs import failed_container
from expander.group.parallel_read import ParallelReader
from expander.group.records import SKIPPED, ItemRecord, records
from expander.group.report_data import (
    GroupReport,
    attempt_end,
    count_noun,
    failure_reason,
    format_elapsed,
    plain_text,
    summarize,
)
from expander.group.report_page import render_page
from expander.group.results import PARALLEL_LOGS, tail_bytes, write_atomically
from expander.group.source import LogOptions, Reader
from expander.kube.time import elapsed, micro_time
from expander.kube.workloads import FAILED
from expander.manifests.names import file_name
from expander.run.outcomes import RETRIED_ELSEWHERE

if TYPE_CHECKING:
    from expander.group.open import AnySource, GroupSelector

MAX_FAILURES: Final = 50
MAX_SLOWEST: Final = 10

MAX_TAIL_LINES: Final = 20
MAX_TAIL_BYTES: Final = 4096
"""The end of a log that is shown, in lines and in bytes."""

MAX_LABEL_CHARS: Final = 300
"""Characters of an item's name in an entry; the table of items has all."""

MAX_ATTEMPTS: Final = 20
"""How many attempts of an item are listed, the last ones."""

ReportEntry = dict[str, Any]


def one_each(records: Iterable[ItemRecord]) -> Iterator[ItemRecord]:
    """A record for each item: that of an index with a Job of its own is part of that Job's."""
    given: dict[tuple[str, str], ItemRecord] = {}
    whole = []
    for record in records:
        if (own := own_job(record)) is not None:
            given[record.namespace, own] = record
        else:
            whole.append(record)
    for record in whole:
        yield after_index(record, given.get((record.namespace, record.job)))


def own_job(record: ItemRecord) -> str | None:
    """The name of the Job that an index has of its own; None for anything else."""
    is_given = record.state == SKIPPED and record.reason == RETRIED_ELSEWHERE["reason"]
    return f"{record.job}-{record.index}" if is_given else None


def after_index(record: ItemRecord, index: ItemRecord | None) -> ItemRecord:
    """``record``, of a Job that an ``index`` got for itself, with the attempts of that before."""
    if record.retried_index is None or index is None or not index.attempts:
        return record
    earlier = max(record.earlier - 1, 0)
    return replace(record, attempts=[*index.attempts, *record.attempts], earlier=earlier)


def first_failures(summary: GroupReport) -> list[ItemRecord]:
    """The items that failed first, at most `MAX_FAILURES`."""
    found = [record for record in summary.records if record.state == FAILED]
    return sorted(found, key=lambda one: (one.finished is None, one.finished or 0.0))[:MAX_FAILURES]


def slowest(summary: GroupReport) -> list[ItemRecord]:
    """The items with the longest duration, of few items three; none if all took the same time."""
    found = sorted((r for r in summary.records if r.seconds is not None), key=lambda one: -(one.seconds or 0))
    if not found or found[0].seconds == found[-1].seconds:
        return []
    return found[: min(MAX_SLOWEST, max(3, summary.total // 5))]


def entries(reader: Reader, records: Sequence[ItemRecord]) -> list[ReportEntry]:
    """The page's entry for each record; a log that cannot be read is named in its entry."""
    found = []
    with ParallelReader[tuple[str | None]](PARALLEL_LOGS) as readers:
        tails = readers.in_order(partial(_log_tail, reader, record) for record in records)
        for record, tail in zip(records, tails, strict=True):
            if isinstance(tail, ExpanderError):
                found.append(entry(record) | {"problem": plain_text(tail.problems[0].message)})
            else:
                found.append(entry(record) | {"tail": tail[0]})
    return found


def entry(record: ItemRecord) -> ReportEntry:
    """The page's entry for a record, without its log."""
    return {
        "label": cut(plain_text(record.label), MAX_LABEL_CHARS),
        "state": record.state,
        "facts": _entry_facts(record),
        "attempts": _entry_attempts(record),
        "message": plain_text(record.message),
        "tail": None,
        "problem": "",
    }


def _entry_facts(record: ItemRecord) -> str:
    parts = [
        failure_reason(record) if record.state == FAILED else "",
        format_elapsed(record.seconds, record.started),
    ]
    if record.attempt_count > 1:
        parts.append(count_noun(record.attempt_count, "pod"))
    return ", ".join(plain_text(part) for part in parts if part)


def _entry_attempts(record: ItemRecord) -> list[str]:
    """What became of each attempt, if there were several."""
    if len(record.attempts) < 2:
        return []
    found = []
    for attempt in record.attempts[-MAX_ATTEMPTS:]:
        seconds = elapsed(attempt.started, attempt.finished)
        memory = memory_of(attempt.pod)
        end = attempt_end(attempt) or attempt.phase.lower()
        parts = [end, format_elapsed(seconds, attempt.started), f"memory {memory}" if memory else ""]
        found.append(plain_text(", ".join(part for part in parts if part)))
    return found


def _log_tail(reader: Reader, record: ItemRecord) -> Iterator[tuple[str | None]]:
    attempt = record.deciding
    if attempt is None:
        yield (None,)
        return
    pieces = reader.log(attempt.pod, failed_container(attempt.pod), LogOptions(tail=MAX_TAIL_LINES))
    yield (plain_text(tail_bytes(pieces, MAX_TAIL_BYTES).decode("utf-8", "replace")).rstrip("\n"),)


def report_html(
    reader: Reader, title: str, *, version: str = "", logs: Path | None = None, now: float | None = None
) -> str:
    """The report of the group as HTML; ``now`` is in Unix seconds.

    ``logs`` is the folder of what was saved of earlier attempts, which are shown then. Raises what
    ``reader`` raises for Jobs and pods; a log that cannot be read is only named in the page.
    """
    everything = (with_items(reader, record) for record in records(reader))
    if logs is not None:
        everything = (with_earlier(record, logs) for record in everything)
    ordered = sorted(one_each(everything), key=item_order)
    found = summarize(ordered, time.time() if now is None else now)
    return render_page(
        found,
        title,
        reader.where,
        entries(reader, first_failures(found)),
        entries(reader, slowest(found)),
        version,
    )


def item_order(one: ItemRecord) -> tuple[Any, ...]:
    """What items are sorted by, so that they come as they were given."""
    return one.namespace, one.submitted or micro_time(one.created or 0.0), natural(one.job)


def write_report(
    reader: Reader, path: Path, title: str, *, version: str = "", logs: Path | None = None
) -> int:
    """Write the report to ``path`` atomically; returns its size in bytes.

    Raises OutputError when it cannot be written, and what `report_html`, which has ``logs``, raises.
    """
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: folder {path.parent} does not exist")
    text = report_html(reader, title, version=version, logs=logs)
    return write_atomically(path, [text.encode("utf-8", "backslashreplace")])


def group_report(
    source: AnySource, wanted: GroupSelector, path: Path | None, title: str | None, *, may_be_empty: bool
) -> tuple[Path, int]:
    """Write the report of a group to ``path``, by default ``GROUP.html``; the path and its size in bytes.

    Raises InputError when the group has no Jobs, unless it ``may_be_empty``, and what `write_report` raises.
    """
    from expander.group.known.attempts import logs_folder
    from expander.group.open import nothing_found
    from expander.version import __version__

    if not may_be_empty and next(iter(source.jobs()), None) is None:
        raise nothing_found(wanted, source)
    path = path or Path(f"{file_name(wanted.group or 'report')}.html")
    name = title or wanted.group or str(wanted.selector)
    return path, write_report(source, path, name, version=__version__, logs=logs_folder(source, wanted))
