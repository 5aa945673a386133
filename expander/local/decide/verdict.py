"""Why a Job is to end before its completions are reached.

pkg/controller/job (syncJob) decides the order: what was announced before; a FailJob rule; the back-off
limit; the deadline; failed indexes; the success policy.
"""

from __future__ import annotations

from expander.kube import index_sets
from expander.local.decide import success_policy
from expander.local.decide.conditions import (
    BACKOFF_LIMIT,
    DEADLINE,
    FAILED_INDEXES,
    FAILURE_TARGET,
    MAX_FAILED_INDEXES,
    SUCCESS_CRITERIA_MET,
    Verdict,
    holds,
)
from expander.local.decide.turn import Turn


def find(turn: Turn) -> Verdict | None:
    """The verdict that ends the Job now; None while it goes on."""
    return (
        announced(turn)
        or _fail_job(turn)
        or (BACKOFF_LIMIT if _past_backoff_limit(turn) else None)
        or (DEADLINE if _past_deadline(turn) else None)
        or _failed_indexes(turn)
        or _success(turn)
    )


def announced(turn: Turn) -> Verdict | None:
    """The verdict an earlier turn has put into the conditions."""
    for kind in (SUCCESS_CRITERIA_MET, FAILURE_TARGET) if turn.conditions else ():
        condition = holds(turn.conditions, kind)
        if condition is not None:
            return Verdict(kind, condition.get("reason", ""), condition.get("message", ""))
    return None


def deadline(turn: Turn) -> float | None:
    """When the Job's activeDeadlineSeconds end, Unix seconds; None for never, or while suspended."""
    seconds = turn.spec.get("activeDeadlineSeconds")
    return None if seconds is None or turn.start is None or turn.suspended else turn.start + seconds


def _fail_job(turn: Turn) -> Verdict | None:
    if turn.policy is None:
        return None
    for entry in turn.pods.ended.values() if turn.pods.failures else ():
        message = turn.match(entry).message if entry.phase == "Failed" else ""
        if message:
            return Verdict(FAILURE_TARGET, "PodFailurePolicy", message)
    return None


def _past_backoff_limit(turn: Turn) -> bool:
    limit = turn.spec.get("backoffLimit", 6)
    if turn.failed > limit:
        return True
    if turn.spec["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    restarts = turn.pods.restarts
    return bool(restarts > 0 if limit == 0 else restarts >= limit)


def _past_deadline(turn: Turn) -> bool:
    end = deadline(turn)
    return end is not None and turn.now >= end


def _failed_indexes(turn: Turn) -> Verdict | None:
    if not turn.lost:
        return None
    lost, limit = index_sets.total(turn.lost), turn.spec.get("maxFailedIndexes")
    if limit is not None and lost > limit:
        return MAX_FAILED_INDEXES
    return FAILED_INDEXES if lost + turn.succeeded >= (turn.completions or 0) else None


def _success(turn: Turn) -> Verdict | None:
    if not turn.indexed:
        return None
    return success_policy.match(turn.spec.get("successPolicy"), turn.completions or 0, turn.done)
