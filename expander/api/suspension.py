"""`expander.suspend` and `expander.resume`: hold a group, and let it go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Unpack

from expander.api.arguments import texts
from expander.api.place import GroupKeywords, Which, opened
from expander.api.progress import showing
from expander.api.stop import stop_check
from expander.base.errors import TimedOut
from expander.base.text import counted
from expander.group.suspension.plan import SuspensionOutcome


def suspend(
    group: Which = None,
    items: Sequence[str] = (),
    *,
    qps: float | None = None,
    timeout: float = 300.0,
    on_outcome: Callable[[SuspensionOutcome], None] | None = None,
    progress: bool = False,
    **where: Unpack[GroupKeywords],
) -> list[SuspensionOutcome]:
    """Suspend the unfinished Jobs of a group as ``expander suspend`` does; what became of each, in any order.

    ``items`` are keys, names of Jobs or globs; without them all Jobs are meant, and the group's CronJobs.
    Keywords are those of the command's options: ``selector``, ``namespace``, ``everywhere``, ``local``,
    ``state``, ``kubeconfig``, ``context``, ``group_label``. ``qps`` requests a second are sent at most to a
    cluster. It waits until the controllers have acted, up to ``timeout`` seconds, 0 for not at all.
    ``on_outcome`` gets each outcome as it is known; ``progress`` is as for `run`.

    Raises UsageError when nothing selects a group, InputError for a group or name that is not there,
    ClusterError when the cluster does not answer, and TimedOut when the time is up.
    """
    return _change(group, items, True, qps, timeout, on_outcome, progress, where)


def resume(
    group: Which = None,
    items: Sequence[str] = (),
    *,
    qps: float | None = None,
    timeout: float = 300.0,
    on_outcome: Callable[[SuspensionOutcome], None] | None = None,
    progress: bool = False,
    **where: Unpack[GroupKeywords],
) -> list[SuspensionOutcome]:
    """Let the suspended Jobs of a group go on, as ``expander resume`` does; see `suspend`.

    Jobs in a queue of Kueue are refused: it decides when they run.
    """
    return _change(group, items, False, qps, timeout, on_outcome, progress, where)


def _change(
    group: Which,
    items: Sequence[str],
    suspend: bool,
    qps: float | None,
    timeout: float,
    on_outcome: Callable[[SuspensionOutcome], None] | None,
    progress: bool,
    where: GroupKeywords,
) -> list[SuspensionOutcome]:
    from expander.group.suspension.suspend import open_suspension, planned, suspension_outcomes

    found, done = [], 0
    with opened("suspend" if suspend else "resume", group, where, collected=False) as (source, wanted):
        suspension = open_suspension(source, stop_check(), qps=qps)
        plan = planned(suspension, source, wanted, texts("items", items), suspend=suspend)
        with showing(progress, str(wanted), plan.done) as shown:
            for told in suspension_outcomes(suspension, plan):
                found.append(told)
                done += told.outcome == plan.done
                if shown is not None:
                    shown.update(len(plan.targets), done)
                if on_outcome is not None:
                    on_outcome(told)
        if timeout and (left := suspension.unsettled(plan, timeout, lambda _: None)):
            raise TimedOut(f"{counted(left, 'Job')} not {plan.done} within {timeout:g} s")
    return found
