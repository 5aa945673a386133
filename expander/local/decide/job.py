"""One turn of the Job controller for one Job.

pkg/controller/job (syncJob) decides the order of the steps: gather, verdict, pods, counts, conditions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from expander.kube import index_sets
from expander.kube.time import api_time
from expander.kube.wellknown import CONTROLLER, Object
from expander.local.decide import conditions, counting, scaling, settling, verdict
from expander.local.decide.conditions import COMPLETE, ENDS, SUSPENDED
from expander.local.decide.decision import Decision, Event
from expander.local.decide.gather import Pods
from expander.local.decide.turn import Turn

BATCH = 1.0
"""Seconds the controller waits for more news of a Job's pods: see `settling`."""


def decide(
    job: Object,
    pods: Pods | Iterable[dict[str, Any]],
    now: float,
    *,
    memory: Object,
    backoff_base: float = 10.0,
    batch: float = BATCH,
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
    group = pods if isinstance(pods, Pods) else Pods(pods)
    if conditions.finished(job):
        return Decision(dict(status), release=_tracked(group))
    due = settling.until(job, group, now, memory, batch)
    turn = Turn(job, group, now, memory, backoff_base)
    end = verdict.deadline(turn)
    if due is not None and (end is None or end > now):
        kept = {**memory, "news": memory.get("news", now)}
        return Decision(dict(status), again_at=due if end is None else min(due, end), memory=kept)
    return _act(turn, end)


def _tracked(pods: Pods) -> list[str]:
    groups = (pods.active, pods.terminating, pods.ended)
    return [uid for group in groups for uid, entry in group.items() if entry.tracked]


def _act(turn: Turn, end: float | None) -> Decision:
    decision = Decision({})
    turn.verdict = verdict.find(turn)
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
    counted = counting.count(turn, decision.release)
    if counted.partial:
        decision.ask_again(turn.now)
    decision.release += counted.release
    _write(turn, decision, counted)
    if not conditions.finished({"status": decision.status}):
        decision.memory = _memory(turn)
    return decision


def _is_complete(turn: Turn) -> bool:
    if turn.active:
        return False
    return turn.succeeded > 0 if turn.completions is None else turn.succeeded >= turn.completions


def _suspend_or_resume(turn: Turn, decision: Decision) -> None:
    if turn.suspended:
        if conditions.ensure(turn.conditions, SUSPENDED, "True", "JobSuspended", "Job suspended", turn.now):
            decision.events.append(Event("Normal", "Suspended", "Job suspended"))
        turn.start = turn.start_time = None
    elif conditions.ensure(turn.conditions, SUSPENDED, "False", "JobResumed", "Job resumed", turn.now):
        decision.events.append(Event("Normal", "Resumed", "Job resumed"))
        turn.restart()


def _write(turn: Turn, decision: Decision, counted: counting.Count) -> None:
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


def _end(turn: Turn, decision: Decision) -> None:
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


def _status(turn: Turn, counted: counting.Count, *, uncounted: bool) -> dict[str, Any]:
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


def _memory(turn: Turn) -> dict[str, Any]:
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
