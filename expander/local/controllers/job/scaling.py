"""How many pods a Job should have now, and which to create or delete.

pkg/controller/job (manageJob, activePodsForRemoval) decides. A sync either deletes or creates, at most
`MAX_POD_CREATE_DELETE_PER_SYNC` pods. Pods deleted here lose their finalizer first and do not count as
failures.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING

from expander.base.late_module import late_module
from expander.kube.time import unix
from expander.local.controllers.job import backoff
from expander.local.controllers.job.context import Decision, SyncContext
from expander.local.controllers.job.pods import PodFactory, PodRecord

if TYPE_CHECKING:
    from expander.kube import index_sets
else:  # for Indexed Jobs
    index_sets = late_module("expander.kube.index_sets")

MAX_POD_CREATE_DELETE_PER_SYNC = 500
"""The most pods created or deleted in one sync."""

PHASE_ORDER = {"Pending": 0, "Unknown": 1, "Running": 2}


def scale(context: SyncContext, decision: Decision) -> None:
    """Bring the number of active pods to what the Job wants now."""
    if context.suspended:
        delete(context, decision, context.pods.active.values(), release=True)
        return
    wanted = _wanted(context)
    surplus = _surplus(context, context.active - wanted)[:MAX_POD_CREATE_DELETE_PER_SYNC]
    if surplus:
        delete(context, decision, surplus, release=True)
        if len(surplus) == MAX_POD_CREATE_DELETE_PER_SYNC:
            decision.ask_again(context.now)
        return
    missing = wanted - context.active - (context.terminating if context.only_replace_failed_pods else 0)
    if missing > 0:
        _create(context, decision, missing)


def delete(context: SyncContext, decision: Decision, records: Iterable[PodRecord], *, release: bool) -> None:
    """Delete active pods; with ``release`` they are not counted, otherwise the sync counts them."""
    for record in records:
        decision.delete.append(record.uid)
        if release and record.tracked:
            decision.release.append(record.uid)
        context.active -= 1
        context.terminating += 1
        context.ready -= record.ready


def _wanted(context: SyncContext) -> int:
    if context.completions is None:
        return context.active if context.succeeded > 0 else context.parallelism
    left = context.completions - context.succeeded
    return max(left, 0) if left < context.parallelism else context.parallelism


def _surplus(context: SyncContext, least: int) -> list[PodRecord]:
    """The active pods to remove: those with no valid index or one that another has, then by age."""
    chosen: list[PodRecord] = []
    left: Sequence[PodRecord] = ()
    if context.indexed:
        if least <= 0 and context.pods.are_distinct(context.completions or 0):
            return chosen
        chosen, left = _by_index(context)
    elif least > 0:
        left = list(context.pods.active.values())
    if len(chosen) < least:
        chosen += sorted(left, key=_removal_order)[: least - len(chosen)]
    return chosen


def _by_index(context: SyncContext) -> tuple[list[PodRecord], list[PodRecord]]:
    chosen: list[PodRecord] = []
    groups: dict[int, list[PodRecord]] = {}
    for record in sorted(context.pods.active.values(), key=lambda each: each.index):
        if context.is_valid(record):
            groups.setdefault(record.index, []).append(record)
        else:
            chosen.append(record)
    left = []
    for group in groups.values():
        *repeated, last = sorted(group, key=_removal_order) if len(group) > 1 else group
        chosen += repeated
        left.append(last)
    return chosen, left


def _removal_order(record: PodRecord) -> tuple[bool, int, bool, float, int, float]:
    """The order of removal: what has come least far goes first (controller.ActivePods)."""
    pod = record.pod
    since = ready_since(record) if record.ready else 0.0
    most = max((each.get("restartCount") or 0 for each in _containers(record)), default=0)
    created = pod["metadata"].get("creationTimestamp")
    return (
        bool(pod["spec"].get("nodeName")),
        PHASE_ORDER.get(record.phase, 0),
        record.ready,
        -since,
        -most,
        -unix(created) if created else float("-inf"),
    )


def _containers(record: PodRecord) -> Iterable[dict[str, int]]:
    return (record.pod.get("status") or {}).get("containerStatuses") or ()


def ready_since(record: PodRecord) -> float:
    """Since when the pod is ready, Unix seconds."""
    for condition in (record.pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Ready" and condition.get("lastTransitionTime"):
            return unix(condition["lastTransitionTime"])
    return 0.0


def _create(context: SyncContext, decision: Decision, missing: int) -> None:
    if context.failed_indexes is None:
        ready_at = context.backoff.ready_at(context.backoff_base)
        if ready_at is not None and ready_at > context.now:
            decision.ask_again(ready_at)
            return
    if missing > MAX_POD_CREATE_DELETE_PER_SYNC:
        missing = MAX_POD_CREATE_DELETE_PER_SYNC
        decision.ask_again(context.now)
    factory = PodFactory(context.job)
    if context.indexed:
        created = [
            factory.new_pod(index, context.delayed.get(index)) for index in _due(context, decision, missing)
        ]
    else:
        created = [factory.new_pod() for _ in range(missing)]
    decision.create += created
    context.active += len(created)


def _due(context: SyncContext, decision: Decision, missing: int) -> list[int]:
    """The lowest pending indexes, without those that still wait after a failure."""
    taken, pods = index_sets.merge(context.succeeded_indexes, context.failed_indexes or []), context.pods
    held: Container[int] = pods.by_index
    if context.only_replace_failed_pods and pods.terminating:
        held = {*pods.by_index, *(record.index for record in pods.terminating.values())}
    due = []
    for index in index_sets.first_missing(taken, missing, context.completions or 0, held):
        failed = context.delayed.get(index)
        ready_at = context.now if failed is None else backoff.index_ready_at(failed, context.backoff_base)
        if ready_at > context.now:
            decision.ask_again(ready_at)
            continue
        due.append(index)
        if failed is not None:
            decision.ask_again(context.now)
    return due
