"""What a retry comes to before anything is changed: which Jobs, with what more, what an earlier one left."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from expander.base.dataclass import dataclass
from expander.group.bookkeeping import pending_count, retry_folder
from expander.group.known.removed import removed_jobs
from expander.group.local.source import LocalSource
from expander.group.open import nothing_found, submitted_jobs
from expander.group.retry.plan import RetryPlan, RetrySelection, drop_invalid, escalate, plan_retry
from expander.group.saved_logs import LOGS_FOLDER
from expander.kube.objects import Object, namespaced_name
from expander.kube.workloads import ACTIVE, PENDING
from expander.local.state import lock_holder, refuse_in_use
from expander.run.outcomes import outcome_of

if TYPE_CHECKING:
    from expander.batch.crds import Sources
    from expander.group.open import AnySource, GroupSelector
    from expander.run.escalation import Escalation, NextAttempt


@dataclass(slots=True)
class PreparedRetry:
    """What is to be retried.

    ``folder`` keeps what is pending, of which ``left`` Jobs are of an earlier retry; ``logs`` is for the
    saved logs. ``removed`` Jobs are not there any more and may have failed, ``is_bare`` when no other is
    there. ``escalated`` are the candidates that begin with more, ``interrupted`` the folders of local runs
    that have not ended, ``changes`` those of the selection.
    """

    plan: RetryPlan
    folder: Path
    logs: Path
    left: int = 0
    removed: int = 0
    is_bare: bool = False
    escalated: Sequence[NextAttempt] = ()
    interrupted: Sequence[Path] = ()
    changes: Sequence[tuple[str, str]] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do and nothing to tell of any Job."""
        return not (self.plan.candidates or self.plan.skipped or self.left or self.interrupted)


def prepare_retry(
    source: AnySource,
    wanted: GroupSelector,
    choice: RetrySelection,
    *,
    policy: Escalation | None = None,
    crds: Sources | None = None,
    logs: str | os.PathLike[str] | None = None,
    may_stop: Callable[[int], bool] = lambda _: False,
) -> PreparedRetry:
    """What ``choice`` comes to in the group of ``source``. ``logs`` is where saved logs go, None for the
    group's own folder; ``may_stop`` says whether so many unfinished Jobs are stopped and retried too.

    Raises InputError when there is nothing in the group or no such item, UsageError for a change that does
    not fit a Job, and ExpanderError while a run is at work on Jobs of this machine that are to be retried.
    """
    folder = retry_folder(source, wanted)
    submitted = submitted_jobs(source, wanted)
    jobs = list(source.jobs())
    removed = removed_jobs(submitted, {*map(namespaced_name, jobs)})
    left = 0 if wanted.is_local else pending_count(folder)
    if not jobs and not left and not removed:
        raise nothing_found(wanted, source)
    plan = plan_retry(jobs, choice, removed)
    waiting = sum(each.reason == "Running" for each in plan.skipped)
    if waiting and may_stop(waiting):
        plan = plan_retry(jobs, replace(choice, force=True), removed)
    saved = folder / LOGS_FOLDER if logs is None else Path(logs).absolute()
    prepared = PreparedRetry(plan, folder, saved, left, changes=choice.changes)
    if policy is not None and plan.candidates:
        pods = source.pods([candidate.source for candidate in plan.candidates])
        prepared.escalated = escalate(plan, pods, policy, choice.changes)
    if isinstance(source, LocalSource):
        for home in {source.home(candidate.source) for candidate in plan.candidates}:
            if home is not None:
                refuse_in_use(home)
        if not choice.items:
            prepared.interrupted = _interrupted_homes(source, jobs)
    if not choice.items and not choice.everything:
        prepared.removed = len(removed)
    prepared.is_bare = not jobs
    del jobs
    drop_invalid(plan, crds)
    return prepared


def _interrupted_homes(source: LocalSource, jobs: Sequence[Object]) -> list[Path]:
    """The folders of runs that ended before their ``jobs`` had: what is left runs with the retry."""
    idle = {folder for folder in source.folders.found() if lock_holder(folder) is None}
    homes: list[Path] = []
    for job in jobs:
        if len(homes) == len(idle):
            break
        if outcome_of(job, ()).state in (ACTIVE, PENDING):
            home = source.home(job)
            homes += [home] if home in idle and home not in homes else []
    return homes
