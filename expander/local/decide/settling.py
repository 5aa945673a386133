"""When to act on pods that have ended: at once, or together with others that are about to end.

The controller of a cluster looks at a Job one second after the first news of its pods
(syncJobBatchPeriod), so whatever ends within that second ends together: three pods that fail at once are
three failures, not one failure and two pods deleted for it. Waiting a second costs a cluster nothing and
would cost a local run most of its speed, so here the wait is kept to where it can change the outcome:
other pods of the Job still run, and something failed, or a success policy watches, or it is the first news
of the Job's pods.
"""

from __future__ import annotations

from expander.local.decide.gather import Pods
from expander.local.decide.turn import only_failed
from expander.local.decide.wellknown import Object


def until(job: Object, pods: Pods, now: float, memory: Object, batch: float) -> float | None:
    """When to act, Unix seconds; None for now. ``batch`` is the longest wait in seconds."""
    if not pods.active or _is_told(job, memory):
        return None
    old, failures = memory.get("delayed", 0), pods.failures + _deleted(job, pods)
    if len(pods.ended) - pods.failures + failures <= old:
        return None
    if memory.get("settled") and failures <= old and not job["spec"].get("successPolicy"):
        return None
    due: float = memory.get("news", now) + batch
    return due if now < due else None


def _deleted(job: Object, pods: Pods) -> int:
    """How many pods count as failed because they are deleted."""
    if not pods.terminating or only_failed(job["spec"]):
        return 0
    return sum(entry.tracked for entry in pods.terminating.values())


def _is_told(job: Object, memory: Object) -> bool:
    """Whether somebody changed or deleted the Job, or its end is announced: then there is no wait."""
    metadata = job["metadata"]
    if metadata.get("deletionTimestamp") or metadata.get("generation") != memory.get("generation"):
        return True
    return any(
        each.get("type") in ("FailureTarget", "SuccessCriteriaMet")
        for each in (job.get("status") or {}).get("conditions") or ()
    )
