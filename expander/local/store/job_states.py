"""The one state under which a Job or pod is counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from expander.kube.objects import pod_has_ended
from expander.kube.volcano import ABORTED, is_resumable, phase_of
from expander.manifests.rerun import RETRIED_ANNOTATION, remaining_indexes

PENDING: Final = "pending"
RUNNING: Final = "running"
SUSPENDED: Final = "suspended"
SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
JOB_STATES: Final = (PENDING, RUNNING, SUSPENDED, SUCCEEDED, FAILED)
FINISHED: Final = frozenset((SUCCEEDED, FAILED))
UNFINISHED: Final = (PENDING, RUNNING, SUSPENDED)

OPEN: Final = "open"
CLOSED: Final = "closed"
"""Whether somebody still has to think of a pod: it has not ended, or is not counted, or is being deleted."""

_BY_PHASE: Final = {
    "Pending": PENDING,
    "Completed": SUCCEEDED,
    "Failed": FAILED,
    "Terminated": FAILED,
    "Aborted": FAILED,
}
"""Of a Volcano Job: the phases in which nothing of it runs."""

_BY_CONDITION: Final = {"Complete": SUCCEEDED, "Failed": FAILED}
_BY_POD_PHASE: Final = {"Running": RUNNING, "Succeeded": SUCCEEDED, "Failed": FAILED}


def state_of(obj: Mapping[str, Any]) -> str | None:
    """The state of a Job or a Pod, None for anything else."""
    if obj["kind"] == "Job":
        return job_state(obj)
    return pod_state(obj) if obj["kind"] == "Pod" else None


def pod_state(pod: Mapping[str, Any]) -> str:
    """`OPEN` or `CLOSED`."""
    metadata = pod["metadata"]
    if metadata.get("finalizers") or metadata.get("deletionTimestamp"):
        return OPEN
    return CLOSED if pod_has_ended(pod) else OPEN


def pod_run_state(pod: Mapping[str, Any]) -> str:
    """The state of a pod without a Job, by its phase, in the words of `JOB_STATES`."""
    return _BY_POD_PHASE.get((pod.get("status") or {}).get("phase") or "", PENDING)


def job_state(job: Mapping[str, Any]) -> str:
    """One of `JOB_STATES`: finished as its conditions or its phase say, running while a pod of it is.

    A failed Indexed Job whose missing indexes have Jobs of their own has succeeded: those decide.
    """
    status = job.get("status") or {}
    if "state" in status:
        if is_resumable(job) and phase_of(job) == ABORTED:
            return SUSPENDED
        return _BY_PHASE.get(status["state"].get("phase"), RUNNING)
    for condition in status.get("conditions") or ():
        if condition["type"] in _BY_CONDITION and condition["status"] == "True":
            state = _BY_CONDITION[condition["type"]]
            retried = state == FAILED and RETRIED_ANNOTATION in (job["metadata"].get("annotations") or {})
            return SUCCEEDED if retried and remaining_indexes(job) == [] else state
    if status.get("active"):
        return RUNNING
    return SUSPENDED if job["spec"].get("suspend") else PENDING


def lets_expired_go(unfinished: Iterable[object]) -> bool:
    """Whether a run begins by deleting Jobs whose ttlSecondsAfterFinished is over; ``unfinished`` are others.

    None goes while there are such: whoever goes on with these counts them all.
    """
    return next(iter(unfinished), None) is None


def without_active_pod(job: Mapping[str, Any]) -> dict[str, Any]:
    """The status of a Job, or Volcano Job, of whose active pods one was undone."""
    status = dict(job.get("status") or {})
    field = "running" if "state" in status else "active"
    left = (status.pop(field, 0) or 0) - 1
    if left > 0:
        status[field] = left
    elif "state" in status and status["state"].get("phase") == "Running":
        status["state"] = {**status["state"], "phase": "Pending"}
    if status.get("ready"):
        status["ready"] = min(status["ready"], max(0, left))
    return status
