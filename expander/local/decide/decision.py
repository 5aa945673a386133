"""What one turn of the Job controller comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Event(NamedTuple):
    """One event about a Job, as the controller gives it to its recorder; ``type`` is Normal or Warning."""

    type: str
    reason: str
    message: str


def pod_created(name: str) -> Event:
    """The event about a pod that was created for a Job."""
    return Event("Normal", "SuccessfulCreate", f"Created pod: {name}")


def pod_deleted(name: str) -> Event:
    """The event about a pod that was deleted for a Job."""
    return Event("Normal", "SuccessfulDelete", f"Deleted pod: {name}")


@dataclass(slots=True)
class Decision:
    """What to do for a Job, all of it in one transaction, before the next turn.

    ``status``: the complete new status; ``changed``: whether it differs from the Job's.
    ``interim``: the status that a real controller writes just before it takes the finalizers off, with the
    uids of ``release`` that get counted in ``uncountedTerminatedPods``; None when there is no such step.
    Only those who show every step to a watcher need it.
    ``create``: pods without name, uid or times, in order; see `podmaker`. Containers, volumes and such are
    shared between them and with the Job: they are to be stored, not changed.
    ``delete``: uids of pods to delete gracefully. ``release``: uids of pods that lose the tracking
    finalizer; a pod may be in both.
    ``events``: in order. Those of single pods (`pod_deleted`, `pod_created`) are the caller's, who does it
    and chooses the names; they come before these.
    ``again_at``: when to ask again even if nothing changes, Unix seconds; None for never.
    ``memory``: to be stored with the Job and passed to the next turn.
    """

    status: dict[str, Any]
    changed: bool = False
    interim: dict[str, Any] | None = None
    create: list[dict[str, Any]] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)
    release: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    again_at: float | None = None
    memory: dict[str, Any] = field(default_factory=dict)

    def ask_again(self, at: float) -> None:
        """Ask again at ``at`` or earlier."""
        if self.again_at is None or at < self.again_at:
            self.again_at = at
