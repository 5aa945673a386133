"""Suspend or resume a group wherever it is: what carries it out, and what is to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

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
    from expander.group.local.source import LocalSource

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
