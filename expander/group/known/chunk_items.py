"""The items of a chunk that have failed, as the log of its pod names them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from expander.base.errors import ExpanderError
from expander.group.attempts import main_container
from expander.group.job_status import JobStatus
from expander.group.records import ItemRecord, job_records
from expander.kube.workloads import FAILED
from expander.manifests.rerun import is_chunk
from expander.run.chunk_log import end_of_log, item_ends, item_name

if TYPE_CHECKING:
    from expander.group.source import Reader

MAX_NAMED: Final = 5
"""Failed items that the cause of a chunk's failure names."""


def with_items(reader: Reader, record: ItemRecord) -> ItemRecord:
    """``record``, of a failed chunk with what its log tells of its items; any other as it is.

    A log that cannot be read tells nothing.
    """
    if record.state != FAILED or not record.is_chunk or (attempt := record.deciding) is None:
        return record
    try:
        log = end_of_log(reader.log(attempt.pod, main_container(attempt.pod)))
    except ExpanderError:
        return record
    if not (ends := item_ends(log)):
        return record
    failed = [(item_name(end.label, record.key_columns), end.exit_code) for end in ends if end.exit_code]
    named = ", ".join(f"{name}: exit code {code}" for name, code in failed[:MAX_NAMED])
    more = f" and {len(failed) - MAX_NAMED:,} more" if len(failed) > MAX_NAMED else ""
    complete = len(ends) - len(failed)
    return replace(
        record, cause=named + more or record.cause, complete_items=complete, failed_items=tuple(failed)
    )


def status_with_items(reader: Reader, status: JobStatus) -> JobStatus:
    """``status``, of a failed chunk with what its log tells of its items; any other as it is."""
    if status.state != FAILED or not is_chunk(status.job):
        return status
    record = next(job_records(status.job, [*reader.pods([status.job])]), None)
    return status if record is None else status._replace(cause=with_items(reader, record).cause)
