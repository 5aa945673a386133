"""The conditions of a Job, with their reasons and messages, and when a finished Job expires.

k8s.io/api/batch/v1 gives the reasons, pkg/controller/job (job_controller.go) the messages; tools compare
both. pkg/controller/ttlafterfinished decides on ttlSecondsAfterFinished: counted from Complete or Failed,
with foreground propagation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from expander.base.named_tuple import NamedTuple
from expander.kube.time import api_time, unix
from expander.kube.volcano import end_of, is_resumable
from expander.kube.wellknown import Object

SUSPENDED = "Suspended"
COMPLETE = "Complete"
FAILED = "Failed"
FAILURE_TARGET = "FailureTarget"
SUCCESS_CRITERIA_MET = "SuccessCriteriaMet"


class FinishedCondition(NamedTuple):
    """Why a Job is to end: ``type`` is FailureTarget or SuccessCriteriaMet, or what they lead to."""

    type: str
    reason: str
    message: str


COMPLETIONS = FinishedCondition(
    SUCCESS_CRITERIA_MET, "CompletionsReached", "Reached expected number of succeeded pods"
)
BACKOFF_LIMIT = FinishedCondition(
    FAILURE_TARGET, "BackoffLimitExceeded", "Job has reached the specified backoff limit"
)
DEADLINE = FinishedCondition(
    FAILURE_TARGET, "DeadlineExceeded", "Job was active longer than specified deadline"
)
MAX_FAILED_INDEXES = FinishedCondition(
    FAILURE_TARGET,
    "MaxFailedIndexesExceeded",
    "Job has exceeded the specified maximal number of failed indexes",
)
FAILED_INDEXES = FinishedCondition(FAILURE_TARGET, "FailedIndexes", "Job has failed indexes")

ENDS = {SUCCESS_CRITERIA_MET: COMPLETE, FAILURE_TARGET: FAILED}
"""The interim condition that announces an end, and the condition of the end."""


def find(conditions: Sequence[Object], kind: str) -> Object | None:
    """The condition of type ``kind``, whatever its status."""
    return next((each for each in conditions if each.get("type") == kind), None)


def holds(conditions: Sequence[Object], kind: str) -> Object | None:
    """The condition of type ``kind`` if its status is True."""
    for each in conditions:
        if each.get("type") == kind and each.get("status") == "True":
            return each
    return None


def finished(job: Object) -> Object | None:
    """The Complete or Failed condition of a Job that has ended, else None."""
    for each in (job.get("status") or {}).get("conditions") or ():
        if each.get("type") in (COMPLETE, FAILED) and each.get("status") == "True":
            found: Object = each
            return found
    return None


def new(kind: str, status: str, reason: str, message: str, now: float) -> dict[str, Any]:
    """A condition that begins at ``now``."""
    stamp = api_time(now)
    return {
        "type": kind,
        "status": status,
        "lastProbeTime": stamp,
        "lastTransitionTime": stamp,
        "reason": reason,
        "message": message,
    }


def ensure(conditions: list[Any], kind: str, status: str, reason: str, message: str, now: float) -> bool:
    """Change or append the condition ``kind`` in the list; whether anything changed.

    A condition that is absent and would be False stays absent.
    """
    for place, each in enumerate(conditions):
        if each.get("type") == kind:
            if (each.get("status"), each.get("reason"), each.get("message")) == (status, reason, message):
                return False
            conditions[place] = new(kind, status, reason, message, now)
            return True
    if status == "False":
        return False
    conditions.append(new(kind, status, reason, message, now))
    return True


TTL_PROPAGATION: Final = "Foreground"


def expires_at(job: Object) -> float | None:
    """When the Job is to be deleted, Unix seconds; None while it runs, or when it is to stay."""
    seconds = job["spec"].get("ttlSecondsAfterFinished")
    if seconds is None or job["metadata"].get("deletionTimestamp"):
        return None
    end = finished(job) or (None if is_resumable(job) else end_of(job))
    return None if end is None else unix(end["lastTransitionTime"]) + seconds


def has_expired(obj: Object, now: float) -> bool:
    """Whether an object is a Job that is to be deleted by ``now`` (Unix seconds)."""
    at = expires_at(obj) if obj["kind"] == "Job" else None
    return at is not None and at <= now
