"""Notifies of a wait: its first failure, that nothing moves, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from expander.group.job_status import JobStatus
from expander.group.wait import (
    DELETED_JOB,
    FAILED_JOB,
    REMOVED_JOB,
    RESULT_WORDS,
    SUCCEEDED_JOB,
    JobCounts,
    ended_statuses,
)
from expander.notify.notification import Counts, FailedItem, ending

if TYPE_CHECKING:
    from expander.group.open import GroupSelector
    from expander.group.wait import Waiter, WaitResult
    from expander.kube.objects import Object
    from expander.notify.notifier import Notifier


class WaitEvents:
    """Tells ``notifier`` of the wait of ``waiter``, whose ``on_end`` it extends."""

    def __init__(self, notifier: Notifier, waiter: Waiter, wanted: GroupSelector) -> None:
        self._notifier = notifier
        self._waiter = waiter
        self._wanted = wanted
        if notifier.is_on:
            notifier.counts = lambda: wait_counts(waiter.tally, waiter.expected)
            waiter.on_end = partial(self._ended, waiter.on_end)

    def watching(self) -> AbstractContextManager[object]:
        """Within it a stall is noticed."""
        if not self._notifier.is_on:
            return nullcontext()
        from expander.notify.stall import StallWatch, why_nothing_moves

        return StallWatch(self._progress, partial(why_nothing_moves, self._wanted), self._notifier.stalled)

    def done(self, result: WaitResult) -> None:
        """The wait has ended."""
        counts = wait_counts(self._waiter.tally, self._waiter.expected)
        self._notifier.done(ending(result) or counts.outcome, counts)

    def _progress(self) -> object:
        return self._waiter.tally.known, self._waiter.tally.ended

    def _ended(self, then: Callable[[Object, str], None], job: Object, became: str) -> None:
        then(job, became)
        if became in (FAILED_JOB, DELETED_JOB) and self._notifier.wants_failure:
            for status, _ in ended_statuses(self._waiter.reader, [(job, became)]):
                self._notifier.failed(_failed(status, became))


def _failed(status: JobStatus, became: str) -> FailedItem:
    item = FailedItem.of(status)
    if became == DELETED_JOB:
        return item._replace(reason="Deleted", message=RESULT_WORDS[became])
    return item


def wait_counts(tally: JobCounts, expected: int) -> Counts:
    """The counts of a wait for at least ``expected`` Jobs."""
    counts = tally.counts
    return Counts(
        complete=counts[SUCCEEDED_JOB],
        failed=counts[FAILED_JOB],
        removed=counts[DELETED_JOB] + counts[REMOVED_JOB],
        unfinished=max(tally.known, expected) - tally.ended,
    )
