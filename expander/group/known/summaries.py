"""Jobs that have ended become summaries, and these are read again as statuses."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator, Sequence, Set
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from expander.group.attempts import termination_of
from expander.group.job_status import JobStatus, explained_summaries, job_status
from expander.group.known.chunk_items import status_with_items
from expander.group.known.summary import KEPT_METADATA, Summary
from expander.group.names import job_order
from expander.group.records import NO_WARNINGS, part_count
from expander.kube.generated_names import created_at
from expander.kube.objects import Object
from expander.kube.workloads import FAILED, workload_of
from expander.local.store.encoding import encode
from expander.local.store.job_states import CLOSED, pod_state
from expander.manifests.rerun import first_created, is_chunk, order_annotations, retried_index
from expander.run.outcomes import JobOutcome

if TYPE_CHECKING:
    from expander.group.known.removed import JobName
    from expander.group.source import Reader

NAMES: Final = {"name": "job_name", "attempts": "attempt_count"}
"""The fields of an outcome that a summary names as records do."""
OF_OUTCOME: Final = [NAMES.get(name, name) for name in JobOutcome._fields]
OF_STATUS: Final = [name for name in JobStatus._fields if name not in ("job", "outcome", "nodes")]
OWN: Final = ("uid", "metadata", "created", "termination", "node", "pod_names")
"""The fields of a summary that are neither of an outcome nor of a status."""
_PLACES: Final = {name: place for place, name in enumerate((*OF_OUTCOME, *JobStatus._fields, *OWN))}
_summary: Final = itemgetter(*map(_PLACES.__getitem__, Summary._fields))
_outcome: Final = itemgetter(*map(Summary._fields.index, OF_OUTCOME))
_status: Final = itemgetter(*map(Summary._fields.index, OF_STATUS))


def summary_of(job: Object, pods_of: Callable[[], Sequence[Object]]) -> bytes | None:
    """The `Summary` of a Job that has ended, as it is kept in the state; ``pods_of`` gives its own.

    None for one that is not to have one: its pods have not all ended, or it is more or less than one item.
    """
    if part_count(job) is not None or retried_index(job) is not None or workload_of(job).restarts is not None:
        return None
    pods = pods_of()
    if not pods or any(pod_state(pod) != CLOSED for pod in pods):
        return None
    if len(pods) > 1:
        pods = sorted(pods, key=lambda pod: (created_at(pod["metadata"]) or 0.0, pod["metadata"]["name"]))
    status, metadata = job_status(job, pods, NO_WARNINGS), job["metadata"]
    if not status.has_ended or (is_chunk(job) and status.outcome.state == FAILED):
        return None  # the log of a failed chunk tells more
    kept = {name: metadata[name] for name in KEPT_METADATA if name in metadata} | order_annotations(job)
    own = (
        metadata["uid"],
        kept,
        first_created(job) or None,
        next(filter(None, map(termination_of, reversed(pods))), ""),
        (pods[-1].get("spec") or {}).get("nodeName"),
        [pod["metadata"]["name"] for pod in pods],
    )
    return encode(_summary((*status.outcome, *status, *own)))


def summarized_status(summary: Summary) -> JobStatus:
    """The status that a summary tells."""
    outcome = JobOutcome(*_outcome(summary))
    return JobStatus._make((summary.job, outcome, *_status(summary), tuple(summary.nodes)))


def job_statuses(reader: Reader) -> Iterator[JobStatus]:
    """The status of every Job of a source, with no more of the Job than lists need where that is known."""
    for found in explained_summaries(reader):
        yield summarized_status(found) if isinstance(found, Summary) else job_status(*found)


def group_statuses(
    reader: Reader, submitted: Set[JobName], sort: str, *, whole: bool = False, explained: int = 0
) -> tuple[list[JobStatus], int]:
    """The status of each Job in the order of ``sort`` (see `job_order`), and how many of those were removed.

    Removed are those that were ``submitted`` and are not there, at the end. Of the first failed ones in this
    order, as many as ``explained``, the log is asked for what failed in them, and these have their specs; all
    with ``whole``.
    """
    from expander.group.known.removed import removed_statuses  # a run only makes summaries

    found: list[JobStatus] = []
    first: list[tuple[tuple[Any, ...], int]] = []
    """The order of the failed Jobs to explain, and where they stand in ``found``."""
    for one in job_statuses(reader):
        if one.state == FAILED and explained:
            insort(first, (job_order(one.job, sort), len(found)))
        elif not whole:
            one = one.without_specs()
        found.append(one)
        if len(first) > explained:
            _, last = first.pop()
            if not whole:
                found[last] = found[last].without_specs()
    for _, place in first:
        found[place] = status_with_items(reader, found[place])
    found.sort(key=lambda one: job_order(one.job, sort))
    removed = removed_statuses(submitted, found)
    return found + removed, len(removed)
