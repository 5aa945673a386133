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
"""Phases in which nothing happens any more. A Job that is Aborted could be resumed by a command; nobody
issues commands here."""


def is_volcano(obj: Object) -> bool:
    """Whether an object is a Volcano Job."""
    return obj.get("apiVersion") == API_VERSION and obj.get("kind") == "Job"


def phase_of(job: Object) -> str:
    """The phase of a Volcano Job; empty when nobody has looked at it."""
    return str(((job.get("status") or {}).get("state") or {}).get("phase") or "")


def end_of(job: Object) -> dict[str, Any] | None:
    """The state of a Volcano Job that has ended, with its ``lastTransitionTime``; else None."""
    if not is_volcano(job) or phase_of(job) not in ENDS:
        return None
    state: dict[str, Any] = job["status"]["state"]
    return state
