"""What one sync of a Job knows and decides: `SyncContext` (syncJobCtx) and `Decision`.

The facts are gathered once, for all rules to read; the first half of syncJob in pkg/controller/job decides
which.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from expander.base.dataclass import dataclass
from expander.base.late_module import late_module
from expander.base.named_tuple import NamedTuple
from expander.kube.time import api_time, unix
from expander.kube.wellknown import INDEX_FAILURES, Object, number
from expander.local.controllers.job import backoff, pod_failure_policy
from expander.local.controllers.job.conditions import FinishedCondition
from expander.local.controllers.job.pods import UNKNOWN_INDEX, JobPods, PodRecord

if TYPE_CHECKING:
    from expander.kube import index_sets
else:  # for Indexed Jobs
    index_sets = late_module("expander.kube.index_sets")


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
    """What to do for a Job, all of it in one transaction, before the next sync.

    ``status``: the complete new status; ``changed``: whether it differs from the Job's.
    ``interim``: the status that a real controller writes just before it takes the finalizers off, with the
    uids of ``release`` that get counted in ``uncountedTerminatedPods``; None when there is no such step.
    Only those who show every step to a watcher need it.
    ``create``: pods without name, uid or times, in order. Containers, volumes and such are
    shared between them and with the Job: they are to be stored, not changed.
    ``delete``: uids of pods to delete gracefully. ``release``: uids of pods that lose the tracking
    finalizer; a pod may be in both.
    ``events``: in order. Those of single pods (`pod_deleted`, `pod_created`) are the caller's, who does it
    and chooses the names; they come before these.
    ``again_at``: when to ask again even if nothing changes, Unix seconds; None for never.
    ``memory``: to be stored with the Job and passed to the next sync.
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


EXACT_START: Final = "started"
"""The key under which the exact start is kept of a Job with a deadline."""

IDLE_SECONDS: Final = "idle"
"""The key under which the seconds since its start are kept in which there was nobody to run it."""


