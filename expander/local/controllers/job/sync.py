"""One sync of a Job (syncJob in pkg/controller/job decides), as a pure function.

The order: gather pods, decide whether the Job is finished, create or delete pods, count them, write the
conditions. A Job finishes for the first of: an announced condition; a FailJob rule; the back-off limit; the
deadline; failed indexes; the success policy.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from expander.base.late_module import late_module
from expander.kube.time import api_time
from expander.kube.wellknown import CONTROLLER, Object
from expander.local.controllers.job import conditions, scaling, tracking
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
from expander.local.controllers.job.context import EXACT_START, IDLE_SECONDS, Decision, Event, SyncContext
from expander.local.controllers.job.pods import JobPods

if TYPE_CHECKING:
    from expander.kube import index_sets
    from expander.local.controllers.job import success_policy
else:  # for Indexed Jobs
    success_policy = late_module("expander.local.controllers.job.success_policy")
    index_sets = late_module("expander.kube.index_sets")


def finished_condition(context: SyncContext) -> FinishedCondition | None:
    """The verdict that ends the Job now; None while it goes on."""
    return (
        announced_condition(context)
        or _fail_job(context)
        or (BACKOFF_LIMIT if _past_backoff_limit(context) else None)
        or (DEADLINE if _past_deadline(context) else None)
        or _failed_indexes(context)
        or _success(context)
    )


def announced_condition(context: SyncContext) -> FinishedCondition | None:
    """The finished condition that an earlier sync has put into the conditions."""
    for kind in (SUCCESS_CRITERIA_MET, FAILURE_TARGET) if context.conditions else ():
        condition = holds(context.conditions, kind)
        if condition is not None:
            return FinishedCondition(kind, condition.get("reason", ""), condition.get("message", ""))
    return None


def deadline(context: SyncContext) -> float | None:
    """When the Job's activeDeadlineSeconds end, Unix seconds; None for never, or while suspended."""
    seconds = context.spec.get("activeDeadlineSeconds")
    if seconds is None or context.start is None or context.suspended:
        return None
    return context.start + context.idle + float(seconds)


def _fail_job(context: SyncContext) -> FinishedCondition | None:
    if context.policy is None:
        return None
    for record in context.pods.ended.values() if context.pods.failures else ():
        message = context.match(record).message if record.phase == "Failed" else ""
        if message:
            return FinishedCondition(FAILURE_TARGET, "PodFailurePolicy", message)
    return None


