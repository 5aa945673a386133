"""`expander.suspend` and `expander.resume`: hold a group, and let it go on."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from expander.base.errors import ExpanderError
from expander.base.text import counted

if TYPE_CHECKING:
    from expander.group.suspension.plan import SuspensionOutcome


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
    from expander.group.suspension.suspend import open_suspension, planned, suspension_outcomes

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
