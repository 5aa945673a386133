"""Manifests -> objects in a cluster, each exactly once."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from expander.base.errors import ItemError, Problem
from expander.cluster.asking import Asking, ClusterError
from expander.cluster.delivery import Done
from expander.cluster.follow import fill_window, follow_quotas, follow_window
from expander.cluster.journal import HAS, Journal, journal_file, mark
from expander.cluster.pace import Pace
from expander.cluster.retry import Retry
from expander.cluster.submission import Submission
from expander.cluster.terms import Settled, Terms
from expander.cluster.transport import Transport
from expander.cluster.window import Window
from expander.cluster.wire import DIGEST, Preparation, Prepared, Resource
from expander.manifests.edits import GROUP_LABEL
from expander.manifests.manifest import Manifest

PATIENCE: Final = 30.0
"""Seconds in which a server has to give its first answer; later the budget of retries counts."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What `Submit` is to do: the words of the options of ``expander submit``; times are in seconds.

    ``state`` is the folder of journals, None for no journal.
    """

    kubeconfig: str | None = None
    context: str | None = None
    group_label: str = GROUP_LABEL
    queue: str | None = None
    qps: float | None = None
    burst: int | None = None
    in_flight: int = 32
    terms: Terms = field(default_factory=Terms)
    most_active: int | None = None
    state: Path | None = None
    resume: bool = False


class Submit:
    """One submission. Iterate over `outcomes`; `stop` ends it in order from anywhere.

    ``on_error`` gets an error for each manifest that cannot be sent at all, ``say`` a line for people.
    Raises InputError when there is no cluster to speak to.
    """

    def __init__(
        self, settings: Settings, on_error: Callable[[ItemError], None], say: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._on_error = on_error
        self._say = say
        self._transport = Transport(settings.kubeconfig, settings.context, settings.in_flight)
        self._stopped = False
        window = None if settings.most_active is None else Window(settings.most_active)
        pace = Pace(settings.in_flight, settings.qps, settings.burst)
        self.submission = Submission(self._transport, pace, settings.terms, settings.in_flight, window)
        self._asking = self._asker(settings.terms.retry)
        self._had: set[bytes] = set()
        self._known: list[Settled] = []

    def _asker(self, retry: Retry) -> Asking:
        return Asking(self._transport, retry, lambda: self._stopped or self.submission.is_stopped)

    def stop(self) -> None:
        """Send nothing more. Safe in a signal handler."""
        self._stopped = True
        self.submission.stop()

    def outcomes(self, manifests: Iterable[Manifest]) -> Iterator[Settled]:
        """Deliver ``manifests``; what became of each, in any order.

        Raises ClusterError when the server does not answer or does not accept the credentials, OutputError
        when the journal cannot be written.
        """
        retry = self._settings.terms.retry
        self._asker(replace(retry, budget=min(PATIENCE, retry.budget))).get("/version")
        prepared = self._prepared(manifests)
        first = next(prepared, None)
        if first is None:
            return
        if self._settings.state is None:
            yield from self._deliver(itertools.chain([first], prepared), first, None)
            return
        path = journal_file(self._settings.state, first.group, self._transport.server)
        with Journal(path) as journal:
            yield from self._deliver(itertools.chain([first], prepared), first, journal)

    def _deliver(
        self, items: Iterable[Prepared], first: Prepared, journal: Journal | None
    ) -> Iterator[Settled]:
        if self._settings.resume and journal is not None:
            self._had = journal.delivered()
            self._learn(first)
            items = self._missing(items)
        self._follow(first)
        for settled in self.submission.deliver(items):
            yield from self._take_known()
            if journal is not None:
                journal.add(settled.prepared.key, settled.done.outcome)
            yield settled
        yield from self._take_known()

    def _take_known(self) -> Iterator[Settled]:
        known, self._known = self._known, []
        yield from known

    def _missing(self, items: Iterable[Prepared]) -> Iterator[Prepared]:
        """The items that neither the journal nor the cluster has."""
        for item in items:
            if mark(item.key) in self._had:
                self._known.append(Settled(item, Done("unchanged", "Resumed"), 0))
            else:
                yield item

    def _learn(self, first: Prepared) -> None:
        """Add what the cluster holds of the group, by label, for when there was no journal."""
        if not first.group:
            return
        try:
            for page in self._asking.pages(first.collection, f"{self._settings.group_label}={first.group}"):
                for found in page["items"]:
                    metadata: Mapping[str, Any] = found["metadata"]
                    digest = (metadata.get("annotations") or {}).get(DIGEST)
                    if digest is not None:
                        self._had.add(mark(f"{first.collection}/{metadata['name']} {digest}"))
        except ClusterError as error:
            self._say(f"warning: {error}; each item is asked for instead")

    def _follow(self, first: Prepared) -> None:
        """Start the threads that bring news."""
        submission = self.submission
        threading.Thread(target=follow_quotas, args=(submission, self._asking), daemon=True).start()
        if submission.books.window is not None:
            path = "/apis/batch/v1/jobs"
            if first.namespace:
                path = f"/apis/batch/v1/namespaces/{first.namespace}/jobs"
            selector = f"{self._settings.group_label}={first.group}"
            fill_window(submission, self._asking, path, selector)
            arguments = (submission, self._transport, self._asking, path, selector, self._say)
            threading.Thread(target=follow_window, args=arguments, daemon=True).start()

    def _prepared(self, manifests: Iterable[Manifest]) -> Iterator[Prepared]:
        settings = self._settings
        preparation = Preparation(self._transport.namespace, settings.group_label, settings.queue)
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


def pretend(
    manifests: Iterable[Manifest], settings: Settings, on_error: Callable[[ItemError], None]
) -> Iterator[Settled]:
    """The outcomes of ``--dry-run=client``: nothing is asked of any server."""
    preparation = Preparation("", settings.group_label, settings.queue)
    for manifest in manifests:
        version, kind = manifest.api_version, manifest.kind.lower()
        prefix = f"/apis/{version}" if "/" in version else f"/api/{version}"
        try:
            prepared = preparation.of(manifest, Resource(prefix, f"{kind}s", namespaced=True))
        except ItemError as error:
            on_error(error)
        else:
            yield Settled(prepared, Done("created", "DryRun"), 0)


class Tally:
    """Counts outcomes, and how fast they come."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self.counts: dict[str, int] = {}
        self.failed = 0

    def add(self, settled: Settled) -> None:
        """Count one."""
        outcome = settled.done.outcome
        self.counts[outcome] = self.counts.get(outcome, 0) + 1
        self.failed += not settled.done.passed

    @property
    def delivered(self) -> int:
        """Items that the cluster has."""
        return sum(self.counts.get(outcome, 0) for outcome in HAS)

    @property
    def rate(self) -> float:
        """Items a second since the beginning."""
        return sum(self.counts.values()) / max(self._clock() - self._since, 1e-3)
