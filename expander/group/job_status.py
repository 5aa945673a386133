"""The status of each Job of a group: state, reason and cause, retries, nodes; and counts per group."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Final

from expander.base.dataclass import dataclass
from expander.base.errors import ExpanderError
from expander.base.named_tuple import NamedTuple
from expander.group.diagnosis import (
    KUEUE_QUEUE,
    WAITS_FOR_ROOM,
    Diagnosis,
    Warnings,
    diagnose,
    events_by_uid,
    last_failure,
    needs_events,
)
from expander.group.known.summary import Summary
from expander.kube.objects import Change, Object, completion_index, statuses_of, uid_of
from expander.kube.workloads import (
    ACTIVE,
    COMPLETE,
    FAILED,
    NOT_SEEN,
    PENDING,
    SUSPENDED,
    Workload,
    has_ended,
    situation_of,
    workload_of,
    workload_uids,
)
from expander.manifests.rerun import COUNT_ANNOTATION, ORDER_ANNOTATIONS, attempt_of, failed_indexes
from expander.run.outcomes import JobOutcome, outcome_of

if TYPE_CHECKING:
    from expander.group.source import Reader

DEFAULT_BACKOFF_LIMIT = 6
"""The API server's default of backoffLimit (without backoffLimitPerIndex)."""


EVENTS_REFRESH_SECONDS: Final = 5.0
"""Seconds between two requests for events, while they may explain something."""

REMOVED: Final = "Removed"
"""The state of a Job that was submitted and is no longer in the cluster (see `group.known.removed`)."""

STATES = (COMPLETE, FAILED, ACTIVE, PENDING, SUSPENDED, REMOVED)


KEPT_ANNOTATIONS: Final = (*ORDER_ANNOTATIONS, COUNT_ANNOTATION)
"""The annotations of a Job that lists need."""


class JobStatus(NamedTuple):
    """One Job of a group.

    ``reason`` is one word: why it failed, or what holds it up; ``message`` says more. ``cause`` is why its
    last failed attempt failed, ``detail`` the message of that (a termination message). ``retries`` are
    attempts after a failed one, of pods and containers, and by the Jobs before this one of the same item.
    ``succeeded`` of ``completions``; the latter is None when any number will do. ``failed_indexes`` has the
    API's form: ``1,3-5``. ``nodes`` are those of its pods, latest first.
    """

    job: Object
    outcome: JobOutcome
    reason: str
    message: str
    cause: str
    detail: str
    retries: int
    succeeded: int
    completions: int | None
    failed_indexes: str
    nodes: tuple[str, ...]

    def __repr__(self) -> str:
        why = f": {self.explanation}" if self.explanation else ""
        return f"<JobStatus {self.outcome.name} {self.state}{why}>"

    @property
    def state(self) -> str:
        """Complete, Failed, Active, Pending, Suspended or Removed."""
        return self.outcome.state

    def without_specs(self) -> JobStatus:
        """The same without the Job's spec, status and most annotations, so that many fit into memory."""
        if "spec" not in self.job:
            return self  # it is of a summary
        metadata = self.job["metadata"]
        kept = {name: metadata[name] for name in metadata if name not in ("managedFields", "annotations")}
        notes = metadata.get("annotations") or {}
        kept["annotations"] = {name: notes[name] for name in KEPT_ANNOTATIONS if name in notes}
        job = {"apiVersion": self.job["apiVersion"], "kind": self.job["kind"], "metadata": kept}
        return JobStatus(job, *self[1:])

    @property
    def has_ended(self) -> bool:
        """Whether it is Complete or Failed."""
        return self.state in (COMPLETE, FAILED)

    @property
    def is_failing(self) -> bool:
        """Whether the Job controller has given it up, but its last pods have not ended (FailureTarget)."""
        found = (self.job.get("status") or {}).get("conditions") or ()
        return not self.has_ended and any(
            each.get("type") == "FailureTarget" and each.get("status") == "True" for each in found
        )

    @property
    def is_in_trouble(self) -> bool:
        """Whether something other than its turn keeps an unfinished Job that nobody holds."""
        return self.state in (ACTIVE, PENDING) and self.reason not in ("", WAITS_FOR_ROOM)

    @property
    def summary(self) -> str:
        """All that is known of it, on one line."""
        return ": ".join(
            dict.fromkeys(part for part in (self.explanation, self.message, self.detail) if part)
        )

    @property
    def explanation(self) -> str:
        """Reason and cause in a few words; empty when all is well."""
        parts = [self.cause] if self.cause and self.cause != self.reason else []
        if self.failed_indexes:
            noun = "index" if self.failed_indexes.isdecimal() else "indexes"
            parts.append(f"{noun} {self.failed_indexes}")
        if not self.reason:
            return ""
        return f"{self.reason} ({', '.join(parts)})" if parts else self.reason


