"""Manifests -> objects in a cluster, each exactly once.

A submission that asks nothing of any server.

How a submission is going: outcomes counted, and how fast they come.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from expander.base.errors import ClusterError, ItemError, OutputError, Problem, StatusError, Unreachable
from expander.client.client import ApiClient, Resource
from expander.client.retry import Retry
from expander.client.transport import Transport
from expander.group.collect import ClusterCollector
from expander.kube.scheme import api_path, plural_of
from expander.manifests.manifest import Manifest
from expander.submit.active_window import ActiveWindow
from expander.submit.delivery import Finished
from expander.submit.journal import DELIVERED, AlreadySubmitted, Journal, journal_file
from expander.submit.options import Outcome, SubmitOptions
from expander.submit.preflight import check_quota
from expander.submit.rate_limiter import AdaptiveRateLimiter
from expander.submit.request import PreparedRequest, RequestBuilder
from expander.submit.watchers import Watchers
from expander.submit.workers import Workers


def dry_run_outcomes(
    manifests: Iterable[Manifest], options: SubmitOptions, on_error: Callable[[ItemError], None]
) -> Iterator[Outcome]:
    """The outcomes of ``--dry-run=client``: nothing is asked of any server."""
    preparation = RequestBuilder("", options.group_label, options.queue)
    for manifest in manifests:
        path = api_path(manifest.api_version)
        plural = plural_of(manifest.api_version, manifest.kind)
        try:
            prepared = preparation.of(manifest, Resource(path, plural, namespaced=True))
        except ItemError as error:
            on_error(error)
        else:
            yield Outcome(prepared, Finished("created", "DryRun"), 0)


class Counts:
    """Counts outcomes, and how fast they come."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self.counts: dict[str, int] = {}
        self.failed = 0

    def add(self, settled: Outcome) -> None:
        """Count one."""
        outcome = settled.done.outcome
        self.counts[outcome] = self.counts.get(outcome, 0) + 1
        self.failed += not settled.done.passed

    @property
    def delivered(self) -> int:
        """Items that the cluster has."""
        return sum(self.counts.get(outcome, 0) for outcome in DELIVERED)

    @property
    def rate(self) -> float:
        """Items a second since the beginning."""
        return sum(self.counts.values()) / max(self._clock() - self._since, 1e-3)


FIRST_ANSWER_SECONDS: Final = 1.0
SERVER_WAIT_SECONDS: Final = 20.0
"""Seconds in which a server has to give its first answer, and in all when that does not come."""

GLANCE: Final = 0.2
"""Seconds between two looks at whether the last Jobs have finished."""

RESUMED: Final = "Resumed"
"""The reason of an item that needed no request."""


