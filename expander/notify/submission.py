"""Notifies of a submission that waits for its Jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from expander.kube.objects import Object
from expander.notify.notification import Counts, FailedItem, Outcome, Waiting

if TYPE_CHECKING:
    from expander.group.open import GroupSelector
    from expander.notify.notifier import Notifier
    from expander.submit.delivery import Outcome as Settled
    from expander.submit.submit import Submitter


class SubmitEvents:
    """Tells ``notifier`` of ``submitter``; ``wanted`` gives what selects the group of that name."""

    def __init__(
        self,
        notifier: Notifier,
        submitter: Submitter,
        wanted: Callable[[str], GroupSelector | None],
    ) -> None:
        self._notifier = notifier
        self._submitter = submitter
        self._wanted = wanted
        self._refused = 0
        self.settled_count = 0
        if notifier.is_on:
            notifier.counts = self.counts
            notifier.namespace = submitter.namespace
            submitter.on_failed = self._failed

    def watching(self) -> AbstractContextManager[object]:
        """Within it a stall is noticed."""
        if not self._notifier.is_on:
            return nullcontext()
        from expander.notify.stall import StallWatch

        return StallWatch(self._progress, self._why, self._notifier.stalled)

    def outcome(self, of: Settled) -> None:
        """What became of an item is known."""
        prepared, done = of.prepared, of.result
        if done.passed:
            self.settled()
        else:
            words = done.message or done.outcome
            self.refused(prepared.name, prepared.namespace, prepared.item, done.reason, words)

    def settled(self) -> None:
        """It is known what became of an item, and the cluster has it."""
        self.settled_count += 1
        self._name_group()

    def refused(self, name: str, namespace: str, item: object, reason: str, message: str) -> None:
        """The cluster does not have an item."""
        self.settled()
        self._refused += 1
        key = "" if item is None else str(item)
        self._notifier.failed(FailedItem(name, namespace, item, key, reason, message=message))

    def done(self, *, interrupted: bool = False, refused: int = 0) -> None:
        """The command has ended; ``refused`` items were never sent."""
        self._name_group()
        self._refused += refused
        counts = self.counts()
        outcome: Outcome = "interrupted" if interrupted else counts.outcome
        self._notifier.done(outcome, counts)

    def _name_group(self) -> None:
        self._notifier.group = self._submitter.group or self._notifier.group

    def _failed(self, job: Object, pods: Sequence[Object]) -> None:
        if self._notifier.wants_failure:
            from expander.group.job_status import job_status

            self._name_group()
            self._notifier.failed(FailedItem.of(job_status(job, pods, {})))

    def counts(self) -> Counts:
        """How far the submission is."""
        submitter, workers = self._submitter, self._submitter.workers
        with workers.lock:
            complete, failed = 0, 0
            if submitter.retries is not None:
                complete, failed = submitter.retries.counts()
            elif submitter.collector is not None:
                failed = submitter.collector.failed + submitter.failed_before
                complete = submitter.collector.collected - submitter.collector.failed
            active = 0 if workers.window is None else workers.window.active
            unsent = max(workers.pending - workers.dispatcher.under_way, 0)
            return Counts(complete, failed, 0, self._refused, active + unsent)

    def _progress(self) -> object:
        submitter, workers = self._submitter, self._submitter.workers
        collected = 0 if submitter.collector is None else submitter.collector.collected
        active = 0 if workers.window is None else workers.window.active
        retried = 0 if submitter.retries is None else submitter.retries.retried
        return self.settled_count, workers.pending, active, collected, retried

    def _why(self) -> list[Waiting]:
        from expander.notify.stall import why_nothing_moves

        workers = self._submitter.workers
        held, wanted = workers.counts()["held"], self._wanted(self._submitter.group or "batch")
        waiting = [] if wanted is None else why_nothing_moves(wanted)
        return (
            [Waiting("QuotaExceeded", workers.dispatcher.why, held), *waiting]
            if held and waiting
            else waiting
        )
