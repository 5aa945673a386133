"""`expander.cleanup`: delete a group with everything created for it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

from expander.api.arguments import warn
from expander.api.place import GroupKeywords, Which, opened
from expander.api.progress import showing
from expander.base.dataclass import dataclass
from expander.base.errors import ExpanderError, StateUnreadable, TimedOut, UsageError
from expander.base.text import counted
from expander.group.cleanup import Target

if TYPE_CHECKING:
    from expander.api.progress import Progress
    from expander.group.cleanup import CleanupFilters
    from expander.group.open import AnySource, GroupSelector


@dataclass(frozen=True, slots=True)
class CleanupResult:
    """What was deleted, or with ``dry_run`` would be: ``counts`` by kind.

    ``targets`` are the objects of a dry run, with ``kind``, ``namespace``, ``name``, ``state``, and ``since``
    when they have it (Unix seconds).
    """

    counts: Mapping[str, int]
    targets: Sequence[Target] = ()


def cleanup(
    group: Which = None,
    *,
    finished: bool = False,
    failed: bool = False,
    older_than: float | None = None,
    dry_run: bool = False,
    yes: bool = False,
    timeout: float = 300.0,
    progress: bool = False,
    **where: Unpack[GroupKeywords],
) -> CleanupResult:
    """Delete the Jobs of a group with their pods, and all else with its label, as ``expander cleanup`` does.

    ``group`` and the keywords of its place are as for `status`. With ``finished``, ``failed`` or
    ``older_than`` (seconds since the end of a Job) only such Jobs go. ``yes`` deletes unfinished Jobs too;
    ``dry_run`` only tells. It waits until all is gone, up to ``timeout`` seconds, 0 for not at all. A group
    that has nothing is no error. Local groups go with their state and logs. ``progress`` is as for `run`.

    Raises UsageError for unfinished Jobs without ``yes``, or while the group is being submitted; TimedOut
    when something is still being deleted; ExpanderError when something cannot be, or new Jobs come meanwhile.
    """
    from expander.group.cleanup import CleanupFilters, may_be_damaged, remove_damaged

    filters = CleanupFilters(finished, failed, older_than)
    with opened("cleanup", group, where, awaited=True, collected=False) as (source, wanted):
        if wanted.group is None and wanted.selector is not None and not wanted.selector.strip():
            raise UsageError("an empty selector matches every Job: name a group or a selector")
        try:
            with showing(progress and not dry_run, str(wanted), "deleted") as shown:
                return _cleaned(
                    source, wanted, filters, dry_run=dry_run, yes=yes, timeout=timeout, shown=shown
                )
        except StateUnreadable as error:
            if dry_run or not yes or not may_be_damaged(source, wanted, filters):
                raise
            remove_damaged(error)
            return CleanupResult({})


def _cleaned(
    source: AnySource,
    wanted: GroupSelector,
    filters: CleanupFilters,
    *,
    dry_run: bool,
    yes: bool,
    timeout: float,
    shown: Progress | None,
) -> CleanupResult:
    from expander.group import cleanup
    from expander.group.bookkeeping import open_writer

    with open_writer(source) as writer:
        plan = cleanup.plan_cleanup(source, writer, filters, time.time())
        if dry_run:
            targets = [*plan.targets, *cleanup.planned_pods(plan, source, writer)]
            return CleanupResult(Counter(each.kind for each in targets), targets)
        if plan.whole:
            cleanup.refuse_while_submitting(source, wanted)
        if plan.unfinished and not yes:
            raise UsageError(
                f"{plan.unfinished_words}; nothing was deleted",
                hint="yes=True deletes them too, finished=True keeps them",
            )

        def told(counts: Counter[str]) -> None:
            if shown is not None:
                shown.update(None, sum(counts.values()))

        end = cleanup.carry_out(plan, source, writer, wanted, timeout or None, warn, told)
    if end.error is not None:
        raise end.error
    if end.left:
        raise TimedOut(f"{counted(end.left, 'object')} still being deleted after {timeout:g} s")
    if end.new:
        raise ExpanderError(
            f"{counted(end.new, 'new Job')} created meanwhile", hint="stop their creator first"
        )
    return CleanupResult({kind: count for kind, count in end.counts.items() if count})