class Submitter:
    """One submission. Iterate over `outcomes`; `stop` ends it in order from anywhere.

    ``on_error`` gets an error for each manifest that cannot be sent at all, ``say`` a line for people.
    Raises InputError when there is no cluster to speak to.
    """

    def __init__(
        self, options: SubmitOptions, on_error: Callable[[ItemError], None], say: Callable[[str], None]
    ) -> None:
        self._options = options
        self._retry = options.retry
        self._on_error = on_error
        self._say = say
        self._transport = Transport(options.kubeconfig, options.context)
        self._stopped = False
        window = None
        if options.max_active is not None or options.delete_finished:
            window = ActiveWindow(options.max_active, self._finished, self._is_behind)
        pace = AdaptiveRateLimiter(options.max_in_flight, options.qps, options.burst)
        self.submission = Workers(self._transport, pace, options, window)
        self.finishing: ClusterCollector | None = None
        self._asking = self._asker(self._retry)
        self.news = Watchers(self.submission, self._transport, self._asking, options.group_label, say)
        self._journal: Journal | None = None
        self.group = ""

    @property
    def server(self) -> str:
        """The URL of the cluster."""
        return self._transport.server

    def _asker(self, retry: Retry) -> ApiClient:
        return ApiClient(self._transport, retry, lambda: self._stopped or self.submission.is_stopped)

    def stop(self) -> None:
        """Send nothing more. Safe in a signal handler."""
        self._stopped = True
        self.submission.stop()

    def close(self) -> None:
        """Let go of the connections to the server; for a program that goes on."""
        self._transport.close()

    def outcomes(self, manifests: Iterable[Manifest]) -> Generator[Outcome, None, None]:
        """Deliver ``manifests``; what became of each, in any order.

        Raises ClusterError when the server does not answer or does not accept the credentials, OutputError
        when the journal or results cannot be written; what is under way is answered and remembered before.
        """
        self._reach()
        if not self._options.resume:
            budget = min(SERVER_WAIT_SECONDS, self._retry.budget)
            patient = self._asker(replace(self._retry, budget=budget))
            manifests = check_quota(manifests, self._options, patient, self._transport.namespace, self._say)
        prepared = self._prepared(manifests)
        first = next(prepared, None)
        if first is None:
            return
        self.group = first.group
        items = itertools.chain([first], prepared)
        journals = self._options.journals
        if journals is None:
            yield from self._deliver(items)
            return
        path = journal_file(journals, first.group, self._transport.server)
        with Journal(path) as self._journal:
            if self._options.delete_finished:
                self._collect(path)
            known = None
            if self._options.resume:
                known = AlreadySubmitted(self._journal, self._asking, self._options.group_label, self._say)
            if self._options.run is not None:
                self._journal.begin({**self._options.run, "server": self.server})
            yield from self._deliver(items, known)

    def _reach(self) -> None:
        """See that there is a server. One that does not answer is told of before it is waited for."""
        retry = self._retry
        try:
            self._asker(replace(retry, budget=min(FIRST_ANSWER_SECONDS, retry.budget))).get("/version")
        except Unreachable as error:
            patience = min(SERVER_WAIT_SECONDS, retry.budget)
            if patience <= FIRST_ANSWER_SECONDS or "certificate" in str(error) or self._stopped:
                raise
            self._say(f"{error}; waiting up to {patience:.0f} s for it")
            self._asker(replace(retry, budget=patience)).get("/version")
        except StatusError:
            raise
        except ClusterError:  # it is there, and busy
            self._asker(retry).get("/version")

    def _collect(self, journal: Path) -> None:
        folder = self._options.results_folder or journal.parent / "results"
        self.finishing = ClusterCollector(
            self._transport,
            ApiClient(self._transport, self._retry, lambda: self._stopped),
            folder,
            self._journal,
            self.submission.fail,
            self._say,
        )

    def _finished(self, job: Mapping[str, Any]) -> None:
        if self.finishing is not None:
            self.finishing.finished(job)

    def _is_behind(self) -> bool:
        return self.finishing is not None and self.finishing.is_behind

    def _deliver(
        self, items: Iterable[PreparedRequest], known: AlreadySubmitted | None = None
    ) -> Iterator[Outcome]:
        self.news.start()
        delivered = self.submission.deliver(self._missing(items, known))
        last = None
        try:
            for settled in delivered:
                self._record(settled)
                if known is not None and settled.attempts and settled.done.outcome == "unchanged":
                    known.found(settled.prepared)
                if settled.prepared.is_job and settled.done.outcome == "created":
                    last = settled.prepared
                yield settled
            self._await_the_end(last)
        finally:
            self.submission.stop()
            for settled in delivered:  # the reader went away; what was under way is not forgotten
                self._record(settled)
            self.news.stop()
            if self.finishing is not None:
                self.finishing.stop()

    def _record(self, settled: Outcome) -> None:
        prepared, outcome = settled.prepared, settled.done.outcome
        if prepared.is_job and outcome in DELIVERED:
            self.news.podless.add(prepared.namespace, prepared.name)
        if self._journal is None or settled.done.reason == RESUMED:
            return
        try:
            self._journal.add(prepared.key, outcome)
        except OutputError as error:
            self._journal = None
            self.submission.fail(error)

    def _await_the_end(self, last: PreparedRequest | None) -> None:
        """Wait for the end of the last Jobs where they are to be deleted, and for news of refused pods."""
        window, finishing = self.submission.books.window, self.finishing
        while finishing is not None and window is not None and not self._stopped:
            with self.submission.lock:
                if not window.active and not finishing.waiting:
                    break
            self.submission.raise_failure()
            time.sleep(GLANCE)
        if not self._stopped and not self._options.is_server_dry_run:
            self.news.settle(last)

    def _missing(
        self, items: Iterable[PreparedRequest], known: AlreadySubmitted | None
    ) -> Iterator[PreparedRequest | Outcome]:
        """The items that are to be sent; those that the journal or the cluster has are settled."""
        for item in items:
            if self._options.is_server_dry_run:
                yield item
                continue
            self.news.meet(item)
            if known is not None and known.has(item):
                yield Outcome(item, Finished("unchanged", RESUMED), 0)
            else:
                yield item

    def _prepared(self, manifests: Iterable[Manifest]) -> Iterator[PreparedRequest]:
        preparation = RequestBuilder(
            self._transport.namespace, self._options.group_label, self._options.queue
        )
        resources: dict[tuple[str, str], Resource] = {}
        for manifest in manifests:
            kind = (manifest.api_version, manifest.kind)
            try:
                if kind not in resources:
                    resources[kind] = self._asking.resource(*kind)
                yield preparation.of(manifest, resources[kind])
            except ItemError as error:
                item = None if manifest.item is None else str(manifest.item)
                words = error.problems[0].message
                self._on_error(ItemError(Problem(words, manifest.where, item)))
