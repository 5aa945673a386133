"""How many pods a Job should have now, and which to create or delete.

pkg/controller/job (manageJob, activePodsForRemoval) decides. A turn either deletes or creates, at most
`MOST` pods. Pods deleted here lose their finalizer first and are not counted as failures.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from expander.kube import index_sets
from expander.kube.time import unix
from expander.local.controllers.job import backoff
from expander.local.controllers.job.context import Decision, SyncContext
from expander.local.controllers.job.pods import PodFactory, PodRecord

MAX_POD_CREATE_DELETE_PER_SYNC = 500
"""The most pods created or deleted in one turn."""

PHASE_ORDER = {"Pending": 0, "Unknown": 1, "Running": 2}


def scale(turn: SyncContext, decision: Decision) -> None:
    """Bring the number of active pods to what the Job wants now."""
    if turn.suspended:
        delete(turn, decision, turn.pods.active.values(), release=True)
        return
    wanted = _wanted(turn)
    surplus = _surplus(turn, max(0, turn.active - wanted))[:MAX_POD_CREATE_DELETE_PER_SYNC]
    if surplus:
        delete(turn, decision, surplus, release=True)
        if len(surplus) == MAX_POD_CREATE_DELETE_PER_SYNC:
            decision.ask_again(turn.now)
        return
    missing = wanted - turn.active - (turn.terminating if turn.only_failed else 0)
    if missing > 0:
        _create(turn, decision, missing)


def delete(turn: SyncContext, decision: Decision, entries: Iterable[PodRecord], *, release: bool) -> None:
    """Delete active pods; with ``release`` they are not counted, otherwise the turn counts them."""
    for entry in entries:
        decision.delete.append(entry.uid)
        if release and entry.tracked:
            decision.release.append(entry.uid)
        turn.active -= 1
        turn.terminating += 1
        turn.ready -= entry.ready


def _wanted(turn: SyncContext) -> int:
    if turn.completions is None:
        return turn.active if turn.succeeded > 0 else turn.parallelism
    return max(0, min(turn.completions - turn.succeeded, turn.parallelism))


def _surplus(turn: SyncContext, least: int) -> list[PodRecord]:
    """The active pods to remove: those with no valid index or one that another has, then by age."""
    chosen: list[PodRecord] = []
    left: Sequence[PodRecord] = ()
    if turn.indexed:
        if not least and turn.pods.are_distinct(turn.completions or 0):
            return chosen
        chosen, left = _by_index(turn)
    elif least:
        left = list(turn.pods.active.values())
    if len(chosen) < least:
        chosen += sorted(left, key=_removal_order)[: least - len(chosen)]
    return chosen


def _by_index(turn: SyncContext) -> tuple[list[PodRecord], list[PodRecord]]:
    chosen: list[PodRecord] = []
    groups: dict[int, list[PodRecord]] = {}
    for entry in sorted(turn.pods.active.values(), key=lambda each: each.index):
        if turn.is_valid(entry):
            groups.setdefault(entry.index, []).append(entry)
        else:
            chosen.append(entry)
    left = []
    for group in groups.values():
        *repeated, last = sorted(group, key=_removal_order) if len(group) > 1 else group
        chosen += repeated
        left.append(last)
    return chosen, left


def _removal_order(entry: PodRecord) -> tuple[bool, int, bool, float, int, float]:
    """The order of removal: what has come least far goes first (controller.ActivePods)."""
    pod = entry.pod
    since = ready_since(entry) if entry.ready else 0.0
    most = max((each.get("restartCount") or 0 for each in _containers(entry)), default=0)
    created = pod["metadata"].get("creationTimestamp")
    return (
        bool(pod["spec"].get("nodeName")),
        PHASE_ORDER.get(entry.phase, 0),
        entry.ready,
        -since,
        -most,
        -unix(created) if created else float("-inf"),
    )


def _containers(entry: PodRecord) -> Iterable[dict[str, int]]:
    return (entry.pod.get("status") or {}).get("containerStatuses") or ()


def ready_since(entry: PodRecord) -> float:
    """Since when the pod is ready, Unix seconds."""
    for condition in (entry.pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Ready" and condition.get("lastTransitionTime"):
            return unix(condition["lastTransitionTime"])
    return 0.0


def _create(turn: SyncContext, decision: Decision, missing: int) -> None:
    if turn.lost is None:
        ready_at = turn.backoff.until(turn.base)
        if ready_at is not None and ready_at > turn.now:
            decision.ask_again(ready_at)
            return
    if missing > MAX_POD_CREATE_DELETE_PER_SYNC:
        missing = MAX_POD_CREATE_DELETE_PER_SYNC
        decision.ask_again(turn.now)
    maker = PodFactory(turn.job)
    if turn.indexed:
        created = [maker.pod(index, turn.delayed.get(index)) for index in _due(turn, decision, missing)]
    else:
        created = [maker.pod() for _ in range(missing)]
    decision.create += created
    turn.active += len(created)


def _due(turn: SyncContext, decision: Decision, missing: int) -> list[int]:
    """The lowest pending indexes, without those that still wait after a failure."""
    taken, pods = index_sets.merge(turn.done, turn.lost or []), turn.pods
    held: Container[int] = pods.by_index
    if turn.only_failed and pods.terminating:
        held = {*pods.by_index, *(entry.index for entry in pods.terminating.values())}
    due = []
    for index in index_sets.first_missing(taken, missing, turn.completions or 0, held):
        failed = turn.delayed.get(index)
        ready_at = turn.now if failed is None else backoff.index_ready_at(failed, turn.base)
        if ready_at > turn.now:
            decision.ask_again(ready_at)
            continue
        due.append(index)
        if failed is not None:
            decision.ask_again(turn.now)
    return due
