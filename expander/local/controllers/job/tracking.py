"""Which pods the Job's status counts now (tracking_utils.go), and whether to wait for more of them.

trackJobStatusAndRemoveFinalizers and canRemoveFinalizer in pkg/controller/job decide. A pod is counted once:
when it is released, that is, when its tracking finalizer goes.

The controller of a cluster syncs a Job one second after the first change of its pods (syncJobBatchPeriod), so
whatever ends within that second ends together: three pods that fail at once are three failures, not one
failure and two pods deleted for it; and a deleted pod that still ends well has succeeded. A second costs a
cluster little and would cost a local run most of its speed. So here the wait is over as soon as no pod is
left that could end meanwhile, and a Job of which many pods have succeeded does not wait for successes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import field

from expander.base.dataclass import dataclass
from expander.kube.wellknown import Object
from expander.local.controllers.job.conditions import FAILURE_TARGET
from expander.local.controllers.job.context import SyncContext, only_replace_failed_pods
from expander.local.controllers.job.pods import JobPods, PodRecord

MAX_UNCOUNTED_PODS = 500
"""The most pods counted in one sync, so that a status with their uids stays below about 20 kB."""


@dataclass(slots=True)
class TrackedPods:
    """What one sync counts.

    ``succeeded`` and ``failed`` are uids to add to the counters (the successes of an Indexed Job are its
    indexes instead), ``release`` the uids of all pods that are done with; ``partial`` says that the limit
    was reached and the rest is left to the next sync.
    """

    succeeded: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    release: list[str] = field(default_factory=list)
    partial: bool = False


def track_pods(context: SyncContext, released: Collection[str]) -> TrackedPods:
    """Count the pods that are done with; those ``released`` already in this sync never count."""
    result, pods = TrackedPods(), context.pods
    everything = context.finished_condition is not None or context.deleted
    if not (everything or pods.ended or pods.terminating):
        return result
    past = set(released)
    groups = [pods.ended, pods.terminating, pods.active] if everything else [pods.ended, pods.terminating]
    failing = context.finished_condition is not None and context.finished_condition.type == FAILURE_TARGET
    for group in groups:
        for record in group.values():
            if not record.tracked or record.uid in past:
                continue
            failed = context.is_failed(record)
            if not (
                everything or record.phase == "Succeeded" or (failed and not _is_delayed(context, record))
            ):
                continue
            result.release.append(record.uid)
            _add(context, result, record, failed or failing)
            if len(result.release) >= MAX_UNCOUNTED_PODS:
                result.partial = True
                return result
    return result


def _is_delayed(context: SyncContext, record: PodRecord) -> bool:
    """Whether the pod stays until its index has a new one, which takes over its failure count."""
    return context.delayed.get(record.index) is record


def _add(context: SyncContext, result: TrackedPods, record: PodRecord, failed: bool) -> None:
    if record.phase == "Succeeded":
        if not context.indexed:
            result.succeeded.append(record.uid)
    elif failed and context.is_valid(record) and context.match(record).counts:
        result.failed.append(record.uid)


MANY_SUCCESSES = 20
"""With so many successes a Job is taken to go well: a further success is acted on at once."""


def batch_until(job: Object, pods: JobPods, now: float, memory: Object, batch: float) -> float | None:
    """When to act, Unix seconds; None for now. ``batch`` is the longest wait in seconds."""
    stopping = _stopping(job, pods)
    if not (pods.active or stopping) or _is_told(job, memory):
        return None
    old, failures = memory.get("delayed", 0), pods.failures + stopping
    successes = len(pods.ended) - pods.failures
    if not successes and failures <= old:
        return None
    if failures <= old and _goes_well(job):
        return None
    due: float = memory.get("news", now) + batch
    return due if now < due else None


def _stopping(job: Object, pods: JobPods) -> int:
    """How many pods count as failed because they are deleted, though they have not ended."""
    if not pods.terminating or only_replace_failed_pods(job["spec"]):
        return 0
    return sum(record.tracked for record in pods.terminating.values())


def _goes_well(job: Object) -> bool:
    succeeded: int = (job.get("status") or {}).get("succeeded", 0)
    return succeeded >= MANY_SUCCESSES and not job["spec"].get("successPolicy")


def _is_told(job: Object, memory: Object) -> bool:
    """Whether somebody changed or deleted the Job, or its end is announced: then there is no wait."""
    metadata = job["metadata"]
    if metadata.get("deletionTimestamp") or metadata.get("generation", 1) != memory.get("generation", 1):
        return True
    return any(
        each.get("type") in ("FailureTarget", "SuccessCriteriaMet")
        for each in (job.get("status") or {}).get("conditions") or ()
    )