class SyncContext:
    """The facts of one sync.

    ``succeeded`` and ``failed`` count what the status counts and what has ended since, ``done`` and
    ``lost`` are the succeeded and the failed indexes likewise (``lost`` is None unless indexes have their own
    limit), ``delayed`` the last failed pod of each index that waits for a new one. ``active``, ``ready`` and
    ``terminating`` change as the sync deletes and creates pods. ``start`` is the exact start time,
    ``start_time`` the one of the status; both None while the Job has not started. ``idle`` are the seconds
    since then that do not count for its deadline.
    """

    def __init__(self, job: Object, pods: JobPods, now: float, memory: Object, backoff_base: float) -> None:
        self.job, self.pods, self.now, self.backoff_base = job, pods, now, backoff_base
        self.spec: Object = job["spec"]
        self.status: Object = job.get("status") or {}
        self.conditions: list[Any] = list(self.status.get("conditions") or ())
        self.suspended: bool = self.spec.get("suspend") is True
        self.policy: Object | None = self.spec.get("podFailurePolicy")
        self.completions: int | None = self.spec.get("completions")
        self.parallelism: int = self.spec.get("parallelism", 1)
        self.indexed: bool = self.spec.get("completionMode") == "Indexed"
        self.deleted: bool = job["metadata"].get("deletionTimestamp") is not None
        self.only_replace_failed_pods = only_replace_failed_pods(self.spec)
        self.active, self.ready, self.terminating = len(pods.active), pods.ready, len(pods.terminating)
        self.finished_condition: FinishedCondition | None = None
        self._count_ended()
        self._begin(memory)
        self.succeeded_indexes: index_sets.Intervals = []
        self.failed_indexes: index_sets.Intervals | None = None
        self.delayed: dict[int, PodRecord] = {}
        if self.indexed:
            self._sort_indexes()
        known = memory.get("backoff")
        record = backoff.BackoffRecord(*known) if known else backoff.NO_FAILURES
        self.backoff = record.update(self.new_succeeded, self.new_failed, now)

    def is_failed(self, record: PodRecord) -> bool:
        """Whether the pod counts as failed: a deleted one does unless only failed pods are replaced."""
        return record.phase == "Failed" or (
            record.deleted and record.phase != "Succeeded" and not self.only_replace_failed_pods
        )

    def is_valid(self, record: PodRecord) -> bool:
        """Whether the pod's index is one of the Job's; any pod's is where pods have none."""
        return not self.indexed or UNKNOWN_INDEX < record.index < (self.completions or 0)

    def match(self, record: PodRecord) -> pod_failure_policy.Match:
        """What the Job's podFailurePolicy says of the failed pod."""
        if self.policy is None:
            return pod_failure_policy.NO_MATCH
        return pod_failure_policy.match(self.policy, record.pod)

    def _count_ended(self) -> None:
        self.new_succeeded: list[PodRecord] = []
        self.new_failed: list[PodRecord] = []
        for record in self.pods.ended.values():
            if self.is_valid(record):
                (self.new_succeeded if record.phase == "Succeeded" else self.new_failed).append(record)
        if not self.only_replace_failed_pods:
            for record in self.pods.terminating.values():
                if record.tracked and self.is_valid(record):
                    self.new_failed.append(record)
        self.succeeded: int = self.status.get("succeeded", 0) + len(self.new_succeeded)
        self.failed: int = self.status.get("failed", 0)
        for record in self.new_failed:
            self.failed += self.match(record).counts

    def _begin(self, memory: Object) -> None:
        self.start_time: str | None = self.status.get("startTime")
        self.start: float | None = None
        self.idle = 0.0
        if self.start_time is None:
            if not self.suspended:
                self.restart()
            return
        self.start = unix(self.start_time)
        exact = memory.get(EXACT_START)
        if exact is not None and int(exact) == int(self.start):
            self.start, self.idle = exact, memory.get(IDLE_SECONDS, 0.0)

    def restart(self) -> None:
        """The Job starts now."""
        self.start, self.start_time, self.idle = self.now, api_time(self.now), 0.0

    def _sort_indexes(self) -> None:
        completions = self.completions or 0
        done = index_sets.parse(self.status.get("completedIndexes"), completions)
        self.succeeded_indexes = index_sets.with_indexes(
            done, (record.index for record in self.new_succeeded)
        )
        self.succeeded = index_sets.total(self.succeeded_indexes)
        limit = self.spec.get("backoffLimitPerIndex")
        if limit is None:
            return
        lost = index_sets.parse(self.status.get("failedIndexes"), completions)
        over = (record.index for record in self.new_failed if self._is_last(record, limit))
        self.failed_indexes = index_sets.with_indexes(lost, over)
        for record in self.new_failed:
            index = record.index
            if (
                index in self.pods.by_index
                or index_sets.has(self.succeeded_indexes, index)
                or index_sets.has(self.failed_indexes, index)
            ):
                continue
            other = self.delayed.get(index)
            if other is None or _is_later(record, other):
                self.delayed[index] = record

    def _is_last(self, record: PodRecord, limit: int) -> bool:
        """Whether the index of the failed pod has failed with it."""
        found = self.match(record)
        if found.action == "FailIndex":
            return True
        return found.counts and number(record.pod["metadata"].get("annotations"), INDEX_FAILURES) >= limit


def only_replace_failed_pods(spec: Object) -> bool:
    """Whether pods are replaced only when they have failed, not as soon as they are deleted."""
    return spec.get("podReplacementPolicy") == "Failed" or spec.get("podFailurePolicy") is not None


def _is_later(record: PodRecord, other: PodRecord) -> bool:
    if backoff.absolute_failures(record.pod) < backoff.absolute_failures(other.pod):
        return False
    return backoff.finish_time(record.pod) >= backoff.finish_time(other.pod)
