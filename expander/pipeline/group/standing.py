"""How an item stands: the state of its Job, with what the Job's own status leaves unsaid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from expander.kube.objects import Object, statuses_of, uid_of
from expander.kube.volcano import end_of, is_volcano
from expander.pipeline.group.attempts import by_job, index_of
from expander.pipeline.group.source import Reader
from expander.pipeline.group.troubles import (
    QUEUE,
    Trouble,
    Warnings,
    by_subject,
    failure_of,
    trouble_of,
    wants_events,
)
from expander.run.outcomes import COMPLETE, FAILED, SUSPENDED, JobOutcome, outcome_of

BACK_OFF = 6
"""The default of backoffLimit; a Job with a limit for each index has another one."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One Job of a group.

    ``reason`` is one word: why it failed, or what keeps it; ``message`` says more. ``cause`` is why the last
    failed attempt did, ``detail`` what was said of that (a termination message). ``retries`` are attempts
    that followed a failed one, of pods and of containers. ``done`` of ``wanted`` completions; ``wanted`` None
    when any number will do. ``failed_indexes`` is in the API's form: ``1,3-5``. ``nodes`` are those of its
    pods, the last one first.
    """

    job: Object
    outcome: JobOutcome
    reason: str
    message: str
    cause: str
    detail: str
    retries: int
    done: int
    wanted: int | None
    failed_indexes: str
    nodes: tuple[str, ...]

    @property
    def state(self) -> str:
        """Complete, Failed, Active, Pending or Suspended."""
        return self.outcome.state

    @property
    def has_ended(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.state in (COMPLETE, FAILED)

    @property
    def words(self) -> str:
        """All that is known of it, in a line."""
        return ": ".join(dict.fromkeys(part for part in (self.why, self.message, self.detail) if part))

    @property
    def why(self) -> str:
        """Reason and cause in a few words; empty when all is well."""
        parts = [self.cause] if self.cause and self.cause != self.reason else []
        if self.failed_indexes:
            parts.append(f"indexes {self.failed_indexes}")
        if not self.reason:
            return ""
        return f"{self.reason} ({', '.join(parts)})" if parts else self.reason


def standing_of(job: Object, pods: Sequence[Object], warnings: Warnings) -> Standing:
    """How a Job stands; ``pods`` are its own, ``warnings`` the events that there are."""
    spec, status = job.get("spec") or {}, job.get("status") or {}
    outcome = outcome_of(job, pods)
    reason, message = outcome.reason, outcome.message
    tells = outcome.state != COMPLETE and reason != "DeadlineExceeded"  # which kills what runs
    cause, detail = (failure_of(pods) if tells else None) or ("", "")
    if outcome.state == SUSPENDED:
        reason, message = _suspension(job)
    elif outcome.state not in (COMPLETE, FAILED) and not reason:
        trouble = trouble_of(job, pods, warnings) or _back_off(status)
        reason, message = trouble or ("", "")
    wanted = _replicas(spec) if is_volcano(job) else spec.get("completions")
    if wanted is None and spec.get("parallelism", 1) == 1:
        wanted = 1
    return Standing(
        job=job,
        outcome=outcome,
        reason=reason,
        message=message,
        cause=cause,
        detail=detail,
        retries=_retries(job, pods, outcome.state),
        done=outcome.succeeded,
        wanted=wanted,
        failed_indexes=status.get("failedIndexes") or "",
        nodes=_nodes(pods),
    )


def standings(reader: Reader) -> list[Standing]:
    """How every Job of a source stands. Events are asked for only if they may tell something."""
    jobs = list(reader.jobs())
    pods = by_job(reader.pods(jobs)) if jobs else {}
    return standings_of(reader, jobs, pods)


def standings_of(reader: Reader, jobs: Iterable[Object], pods: dict[str, list[Object]]) -> list[Standing]:
    """The same of some Jobs and all their pods, which are known already."""
    found = [(job, pods.get(uid_of(job), [])) for job in jobs]
    asks = any(wants_events(job, own) for job, own in found if not has_ended(job))
    warnings = by_subject(reader.events(warnings=True)) if asks else {}
    return [standing_of(job, own, warnings) for job, own in found]


def has_ended(job: Object) -> bool:
    """Whether a Job is complete or has failed: its conditions decide, or the phase of a Volcano Job."""
    if is_volcano(job):
        return end_of(job) is not None
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(each["type"] in (COMPLETE, FAILED) and each["status"] == "True" for each in conditions)


def _replicas(spec: Object) -> int:
    """The pods of all tasks of a Volcano Job."""
    return sum(task.get("replicas") or 0 for task in spec.get("tasks") or ())


def _suspension(job: Object) -> Trouble:
    queue = (job["metadata"].get("labels") or {}).get(QUEUE)
    if queue:
        return Trouble("Queued", f"waits for room in the queue {queue} of Kueue")
    return Trouble("JobSuspended")


def _back_off(status: Object) -> Trouble | None:
    """After a failed pod the Job controller waits before it makes another."""
    if status.get("failed") and not status.get("active"):
        return Trouble("BackOff", "the last attempt failed, another one follows")
    return None


def _retries(job: Object, pods: Sequence[Object], state: str) -> int:
    spec, status = job.get("spec") or {}, job.get("status") or {}
    pods = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    restarts = sum(int(each.get("restartCount") or 0) for pod in pods for each in statuses_of(pod))
    if is_volcano(job):
        return restarts + int(status.get("retryCount") or 0)
    if spec.get("completionMode") == "Indexed" and pods:
        return restarts + len(pods) - len({index_of(pod) for pod in pods})
    failed = int(status.get("failed") or 0)
    if state == FAILED:
        return restarts + min(max(failed - 1, 0), int(spec.get("backoffLimit", BACK_OFF)))
    pause = state != COMPLETE and not status.get("active")
    return restarts + max(failed - pause, 0)


def _nodes(pods: Sequence[Object]) -> tuple[str, ...]:
    latest = sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp") or ""), reverse=True)
    names = (str((pod.get("spec") or {}).get("nodeName") or "") for pod in latest)
    return tuple(dict.fromkeys(name for name in names if name))