def job_status(job: Object, pods: Sequence[Object], warnings: Warnings) -> JobStatus:
    """The status of a Job; ``pods`` are its own, ``warnings`` the known events."""
    spec, status = job.get("spec") or {}, job.get("status") or {}
    outcome = outcome_of(job, pods)
    reason, message = outcome.reason, outcome.message
    tells = outcome.state != COMPLETE and reason != "DeadlineExceeded"  # which kills what runs
    cause, detail = (last_failure(pods) if tells else None) or ("", "")
    if outcome.state == SUSPENDED:
        reason, message = _suspension(job)
    elif outcome.state not in (COMPLETE, FAILED) and not reason:
        diagnosis = diagnose(job, pods, warnings) or _backoff(status)
        reason, message = diagnosis or ("", "")
        if outcome.state == ACTIVE and reason == WAITS_FOR_ROOM:
            reason, message = "", ""  # it goes on
    row = workload_of(job)
    if outcome.state == ACTIVE and not message:
        message = row.progress(job)
    completions = row.pod_count(job) if row.restarts else spec.get("completions")
    if completions is None and spec.get("parallelism", 1) == 1:
        completions = 1
    return JobStatus(
        job=job,
        outcome=outcome,
        reason=reason,
        message=message,
        cause=cause,
        detail=detail,
        retries=attempt_of(job) - 1 + _retries(row, job, pods, outcome.state),
        succeeded=outcome.succeeded,
        completions=completions,
        failed_indexes=failed_indexes(job),
        nodes=_nodes(pods),
    )


def explained_jobs(reader: Reader) -> Iterator[tuple[Object, list[Object], Warnings]]:
    """Every Job with its pods and the events; these are requested only if they may explain something."""
    explain = _Explainer(reader)
    return (explain(*found) for found in reader.jobs_with_pods())


def explained_summaries(reader: Reader) -> Iterator[Summary | tuple[Object, list[Object], Warnings]]:
    """The same; a Job of which a summary is known comes as that."""
    explain = _Explainer(reader)
    for found in reader.summaries():
        yield found if isinstance(found, Summary) else explain(*found)


