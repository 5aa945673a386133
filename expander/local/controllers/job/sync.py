"""Why a Job is to end before its completions are reached.

pkg/controller/job (syncJob) decides the order: what was announced before; a FailJob rule; the back-off
limit; the deadline; failed indexes; the success policy.

One turn of the Job controller for one Job.

pkg/controller/job (syncJob) decides the order of the steps: gather, verdict, pods, counts, conditions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from expander.kube import index_sets
from expander.kube.time import api_time
from expander.kube.wellknown import CONTROLLER, Object
from expander.local.controllers.job import conditions, scaling, success_policy, tracking
from expander.local.controllers.job.conditions import (
    BACKOFF_LIMIT,
    COMPLETE,
    DEADLINE,
    ENDS,
    FAILED_INDEXES,
    FAILURE_TARGET,
    MAX_FAILED_INDEXES,
    SUCCESS_CRITERIA_MET,
    SUSPENDED,
    FinishedCondition,
    holds,
)
from expander.local.controllers.job.context import Decision, Event, SyncContext
from expander.local.controllers.job.pods import JobPods


def finished_condition(turn: SyncContext) -> FinishedCondition | None:
    """The verdict that ends the Job now; None while it goes on."""
    return (
        announced_condition(turn)
        or _fail_job(turn)
        or (BACKOFF_LIMIT if _past_backoff_limit(turn) else None)
        or (DEADLINE if _past_deadline(turn) else None)
        or _failed_indexes(turn)
        or _success(turn)
    )


def announced_condition(turn: SyncContext) -> FinishedCondition | None:
    """The verdict an earlier turn has put into the conditions."""
    for kind in (SUCCESS_CRITERIA_MET, FAILURE_TARGET) if turn.conditions else ():
        condition = holds(turn.conditions, kind)
        if condition is not None:
            return FinishedCondition(kind, condition.get("reason", ""), condition.get("message", ""))
    return None


def deadline(turn: SyncContext) -> float | None:
    """When the Job's activeDeadlineSeconds end, Unix seconds; None for never, or while suspended."""
    seconds = turn.spec.get("activeDeadlineSeconds")
    return None if seconds is None or turn.start is None or turn.suspended else turn.start + seconds


def _fail_job(turn: SyncContext) -> FinishedCondition | None:
    if turn.policy is None:
        return None
    for entry in turn.pods.ended.values() if turn.pods.failures else ():
        message = turn.match(entry).message if entry.phase == "Failed" else ""
        if message:
            return FinishedCondition(FAILURE_TARGET, "PodFailurePolicy", message)
    return None


