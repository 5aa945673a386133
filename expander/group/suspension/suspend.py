"""Suspend or resume a group wherever it is: what carries it out, and what is to do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, Unpack

from expander.base.errors import ExpanderError
from expander.base.text import counted
from expander.group.open import nothing_found
from expander.group.suspension.plan import SuspensionOutcome, SuspensionPlan, plan_suspension

if TYPE_CHECKING:
    from expander.group.open import AnySource, GroupSelector
    from expander.group.suspension.cluster import ClusterSuspension
    from expander.group.suspension.local import LocalSuspension

    AnySuspension: TypeAlias = ClusterSuspension | LocalSuspension


def open_suspension(
    source: AnySource, stopped: Callable[[], bool] = lambda: False, *, qps: float | None = None
) -> AnySuspension:
    """What carries out plans for the group of ``source``; ``qps`` is for a cluster.

    Raises UsageError for the state of a server that runs.
    """
    from expander.group.local_source import LocalSource

    if isinstance(source, LocalSource):
        from expander.group.suspension.local import LocalSuspension

        return LocalSuspension(source, stopped)
    from expander.group.suspension.cluster import ClusterSuspension

    return ClusterSuspension(source, stopped, qps=qps)


def planned(
    suspension: AnySuspension,
    source: AnySource,
    wanted: GroupSelector,
    names: Sequence[str],
    *,
    suspend: bool,
) -> SuspensionPlan:
    """What to do. Raises InputError when there is nothing in the group, or no such name."""
    jobs, crons = list(suspension.jobs()), suspension.cronjobs()
    if not jobs and not crons:
        raise nothing_found(wanted, source)
    return plan_suspension(jobs, crons, names, suspend=suspend)


def suspension_outcomes(suspension: AnySuspension, plan: SuspensionPlan) -> Iterator[SuspensionOutcome]:
    """What became of each Job and CronJob, those that were left alone first."""
    yield from plan.left
    yield from suspension.outcomes(plan)


class GroupKeywords(TypedDict, total=False):
    """Where a group is; see `GroupSelector` for what the names mean."""

    selector: str | None
    namespace: str | None
    everywhere: bool
    local: bool
    state: str | os.PathLike[str] | None
    kubeconfig: str | os.PathLike[str] | None
    context: str | None
    group_label: str


def suspend(
    group: str | None = None,
    items: Sequence[str] = (),
    *,
    qps: float | None = None,
    timeout: float = 300.0,
    on_outcome: Callable[[SuspensionOutcome], None] | None = None,
    **where: Unpack[GroupKeywords],
) -> list[SuspensionOutcome]:
    """Suspend the unfinished Jobs of a group as ``expander suspend`` does; what became of each, in any order.

    ``items`` are keys, names of Jobs or globs; without them all Jobs are meant, and the group's CronJobs.
    Keywords are those of the command's options: ``selector``, ``namespace``, ``everywhere``, ``local``,
    ``state``, ``kubeconfig``, ``context``, ``group_label``. ``qps`` requests a second are sent at most to a
    cluster. It waits until the controllers have acted, up to ``timeout`` seconds, 0 for not at all.
    ``on_outcome`` gets each outcome as it is known.

    Raises UsageError when nothing selects a group, InputError for a group or name that is not there,
    ClusterError when the cluster does not answer, and ExpanderError when the time is up.
    """
    return _change(group, items, True, qps, timeout, on_outcome, where)


def resume(
    group: str | None = None,
    items: Sequence[str] = (),
    *,
    qps: float | None = None,
    timeout: float = 300.0,
    on_outcome: Callable[[SuspensionOutcome], None] | None = None,
    **where: Unpack[GroupKeywords],
) -> list[SuspensionOutcome]:
    """Let the suspended Jobs of a group go on, as ``expander resume`` does; see `suspend`.

    Jobs in a queue of Kueue are refused: it decides when they run.
    """
    return _change(group, items, False, qps, timeout, on_outcome, where)


def _change(
    group: str | None,
    items: Sequence[str],
    suspend: bool,
    qps: float | None,
    timeout: float,
    on_outcome: Callable[[SuspensionOutcome], None] | None,
    where: GroupKeywords,
) -> list[SuspensionOutcome]:
    from expander.group.open import GroupSelector, open_source

    given: Any = {name: os.fspath(value) for name, value in where.items() if isinstance(value, os.PathLike)}
    wanted = GroupSelector(group, **{**where, **given})
    found = []
    with closing(open_source(wanted, collected=False)) as source:
        suspension = open_suspension(source, qps=qps)
        plan = planned(suspension, source, wanted, items, suspend=suspend)
        for told in suspension_outcomes(suspension, plan):
            found.append(told)
            if on_outcome is not None:
                on_outcome(told)
        if timeout and (left := suspension.unsettled(plan, timeout, lambda _: None)):
            raise ExpanderError(f"{counted(left, 'Job')} not {plan.done} within {timeout:g} s")
    return found
