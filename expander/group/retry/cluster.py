"""Run Jobs of a group again in their cluster.

Each Job is written down and its logs are saved before it is deleted; its successor is sent as `submit` sends,
and the next retry finishes what a crash left undone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expander.base.errors import ItemError, SourceLocation
from expander.base.option_names import option
from expander.group.bookkeeping import PENDING_FILE, PendingRetries, open_writer
from expander.group.cluster.writer import ClusterWriter
from expander.group.collected import CollectedSource
from expander.group.retry.outcomes import RetryOutcome, not_sent, skipped_outcomes
from expander.group.retry.plan import RetryCandidate, RetryPlan, change
from expander.group.saved_logs import save_logs
from expander.group.source import Reader
from expander.manifests.manifest import Manifest
from expander.manifests.rerun import RETRIED_ANNOTATION, Successor, attempt_of, with_retried

if TYPE_CHECKING:
    from expander.group.open import AnySource, GroupSelector
    from expander.group.retry.preparation import PreparedRetry
    from expander.submit.options import SubmitOptions
    from expander.submit.submit import Submitter

SENDING: Final = ("on_oom", "on_timeout", "on_exit", "qps", "max_in_flight")
"""The fields of `SubmitOptions` that a retry has."""

JOBS_PER_PORTION: Final = 100
"""Jobs whose logs are saved, and which are recorded, together."""

PARALLEL_LOGS: Final = 8
"""Logs read in parallel."""

PRESENT_OUTCOMES: Final = ("created", "unchanged", "exists")
"""Outcomes after which the Job's name is taken, so that another attempt is of no use."""

Changes = Sequence[tuple[str, str]]


class ClusterRetry:
    """A retry in a cluster. ``folder`` holds what is pending, ``logs`` the saved logs; None saves none."""

    def __init__(
        self, reader: Reader, writer: ClusterWriter, submit: Submitter, folder: Path, logs: Path | None
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._submit = submit
        self._folder = folder
        self._logs = logs
        self._aside: list[RetryOutcome] = []
        self._attempts: dict[tuple[str, str], int] = {}
        self._by_policy: list[tuple[str, str]] = []
        """The Jobs whose next attempt the policy of ``submit`` began."""

    def outcomes(self, retry: PreparedRetry) -> Iterator[RetryOutcome]:
        """Send what an earlier retry left undone, then what ``retry`` is to do.

        Raises ExpanderError when the cluster does not answer or a local file cannot be written.
        """
        plan = retry.plan
        yield from skipped_outcomes(plan)
        for _ in self._writer.delete_each(plan.obsolete):
            pass
        parts: dict[str, list[RetryCandidate]] = defaultdict(list)
        by_key = {candidate.key: candidate for candidate in plan.candidates}
        with PendingRetries(self._folder / PENDING_FILE) as pending:
            self._submit.on_replacing = partial(self._replacing, pending)
            for settled in self._submit.outcomes(self._manifests(plan, retry.changes, pending)):
                yield from self._take_aside()
                prepared, done = settled.prepared, settled.result
                if done.passed or done.outcome in PRESENT_OUTCOMES:
                    pending.done(prepared.namespace, prepared.name)
                candidate = by_key.get((prepared.namespace, prepared.name))
                if candidate is not None and candidate.index is not None and done.passed:
                    parts[candidate.source["metadata"]["uid"]].append(candidate)
                yield RetryOutcome(
                    prepared.name,
                    prepared.namespace,
                    prepared.item,
                    done.outcome,
                    done.reason,
                    self._attempts.get((prepared.namespace, prepared.name), 1),
                    done.message,
                    done.passed,
                    prepared.title,
                )
            yield from self._take_aside()
            if self._submit.retries is not None and self._submit.retries.is_idle:
                for namespace, name in self._by_policy:
                    pending.done(namespace, name)
        for made in parts.values():
            source = made[0].source
            indexes = [candidate.index for candidate in made if candidate.index is not None]
            annotations = {RETRIED_ANNOTATION: with_retried(source, indexes)}
            self._writer.annotate(source, annotations)
            if isinstance(self._reader, CollectedSource):
                self._reader.annotate(source, annotations)

    def _replacing(self, pending: PendingRetries, tree: dict[str, Any], uid: str) -> None:
        """Write down what comes in the place of a Job that the policy of ``submit`` is about to delete."""
        metadata = tree["metadata"]
        self._by_policy.append((metadata["namespace"], metadata["name"]))
        pending.begin([(tree, uid)])

    def _take_aside(self) -> Iterator[RetryOutcome]:
        aside, self._aside = self._aside, []
        yield from aside

    def _manifests(self, plan: RetryPlan, changes: Changes, pending: PendingRetries) -> Iterator[Manifest]:
        for tree, uid in pending.entries():
            change(tree, changes)
            yield self._successor(tree, uid)
        rest = iter([candidate for candidate in plan.candidates if candidate.key not in self._attempts])
        while portion := [*islice(rest, JOBS_PER_PORTION)]:
            ready = [*self._saved(portion)]
            pending.begin((candidate.tree, candidate.replaces) for candidate in ready)
            yield from (self._successor(candidate.tree, candidate.replaces) for candidate in ready)

    def _successor(self, tree: Mapping[str, Any], replaces: str) -> Successor:
        metadata = tree["metadata"]
        self._attempts[metadata["namespace"], metadata["name"]] = attempt_of(tree)
        return Successor(tree, SourceLocation(f"job/{metadata['name']}"), replaces)

    def _saved(self, portion: list[RetryCandidate]) -> Iterator[RetryCandidate]:
        if self._logs is None:
            yield from portion
            return
        for candidate, why in save_logs(self._reader, portion, self._logs, PARALLEL_LOGS):
            if why is None:
                yield candidate
            else:
                words = f"its logs cannot be saved: {why}; {option('--no-logs')} retries without saving them"
                self._aside.append(not_sent(candidate, "failed", "LogsNotSaved", words))


@contextmanager
def cluster_retry(
    source: AnySource,
    wanted: GroupSelector,
    prepared: PreparedRetry,
    options: SubmitOptions,
    on_error: Callable[[ItemError], None],
    say: Callable[[str], None],
    *,
    save_logs: bool = True,
) -> Iterator[tuple[ClusterRetry, Submitter]]:
    """What retries the group ``wanted`` as ``options`` say, and what sends for it; closed at the end.

    Raises InputError when there is no cluster to speak to.
    """
    from expander.group.saved_logs import SubmittedLogs
    from expander.submit.submit import Submitter

    options = replace(
        options,
        kubeconfig=wanted.kubeconfig,
        context=wanted.context,
        group_label=wanted.group_label,
        journal=False,
    )
    saved = SubmittedLogs(options.kubeconfig, options.context, options.group_label, say)
    submit = Submitter(options, on_error, say, on_replaced=saved)
    try:
        with open_writer(source) as writer:
            assert isinstance(writer, ClusterWriter)
            logs = prepared.logs if save_logs else None
            yield ClusterRetry(source, writer, submit, prepared.folder, logs), submit
    finally:
        submit.stop()
        submit.close()
