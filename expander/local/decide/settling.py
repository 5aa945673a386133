"""When to act on pods that have ended: at once, or together with others that are about to end.

The controller of a cluster looks at a Job one second after the first news of its pods
(syncJobBatchPeriod), so whatever ends within that second ends together: three pods that fail at once are
three failures, not one failure and two pods deleted for it; and a deleted pod that still ends well has
succeeded. Waiting a second costs a cluster little and would cost a local run most of its speed. So here
the wait is over as soon as no pod is left that could end meanwhile, and a Job of which many pods have
succeeded does not wait at all for successes.
"""

from __future__ import annotations

from expander.kube.wellknown import Object
from expander.local.decide.gather import Pods
from expander.local.decide.turn import only_failed

PROVEN = 20
"""With so many successes a Job is taken to go well: a further success is acted on at once."""


def until(job: Object, pods: Pods, now: float, memory: Object, batch: float) -> float | None:
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


def _stopping(job: Object, pods: Pods) -> int:
    """How many pods count as failed because they are deleted, though they have not ended."""
    if not pods.terminating or only_failed(job["spec"]):
        return 0
    return sum(entry.tracked for entry in pods.terminating.values())


def _goes_well(job: Object) -> bool:
    succeeded: int = (job.get("status") or {}).get("succeeded", 0)
    return succeeded >= PROVEN and not job["spec"].get("successPolicy")


def _is_told(job: Object, memory: Object) -> bool:
    """Whether somebody changed or deleted the Job, or its end is announced: then there is no wait."""
    metadata = job["metadata"]
    if metadata.get("deletionTimestamp") or metadata.get("generation", 1) != memory.get("generation", 1):
        return True
    return any(
        each.get("type") in ("FailureTarget", "SuccessCriteriaMet")
        for each in (job.get("status") or {}).get("conditions") or ()
    )
