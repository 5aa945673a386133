"""Notifies of what a run on this machine tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from expander.kube.objects import Object
from expander.kube.workloads import FAILED
from expander.local.waiting import PASSING, Waiting
from expander.notify.notification import Counts, FailedItem
from expander.notify.notification import Waiting as Reason
from expander.run.outcomes import outcome_of, state_of
from expander.run.reporter import PodsOf, RunReporter

if TYPE_CHECKING:
    from expander.notify.notifier import Notifier

MAX_KEPT_REASONS = 20
"""Reasons why pods waited that are kept, the last ones."""


class NotifyingReporter(RunReporter):
    """Hands on to ``notifier`` what it wants to know; who overrides a method calls this one too."""

    notifier: Notifier | None = None
    _failed: FailedItem | None = None
    _reasons: tuple[Reason, ...] = ()

    def finished(self, job: Object, pods_of: PodsOf) -> None:
        """See `RunReporter`: a first failure is told with the next counts."""
        if self.notifier is None or not self.notifier.wants_failure or self._failed is not None:
            return
        if state_of(job) == FAILED:
            from expander.group.job_status import job_status

            is_pod = job["kind"] == "Pod"
            of_pod = FailedItem.of_outcome(outcome_of(job, ())) if is_pod else None
            self._failed = of_pod or FailedItem.of(job_status(job, pods_of(), {}))

    def waiting(self, waiting: Waiting) -> None:
        """See `RunReporter`: why nothing moves, if that is so later."""
        if self.notifier is not None and waiting.reason not in PASSING:
            reason = Reason(waiting.reason, waiting.message, waiting.pods)
            self._reasons = (*self._reasons, reason)[-MAX_KEPT_REASONS:]

    def stalled(self, count: int) -> None:
        """See `RunReporter`."""
        if self.notifier is not None:
            self.notifier.stalled(self._reasons[::-1])

    def progress(self, counts: Mapping[str, int]) -> None:
        """See `RunReporter`."""
        if self.notifier is not None and self.notifier.is_on:
            self.notifier.counts = lambda: Counts.of_run(counts)
            if self._failed is not None:
                self.notifier.failed(self._failed)
                self._failed = None