class _Explainer:
    """Adds the events to Jobs and pods."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._warnings: Warnings | None = None

    def __call__(self, job: Object, pods: list[Object]) -> tuple[Object, list[Object], Warnings]:
        if self._warnings is None and not has_ended(job) and needs_events(job, pods):
            self._warnings = events_by_uid(self._reader.events(warnings=True))
        return job, pods, self._warnings or {}


def statuses_of_jobs(
    reader: Reader, jobs: Iterable[Object], pods: dict[str, list[Object]]
) -> list[JobStatus]:
    """The status of some Jobs whose pods are known."""
    found = [(job, pods.get(uid_of(job), [])) for job in jobs]
    asks = any(needs_events(job, own) for job, own in found if not has_ended(job))
    warnings = events_by_uid(reader.events(warnings=True)) if asks else {}
    return [job_status(job, own, warnings) for job, own in found]


def _suspension(job: Object) -> Diagnosis:
    queue = (job["metadata"].get("labels") or {}).get(KUEUE_QUEUE)
    if queue:
        return Diagnosis("Queued", f"waiting for admission by Kueue queue {queue}")
    row = workload_of(job)
    if not row.seen(job):
        return Diagnosis(NOT_SEEN, row.unseen)
    return Diagnosis("JobSuspended") if row.has_field else Diagnosis(*situation_of(job)[1:3])


def _backoff(status: Object) -> Diagnosis | None:
    """After a failed pod the Job controller waits before it creates another."""
    if status.get("failed") and not status.get("active"):
        return Diagnosis("BackOff", "the last attempt failed; a retry follows")
    return None


def _retries(row: Workload, job: Object, pods: Sequence[Object], state: str) -> int:
    spec, status = job.get("spec") or {}, job.get("status") or {}
    pods = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    restarts = sum([each.get("restartCount") or 0 for pod in pods for each in statuses_of(pod)])
    if row.restarts is not None:
        return restarts + row.restarts(job)
    if spec.get("completionMode") == "Indexed" and pods:
        return restarts + len(pods) - len({completion_index(pod) for pod in pods})
    failed = int(status.get("failed") or 0)
    if state == FAILED:
        return restarts + min(max(failed - 1, 0), int(spec.get("backoffLimit", DEFAULT_BACKOFF_LIMIT)))
    pause = state != COMPLETE and not status.get("active")
    return restarts + max(failed - pause, 0)


def _nodes(pods: Sequence[Object]) -> tuple[str, ...]:
    latest = pods
    if len(pods) > 1:
        latest = sorted(
            pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp") or ""), reverse=True
        )
    names = [str((pod.get("spec") or {}).get("nodeName") or "") for pod in latest]
    return tuple(dict.fromkeys(filter(None, names)))


class JobStatusCache:
    """The status of each Job of a group, kept up to date by `update`."""

    def __init__(self, reader: Reader, clock: Callable[[], float] = time.monotonic) -> None:
        self._reader = reader
        self._clock = clock
        self.jobs: dict[str, Object] = {}
        self._pods: dict[str, dict[str, Object]] = {}
        self._known: dict[str, JobStatus] = {}
        self._unclear: set[str] = set()
        self._warnings: Warnings = {}
        self._asked_at = -EVENTS_REFRESH_SECONDS

    def update(self, change: Change) -> str:
        """Apply a change; returns the uid of the Job it concerns."""
        obj = change.object
        uid = uid_of(obj)
        if obj["kind"] != "Pod":
            if change.type == "DELETED":
                self.jobs.pop(uid, None)
                self._pods.pop(uid, None)
                self._unclear.discard(uid)
            else:
                self.jobs[uid] = obj
            self._known.pop(uid, None)
            return uid
        owner = next((each for each in workload_uids(obj) if each in self.jobs), workload_uids(obj)[0])
        if change.type == "DELETED":
            self._pods.get(owner, {}).pop(uid, None)
        else:
            self._pods.setdefault(owner, {})[uid] = obj
        self._known.pop(owner, None)
        return owner

    @property
    def warnings(self) -> Warnings:
        """The events that were requested last."""
        return self._warnings

    def pods(self, uid: str) -> list[Object]:
        """The pods of the Job with that uid."""
        return [*self._pods.get(uid, {}).values()]

    def status(self, uid: str) -> JobStatus | None:
        """The status of the Job with that uid; None if there is none."""
        job = self.jobs.get(uid)
        if job is None:
            return None
        if uid not in self._known:
            pods = self.pods(uid)
            if not has_ended(job) and needs_events(job, pods):
                self._unclear.add(uid)
            else:
                self._unclear.discard(uid)
            self._known[uid] = job_status(job, pods, self._warnings)
        return self._known[uid]

    def statuses(self) -> list[JobStatus]:
        """The status of all Jobs."""
        return [one for uid in list(self.jobs) if (one := self.status(uid)) is not None]

    def refresh_events(self) -> list[str]:
        """Request events if they may explain something and are due; the uids of Jobs they may concern."""
        if not self._unclear or self._clock() - self._asked_at < EVENTS_REFRESH_SECONDS:
            return []
        self._asked_at = self._clock()
        try:
            self._warnings = events_by_uid(self._reader.events(warnings=True))
        except ExpanderError:
            return []  # events are a help, not a need: try again next time
        for uid in self._unclear:
            self._known.pop(uid, None)
        return [*self._unclear]


@dataclass(slots=True)
class GroupSummary:
    """Counts of one group; ``name`` is its label's value, empty without the label. Times are Unix seconds."""

    name: str
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    retries: int = 0
    started: float | None = None
    finished: float | None = None

    @property
    def jobs(self) -> int:
        """How many Jobs there are."""
        return sum(self.counts.values())

    @property
    def unfinished(self) -> int:
        """How many Jobs have not ended."""
        return self.jobs - sum(self.counts[state] for state in (COMPLETE, FAILED, REMOVED))

    def seconds(self, now: float) -> float | None:
        """From the first Job's start to the last Job's end, or to ``now``; None before the first start."""
        if self.started is None:
            return None
        end = now if self.unfinished or self.finished is None else self.finished
        return max(end - self.started, 0.0)

    def add(self, one: JobStatus) -> None:
        """Count a Job."""
        self.counts[one.state] += 1
        self.retries += one.retries
        outcome = one.outcome
        if outcome.started is not None:
            self.started = min(outcome.started, self.started or outcome.started)
        if outcome.finished is not None:
            self.finished = max(outcome.finished, self.finished or outcome.finished)


def group_of(job: Object, label: str, named: str | None = None) -> str:
    """The group of a Job: the value of its label ``label``, else ``named``."""
    return (job["metadata"].get("labels") or {}).get(label) or named or ""


def group_summaries(found: Iterable[JobStatus], label: str, named: str | None = None) -> list[GroupSummary]:
    """The groups of some Jobs by name; ``named`` is that of Jobs without the label."""
    groups: dict[str, GroupSummary] = {}
    for one in found:
        name = group_of(one.job, label, named)
        if name not in groups:
            groups[name] = GroupSummary(name)
        groups[name].add(one)
    return [groups[name] for name in sorted(groups)]