def _past_backoff_limit(context: SyncContext) -> bool:
    limit = context.spec.get("backoffLimit", 6)
    if context.failed > limit:
        return True
    if context.spec["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    restarts = context.pods.restarts
    return bool(restarts > 0 if limit == 0 else restarts >= limit)


def _past_deadline(context: SyncContext) -> bool:
    end = deadline(context)
    return end is not None and context.now >= end


def _failed_indexes(context: SyncContext) -> FinishedCondition | None:
    if not context.failed_indexes:
        return None
    lost, limit = index_sets.total(context.failed_indexes), context.spec.get("maxFailedIndexes")
    if limit is not None and lost > limit:
        return MAX_FAILED_INDEXES
    return FAILED_INDEXES if lost + context.succeeded >= (context.completions or 0) else None


def _success(context: SyncContext) -> FinishedCondition | None:
    if not context.indexed:
        return None
    return success_policy.match(
        context.spec.get("successPolicy"), context.completions or 0, context.succeeded_indexes
    )


SYNC_BATCH_SECONDS = 1.0
"""Seconds the controller waits for more changes of a Job's pods: see `tracking`."""


def sync_job(
    job: Object,
    pods: JobPods | Iterable[dict[str, Any]],
    now: float,
    *,
    memory: Object,
    backoff_base: float = 10.0,
    batch: float = SYNC_BATCH_SECONDS,
    watched: bool = True,
) -> Decision:
    """What to do for ``job``, defaulted and stored, at ``now`` (Unix seconds).

    ``pods`` are those whose controller is the Job; pods that ended and lost the tracking finalizer may be
    left out. `JobPods` kept from sync to sync saves sorting them again. ``memory`` is what the last sync
    returned, or empty. ``backoff_base`` is the first wait after a failed pod in seconds, ``batch`` how long
    to wait for more pods to end where that can matter; 0 acts at once. Only a Job that is ``watched`` needs
    the status in between. Nothing given is changed.
    """
    status = job.get("status") or {}
    if job["spec"].get("managedBy", CONTROLLER) != CONTROLLER:
        return Decision(dict(status), memory=dict(memory))
    group = pods if isinstance(pods, JobPods) else JobPods(pods)
    if conditions.finished(job):
        return Decision(dict(status), release=_tracked(group))
    due = tracking.batch_until(job, group, now, memory, batch)
    context = SyncContext(job, group, now, memory, backoff_base)
    end = deadline(context)
    if due is not None and (end is None or end > now):
        kept = {**memory, "news": memory.get("news", now)}
        return Decision(dict(status), again_at=due if end is None else min(due, end), memory=kept)
    return _act(context, end, watched)


def _tracked(pods: JobPods) -> list[str]:
    groups = (pods.active, pods.terminating, pods.ended)
    return [uid for group in groups for uid, record in group.items() if record.tracked]


def _act(context: SyncContext, end: float | None, watched: bool) -> Decision:
    decision = Decision({})
    context.finished_condition = finished_condition(context)
    if context.finished_condition is not None:
        scaling.delete(context, decision, context.pods.active.values(), release=False)
    else:
        if end is not None:
            decision.ask_again(end)
        if not context.deleted:
            scaling.scale(context, decision)
        if _is_complete(context):
            context.finished_condition = conditions.COMPLETIONS
        elif not context.deleted:
            _suspend_or_resume(context, decision)
    counted = tracking.track_pods(context, decision.release)
    if counted.partial:
        decision.ask_again(context.now)
    decision.release += counted.release
    if not _write(context, decision, counted, watched):
        decision.memory = _memory(context)
    return decision


def _is_complete(context: SyncContext) -> bool:
    if context.active:
        return False
    return context.succeeded > 0 if context.completions is None else context.succeeded >= context.completions


def _suspend_or_resume(context: SyncContext, decision: Decision) -> None:
    if context.suspended:
        if conditions.ensure(
            context.conditions, SUSPENDED, "True", "JobSuspended", "Job suspended", context.now
        ):
            decision.events.append(Event("Normal", "Suspended", "Job suspended"))
        context.start = context.start_time = None
    elif conditions.ensure(context.conditions, SUSPENDED, "False", "JobResumed", "Job resumed", context.now):
        decision.events.append(Event("Normal", "Resumed", "Job resumed"))
        context.restart()


def _write(context: SyncContext, decision: Decision, counted: tracking.TrackedPods, watched: bool) -> bool:
    """Put counts and conditions into the status, and end the Job if nothing is left to wait for; whether it
    has ended."""
    if context.finished_condition is not None and not holds(
        context.conditions, context.finished_condition.type
    ):
        context.conditions.append(
            conditions.new(
                context.finished_condition.type, "True", *context.finished_condition[1:], context.now
            )
        )
    ends = context.finished_condition is not None and not counted.partial and not context.terminating
    if watched and (counted.succeeded or counted.failed or ends):
        decision.interim = _status(context, counted, uncounted=True)
    if ends:
        _end(context, decision)
    decision.status = _status(context, counted, uncounted=False)
    decision.changed = decision.status != context.status
    return ends


def _end(context: SyncContext, decision: Decision) -> None:
    assert context.finished_condition is not None
    kind, (_, reason, message) = ENDS[context.finished_condition.type], context.finished_condition
    context.conditions = list(context.conditions)
    conditions.ensure(context.conditions, kind, "True", reason, message, context.now)
    if kind != COMPLETE:
        decision.events.append(Event("Warning", reason, message))
        return
    succeeded = index_sets.total(context.succeeded_indexes) if context.indexed else context.succeeded
    if context.completions is not None and succeeded > context.completions:
        text = "Too many succeeded pods running after completion count reached"
        decision.events.append(Event("Warning", "TooManySucceededPods", text))
    decision.events.append(Event("Normal", "Completed", "Job completed"))


def _status(context: SyncContext, counted: tracking.TrackedPods, *, uncounted: bool) -> dict[str, Any]:
    """The status in the API's order of fields; ``uncounted`` names the pods instead of counting them."""
    old = context.status
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
    if context.conditions:
        status["conditions"] = context.conditions
    if context.start_time is not None:
        status["startTime"] = context.start_time
    if context.conditions and holds(context.conditions, COMPLETE):
        status["completionTime"] = api_time(context.now)
    if context.active:
        status["active"] = context.active
    if context.indexed:
        succeeded = index_sets.total(context.succeeded_indexes)
    if succeeded:
        status["succeeded"] = succeeded
    if failed:
        status["failed"] = failed
    status["terminating"] = context.terminating
    if context.indexed and context.succeeded_indexes:
        status["completedIndexes"] = index_sets.text_of(context.succeeded_indexes)
    if context.failed_indexes is not None:
        status["failedIndexes"] = index_sets.text_of(context.failed_indexes)
    status["uncountedTerminatedPods"] = pending
    status["ready"] = context.ready
    return status


def _memory(context: SyncContext) -> dict[str, Any]:
    """What the next sync cannot see in the objects; empty for most Jobs, so that storing it costs nothing."""
    memory: dict[str, Any] = {}
    if context.backoff.failures:
        memory["backoff"] = list(context.backoff)
    if context.start is not None and context.spec.get("activeDeadlineSeconds") is not None:
        memory[EXACT_START] = context.start
        if context.idle:
            memory[IDLE_SECONDS] = context.idle
    if context.delayed:
        memory["delayed"] = len(context.delayed)
    generation = context.job["metadata"].get("generation", 1)
    if generation != 1:
        memory["generation"] = generation
    return memory
