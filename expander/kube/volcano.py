"""Volcano Jobs as they are told from others, and their phases (batch/v1alpha1 of volcano.sh/apis)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Object: TypeAlias = Mapping[str, Any]

API_VERSION: Final = "batch.volcano.sh/v1alpha1"

PENDING: Final = "Pending"
RUNNING: Final = "Running"
RESTARTING: Final = "Restarting"
COMPLETING: Final = "Completing"
COMPLETED: Final = "Completed"
TERMINATING: Final = "Terminating"
TERMINATED: Final = "Terminated"
ABORTING: Final = "Aborting"
ABORTED: Final = "Aborted"
FAILED: Final = "Failed"

LEADS_TO: Final = {COMPLETING: COMPLETED, TERMINATING: TERMINATED, ABORTING: ABORTED}
"""Phases in which pods are waited for that were deleted, and what comes then."""

ENDS: Final = frozenset((COMPLETED, TERMINATED, ABORTED, FAILED))
"""Phases in which nothing happens any more, unless a Command resumes a Job that is Aborted."""

COMMAND_ISSUED: Final = "CommandIssued"
"""The reason of what a Command asked for."""


def is_volcano(obj: Object) -> bool:
    """Whether an object is a Volcano Job."""
    return obj.get("apiVersion") == API_VERSION and obj.get("kind") == "Job"


def phase_of(job: Object) -> str:
    """The phase of a Volcano Job; empty when nobody has looked at it."""
    return str(((job.get("status") or {}).get("state") or {}).get("phase") or "")


def is_resumable(job: Object) -> bool:
    """Whether a Job is Aborted, or about to be, and no lifecycle policy asked for that."""
    reason = ((job.get("status") or {}).get("state") or {}).get("reason")
    return phase_of(job) in (ABORTED, ABORTING) and reason in (None, "", COMMAND_ISSUED)


def pod_name(job: str, task: str, index: int) -> str:
    """The name of a pod of a task."""
    return f"{job}-{task}-{index}"


def end_of(job: Object) -> dict[str, Any] | None:
    """The state of a Volcano Job that has ended, with its ``lastTransitionTime``; else None."""
    if not is_volcano(job) or phase_of(job) not in ENDS:
        return None
    state: dict[str, Any] = job["status"]["state"]
    return state