def _past_backoff_limit(turn: SyncContext) -> bool:
    limit = turn.spec.get("backoffLimit", 6)
    if turn.failed > limit:
        return True
    if turn.spec["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    restarts = turn.pods.restarts
    return bool(restarts > 0 if limit == 0 else restarts >= limit)


def _past_deadline(turn: SyncContext) -> bool:
    end = deadline(turn)
    return end is not None and turn.now >= end


def _failed_indexes(turn: SyncContext) -> FinishedCondition | None:
    if not turn.lost:
        return None
    lost, limit = index_sets.total(turn.lost), turn.spec.get("maxFailedIndexes")
    if limit is not None and lost > limit:
        return MAX_FAILED_INDEXES
    return FAILED_INDEXES if lost + turn.succeeded >= (turn.completions or 0) else None


def _success(turn: SyncContext) -> FinishedCondition | None:
    if not turn.indexed:
        return None
    return success_policy.match(turn.spec.get("successPolicy"), turn.completions or 0, turn.done)


SYNC_BATCH_SECONDS = 1.0
"""Seconds the controller waits for more news of a Job's pods: see `settling`."""


def sync_job(
    job: Object,
    pods: JobPods | Iterable[dict[str, Any]],
    now: float,
    *,
    memory: Object,
    backoff_base: float = 10.0,
    batch: float = SYNC_BATCH_SECONDS,
) -> Decision:
    """What to do for ``job``, defaulted and stored, at ``now`` (Unix seconds).

    ``pods`` are those whose controller is the Job; pods that ended and lost the tracking finalizer may be
    left out. A `Pods` kept from turn to turn saves sorting them again. ``memory`` is what the last turn
    returned, or empty. ``backoff_base`` is the first wait after a failed pod in seconds, ``batch`` how long
    to wait for more pods to end where that can matter; 0 acts at once. Nothing given is changed.
    """
    status = job.get("status") or {}
    if job["spec"].get("managedBy", CONTROLLER) != CONTROLLER:
        return Decision(dict(status), memory=dict(memory))
    group = pods if isinstance(pods, JobPods) else JobPods(pods)
    if conditions.finished(job):
        return Decision(dict(status), release=_tracked(group))
    due = tracking.batch_until(job, group, now, memory, batch)
    turn = SyncContext(job, group, now, memory, backoff_base)
    end = deadline(turn)
    if due is not None and (end is None or end > now):
        kept = {**memory, "news": memory.get("news", now)}
        return Decision(dict(status), again_at=due if end is None else min(due, end), memory=kept)
    return _act(turn, end)


def _tracked(pods: JobPods) -> list[str]:
    groups = (pods.active, pods.terminating, pods.ended)
    return [uid for group in groups for uid, entry in group.items() if entry.tracked]


def _act(turn: SyncContext, end: float | None) -> Decision:
    decision = Decision({})
    turn.verdict = finished_condition(turn)
    if turn.verdict is not None:
        scaling.delete(turn, decision, turn.pods.active.values(), release=False)
    else:
        if end is not None:
            decision.ask_again(end)
        if not turn.deleted:
            scaling.scale(turn, decision)
        if _is_complete(turn):
            turn.verdict = conditions.COMPLETIONS
        elif not turn.deleted:
            _suspend_or_resume(turn, decision)
    counted = tracking.track_pods(turn, decision.release)
    if counted.partial:
        decision.ask_again(turn.now)
    decision.release += counted.release
    _write(turn, decision, counted)
    if not conditions.finished({"status": decision.status}):
        decision.memory = _memory(turn)
    return decision


def _is_complete(turn: SyncContext) -> bool:
    if turn.active:
        return False
    return turn.succeeded > 0 if turn.completions is None else turn.succeeded >= turn.completions


def _suspend_or_resume(turn: SyncContext, decision: Decision) -> None:
    if turn.suspended:
        if conditions.ensure(turn.conditions, SUSPENDED, "True", "JobSuspended", "Job suspended", turn.now):
            decision.events.append(Event("Normal", "Suspended", "Job suspended"))
        turn.start = turn.start_time = None
    elif conditions.ensure(turn.conditions, SUSPENDED, "False", "JobResumed", "Job resumed", turn.now):
        decision.events.append(Event("Normal", "Resumed", "Job resumed"))
        turn.restart()


def _write(turn: SyncContext, decision: Decision, counted: tracking.TrackedPods) -> None:
    """Put counts and conditions into the status, and end the Job if nothing is left to wait for."""
    if turn.verdict is not None and not conditions.holds(turn.conditions, turn.verdict.type):
        turn.conditions.append(conditions.new(turn.verdict.type, "True", *turn.verdict[1:], turn.now))
    ends = turn.verdict is not None and not counted.partial and not turn.terminating
    if counted.succeeded or counted.failed or ends:
        decision.interim = _status(turn, counted, uncounted=True)
    if ends:
        _end(turn, decision)
    decision.status = _status(turn, counted, uncounted=False)
    decision.changed = decision.status != turn.status


def _end(turn: SyncContext, decision: Decision) -> None:
    assert turn.verdict is not None
    kind, (_, reason, message) = ENDS[turn.verdict.type], turn.verdict
    turn.conditions = list(turn.conditions)
    conditions.ensure(turn.conditions, kind, "True", reason, message, turn.now)
    if kind != COMPLETE:
        decision.events.append(Event("Warning", reason, message))
        return
    succeeded = index_sets.total(turn.done) if turn.indexed else turn.succeeded
    if turn.completions is not None and succeeded > turn.completions:
        text = "Too many succeeded pods running after completion count reached"
        decision.events.append(Event("Warning", "TooManySucceededPods", text))
    decision.events.append(Event("Normal", "Completed", "Job completed"))


def _status(turn: SyncContext, counted: tracking.TrackedPods, *, uncounted: bool) -> dict[str, Any]:
    """The status in the API's order of fields; ``uncounted`` names the pods instead of counting them."""
    old = turn.status
    succeeded, failed = old.get("succeeded", 0), old.get("failed", 0)
    pending: dict[str, Any] = {}
    if uncounted:
        pending = {
            name: uids
            for name, uids in (("succeeded", counted.succeeded), ("failed", counted.failed))
            if uids
        }
    else:
        succeeded, failed = succeeded + len(counted.succeeded), failed + len(counted.failed)
    status: dict[str, Any] = {}
    if turn.conditions:
        status["conditions"] = turn.conditions
    if turn.start_time is not None:
        status["startTime"] = turn.start_time
    if conditions.holds(turn.conditions, COMPLETE):
        status["completionTime"] = api_time(turn.now)
    if turn.active:
        status["active"] = turn.active
    if turn.indexed:
        succeeded = index_sets.total(turn.done)
    if succeeded:
        status["succeeded"] = succeeded
    if failed:
        status["failed"] = failed
    status["terminating"] = turn.terminating
    if turn.indexed and turn.done:
        status["completedIndexes"] = index_sets.text_of(turn.done)
    if turn.lost is not None:
        status["failedIndexes"] = index_sets.text_of(turn.lost)
    status["uncountedTerminatedPods"] = pending
    status["ready"] = turn.ready
    return status


def _memory(turn: SyncContext) -> dict[str, Any]:
    """What the next turn cannot see in the objects; empty for most Jobs, so that storing it costs nothing."""
    memory: dict[str, Any] = {}
    if turn.backoff.failures:
        memory["backoff"] = list(turn.backoff)
    if turn.start is not None and turn.spec.get("activeDeadlineSeconds") is not None:
        memory["started"] = turn.start
    if turn.delayed:
        memory["delayed"] = len(turn.delayed)
    generation = turn.job["metadata"].get("generation", 1)
    if generation != 1:
        memory["generation"] = generation
    return memory
