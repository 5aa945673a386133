"""A submission: manifests become objects in a cluster, each exactly once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from expander.base.errors import (
    ExpanderError,
    ItemError,
    OutputError,
    Problem,
)
from expander.client.bodies import decode_object
from expander.client.client import ApiClient, Resource
from expander.client.transport import Transport
from expander.manifests.manifest import Manifest
from expander.manifests.rerun import rerun_changed
from expander.manifests.rerun_choice import FAILED
from expander.run.origin import GroupOrigin
from expander.submit.active_window import ActiveWindow
from expander.submit.already_submitted import AlreadySubmitted
from expander.submit.delivery import Delivery, Outcome, body_of, end_of
from expander.submit.existing import ExistingItems
from expander.submit.finished import FinishedJobs, job_path, key_of, record_path
from expander.submit.index_jobs import IndexJobs
from expander.submit.item_order import ItemOrder
from expander.submit.journal import DELIVERED, REPLACED, Journal, journal_file, origin_file
from expander.submit.opening import Opening
from expander.submit.options import SubmitOptions
from expander.submit.preflight import Preflight
from expander.submit.request import PreparedRequest
from expander.submit.request_builder import RequestBuilder
from expander.submit.watchers import Watchers
from expander.submit.workers import Workers

if TYPE_CHECKING:
    from expander.submit.collector import Collector, CollectorFactory
    from expander.submit.policy_retries import PolicyRetries


class Submitter:
    """One submission: iterate over `outcomes`; `stop` ends it in order from anywhere.

    ``on_error`` gets an error for each manifest that cannot be sent at all, ``say`` a line for people;
    ``collector`` collects finished Jobs before they are deleted; ``retries`` tries failed ones
    again when they say so; ``on_replaced`` gets Jobs of an earlier submission before they are made anew;
    ``opening`` is the connection to the cluster, None for one by the options. ``is_fed`` says that all
    manifests were read, ``group`` is the group of the first; ``overridden`` counts Jobs that `retry --with`
    or a policy had changed, and that a changed template replaced. Raises InputError when no cluster is
    configured.
    """

    def __init__(
        self,
        options: SubmitOptions,
        on_error: Callable[[ItemError], None],
        say: Callable[[str], None],
        collector: CollectorFactory | None = None,
        on_replaced: Callable[[Mapping[str, Any]], None] | None = None,
        opening: Opening | None = None,
    ) -> None:
        self._options = options
        self._retry = options.retry
        self._on_error = on_error
        self._say = say
        self._on_replaced = on_replaced
        self._make_collector = collector
        self._opening = opening or Opening(options)
        self._transport = self._opening.transport
        self._stopped = False
        self._abandoned = False
        window = None
        policy = options.policy if options.dry_run == "none" else None
        if options.max_active is not None or options.delete_finished or policy is not None:
            window = ActiveWindow(options.max_active, self._job_finished, self._is_behind)
        self.workers = Workers(self._transport, options, window, self._replacing)
        self._opening.stopped = lambda: self._stopped or self.workers.is_stopped
        self._api, self._limits_of = self._opening.api, self._opening.limits_of
        builder = RequestBuilder(self._transport.namespace, options.group_label)
        self._index_jobs = IndexJobs(self._api, self.workers, builder)
        self.retries: PolicyRetries | None = None
        if policy is not None:
            from expander.submit.policy_retries import PolicyRetries

            self.retries = PolicyRetries(
                policy, self._api, self.workers, builder, self._index_jobs, self._lost, say
            )
        self.watchers = Watchers(
            self.workers, self._transport, self._api, options.group_label, say, self._limits_of, self.retries
        )
        self.collector: Collector | None = None
        self._journal: Journal | None = None
        self._existing: ExistingItems | None = None
        self._first: Manifest | None = None
        self._last: PreparedRequest | None = None
        self._unreadable: ExpanderError | None = None
        self._order = ItemOrder(self._deliver, self._must_wait, self._wait, lambda: self.workers.is_stopped)
        self._finished: dict[str, Mapping[str, Any]] = {}
        self.on_replacing: Callable[[dict[str, Any], str], None] | None = None
        """Gets what comes in the place of a Job that the policy is about to delete, and the uid of that."""
        self.on_failed: Callable[[Mapping[str, Any], Sequence[Mapping[str, Any]]], None] | None = None
        """Gets each Job that has failed for good where that is waited for, and its pods if they are known."""
        self.is_fed = False
        self.group = ""
        self.overridden = 0

    @property
    def transport(self) -> Transport:
        """Sends the requests to the cluster."""
        return self._transport

    @property
    def server(self) -> str:
        """The URL of the cluster."""
        return self._transport.server

    @property
    def namespace(self) -> str:
        """Where most objects go."""
        return self._opening.namespace

    @property
    def pending(self) -> int:
        """Items that were read, and of which it is not known what becomes."""
        return self.workers.pending + len(self._order)

    @property
    def failed_before(self) -> int:
        """Items that an earlier run found failed and deleted."""
        return 0 if self._existing is None else self._existing.failed_before

    @property
    def is_journaled(self) -> bool:
        """Whether there is a journal of this submission to resume from."""
        return self._options.journals is not None and self._existing is not None

    @property
    def repeats(self) -> bool:
        """Whether the same submission, without ``resume``, leaves as it is what this one has done."""
        options = self._options
        if options.waits or options.rerun is not None or options.on_exists in ("replace", "recreate"):
            return False
        spec = None if self._first is None else self._first.tree.get("spec")
        return not (isinstance(spec, Mapping) and "ttlSecondsAfterFinished" in spec)

    def stop(self) -> None:
        """Send nothing more. Safe in a signal handler."""
        self._stopped = True
        self.workers.stop()

    def abandon(self) -> None:
        """`stop`, and do not wait for responses: the process ends. Safe in a signal handler."""
        self._abandoned = True
        self.stop()

    def close(self) -> None:
        """Close the connections to the server; for a program that goes on."""
        self._transport.close()

    def outcomes(self, manifests: Iterable[Manifest]) -> Generator[Outcome, None, None]:
        """Deliver ``manifests``; what became of each, in any order.

        Raises ClusterError when the server does not answer or does not accept the credentials, OutputError
        when the journal or results cannot be written, and what ``manifests`` raises; responses under way are
        waited for and recorded before.
        """
        self._opening.begin()
        if not self._options.is_server_dry_run:
            threading.Thread(target=self._watch_events, daemon=True).start()
        try:
            self._opening.check(self._say)
        except BaseException:
            self.workers.stop()
            raise
        with ExitStack() as stack:
            try:
                for prepared in self._read(manifests):
                    if not self._stopped and self._existing is None:
                        self._begin(prepared, stack)
                    if self._existing is not None and not self._options.is_server_dry_run:
                        self.watchers.watch(prepared)
                    yield from self._order.add(prepared)
                    if self.workers.is_stopped:
                        break
                yield from self._order.end()
                if self._unreadable is not None:
                    raise self._unreadable
                self.is_fed = not self.workers.is_stopped
            except ExpanderError as error:
                self.workers.fail(error)
            except BaseException:
                self._end()
                raise
            try:
                while not self.workers.is_over():
                    yield from self._take(wait=True)
                self.workers.raise_failure()
                self._await_jobs()
            finally:
                self._end()

    def _watch_events(self) -> None:
        with suppress(ExpanderError):
            self.watchers.watch_events(self.namespace)

    def _read(self, manifests: Iterable[Manifest]) -> Iterator[PreparedRequest]:
        """The requests for ``manifests``, as far as they can be read."""
        try:
            yield from self._requests(manifests)
        except ExpanderError as error:
            self._unreadable = error

    def _requests(self, manifests: Iterable[Manifest]) -> Iterator[PreparedRequest]:
        options, namespace = self._options, self._transport.namespace
        if not options.resume:
            manifests = Preflight(self._limits_of, options, namespace, self._say).check(manifests)
        stamps = not options.server_side  # to apply the same again must change nothing
        builder = RequestBuilder(namespace, options.group_label, options.queue, stamps)
        resources: dict[tuple[str, str], Resource] = {}
        for manifest in manifests:
            kind = (manifest.api_version, manifest.kind)
            if self.retries is not None:
                self.retries.note(manifest)
            try:
                self._first = self._first or manifest
                if kind not in resources:
                    resources[kind] = self._api.resource(*kind)
                prepared = builder.prepare(manifest, resources[kind])
            except ItemError as error:
                item = None if manifest.item is None else str(manifest.item)
                words = error.problems[0].message
                self._on_error(ItemError(Problem(words, manifest.where, item)))
            else:
                yield prepared

    def _begin(self, first: PreparedRequest, stack: ExitStack) -> None:
        """Open the journal of the group, and start to watch the cluster."""
        options = self._options
        self.group = first.group
        journal = None
        if options.journals is not None:
            path = journal_file(options.journals, first.group, self.server)
            journal = Journal(path, exclusive=options.delete_finished)
            self._journal = stack.enter_context(journal)
            self._check_origin(journal, first)
            if options.resume and journal.is_new and not record_path(path).exists():
                self._say(
                    "no journal of this group and cluster here: what the cluster holds is left as it is, but "
                    "a Job that has finished and was deleted would be created again"
                )
        submitted = AlreadySubmitted(
            self._api,
            options.group_label,
            self._say,
            journal,
            resumed=options.resume,
            versions=options.server_side,
            rerun=options.rerun,
        )
        record = None if journal is None else record_path(journal.path)
        self._existing = ExistingItems(submitted, options, record)
        if journal is not None and self._make_collector is not None:
            self.collector = self._make_collector(
                self._transport,
                ApiClient(self._transport, self._retry, lambda: self._stopped),
                options.results_folder or journal.path.parent / "results",
                FinishedJobs(journal),
                fail=self.workers.fail,
                say=self._say,
                wake=self.workers.wake,
            )
        if journal is not None and options.run is not None:
            journal.begin({**options.run, "server": self.server})
        self.watchers.start()

    def _check_origin(self, journal: Journal, first: PreparedRequest) -> None:
        """Refuse a batch of another template of the group's name, unless the group was chosen for it."""
        assert self._first is not None
        chosen = bool(self._options.group) or self._options.resume or journal.is_new
        path = origin_file(journal.path, first.namespace)
        origin = GroupOrigin(self._first, first.group, path, chosen=chosen)
        if origin.note and not journal.is_new:
            self._say(origin.title)
        origin.keep()

    def _must_wait(self, prepared: PreparedRequest) -> bool:
        """Whether it will be known soon if the cluster has an item."""
        return self._existing is not None and self._existing.must_wait(prepared)

    def _wait(self, prepared: PreparedRequest) -> None:
        if self._existing is not None:
            self._existing.submitted.wait(prepared)

    def _deliver(self, prepared: PreparedRequest) -> Iterator[Outcome]:
        """Have an item sent once there is room for it, if it must be; the outcomes that are known then."""
        if self._existing is not None:
            prepared = self._existing.next_attempt(prepared)
        existing = self._unchanged(prepared)
        while existing is None and not self.workers.is_stopped and not self.workers.has_room():
            yield from self._take(wait=True)
        if existing is None and not self.workers.is_stopped:
            existing = self._send(prepared)
        if existing is not None:
            yield existing
        if not self.workers.is_stopped:
            yield from self._take(wait=False)

    def _unchanged(self, prepared: PreparedRequest) -> Outcome | None:
        """The outcome of an item that the journal or the cluster has, so that nothing is sent."""
        existing = self._existing
        if existing is None:
            return None
        if (kept := existing.collected(prepared)) is not None:
            return Outcome(prepared, kept, 0)
        if (delivered := existing.delivered(prepared)) is not None:
            if self.retries is not None and prepared.is_job:
                self.retries.claim(prepared)
            return Outcome(prepared, delivered, 0)
        if (listed := existing.listed(prepared)) is None:
            return None
        outcome = Outcome(prepared, listed, 0)
        self._record(outcome, is_noted=existing.submitted.is_noted(prepared))
        return outcome

    def _replacing(self, delivery: Delivery) -> None:
        """A Job is about to be deleted and made anew: keep its logs, then record what takes its place."""
        if delivery.anew and delivery.tree is None and delivery.found is not None:
            self.overridden += rerun_changed(delivery.found) is not None
        for part in self._index_jobs.existing(delivery.found or {}) if delivery.anew else ():
            if self._on_replaced is not None:
                self._on_replaced(part)
            self._api.delete(job_path(part), part)
        if self._on_replaced is not None and delivery.found is not None:
            self._on_replaced(delivery.found)
        more: dict[str, Any] = {}
        if delivery.tree is not None or delivery.prepared.replaces:
            more = {"uid": delivery.uid, "tree": decode_object(body_of(delivery))}
        if self.on_replacing is not None and more and delivery.found is not None:
            self.on_replacing(more["tree"], delivery.uid)
        if self._journal is not None:
            self._journal.add(delivery.prepared.key, REPLACED, **more)
            self._journal.sync()

    def _send(self, prepared: PreparedRequest) -> Outcome | None:
        """Deliver an item, unless its Job was found and collected meanwhile."""
        existing = self._existing
        assert existing is not None
        version = existing.submitted.version(prepared)
        with self.workers.lock:
            if (kept := existing.collected(prepared)) is not None:
                return Outcome(prepared, kept, 0)
            self.workers.add(prepared, version, existing.if_absent(prepared))
        return None

    def _take(self, wait: bool) -> list[Outcome]:
        """Outcomes of items that are known now, recorded."""
        outcomes = self.workers.take(wait)
        if not outcomes:
            return outcomes
        for outcome in outcomes:
            self._record(outcome)
        self._journaled(Journal.flush)
        for outcome in outcomes:
            if outcome.found is not None and not self._options.is_server_dry_run:
                self._index_jobs.rerun(outcome)
        found = [each for each in outcomes if self.retries is None or not self.retries.settled(each)]
        for outcome in outcomes:
            path = self._index_jobs.settled(outcome)
            if path is not None and self.retries is not None:
                self.retries.look(path)
        return found

    def _record(self, outcome: Outcome, is_noted: bool = False) -> None:
        prepared, name = outcome.prepared, outcome.result.outcome
        if prepared.is_job and name in DELIVERED:
            self.watchers.failed_pods.add(prepared.namespace, prepared.name)
            if name == "created":
                self._last = prepared
            if self.retries is not None:
                self.retries.claim(prepared)
        finished = None
        if self._finished:
            with self.workers.lock:
                finished = self._finished.pop(prepared.path, None)
        if self.workers.window is not None and finished and self.workers.window.is_replaced(finished):
            finished = None
        if finished is not None and (name == "unchanged" or key_of(finished) == prepared.key):
            self._collect(finished)
        if outcome.attempts and name == "unchanged" and self._existing is not None:
            self._existing.submitted.missed(prepared)
        if not is_noted:
            self._journaled(Journal.note, prepared.key, name)

    def _journaled(self, write: Callable[..., None], *words: str) -> None:
        """Write into the journal; when that is not possible, nothing more is sent."""
        if self._journal is None:
            return
        try:
            write(self._journal, *words)
        except OutputError as error:
            self._journal = None
            self.workers.fail(error)

    def _await_jobs(self) -> None:
        """Wait for the last Jobs where something is done with them, and for events of refused pods."""
        while not self._stopped:
            with self.workers.lock:
                if not self._has_unfinished():
                    break
            self._take(wait=True)
            self.workers.raise_failure()
        if not self._stopped and not self._options.is_server_dry_run:
            self.watchers.await_pods(self._last)

    def _has_unfinished(self) -> bool:
        """Whether a Job is to end that is collected then, or tried again."""
        window, collector, retries = self.workers.window, self.collector, self.retries
        if window is None:
            return False
        if retries is not None and (window.own or not retries.is_idle or self.workers.pending):
            return True
        return collector is not None and bool(window.active or collector.waiting)

    def _end(self) -> None:
        """Stop; what was under way is recorded also when nobody reads outcomes any more."""
        self.workers.stop()
        if not self._abandoned:
            self._order.close()
        while not self.workers.is_over() and not self._abandoned:
            self._take(wait=True)
        self.watchers.stop()
        if self.retries is not None:
            self.retries.stop()
        if self.collector is not None and not self._abandoned:
            self.collector.stop()

    def _job_finished(self, job: Mapping[str, Any]) -> bool:
        """Have a Job tried again, or else collected; whether it keeps its place.

        It is not collected while its item is under way: a lost request would create it again.
        """
        if self.retries is None and self.collector is None:
            return False
        path = job_path(job)
        if self.retries is not None:
            keeps_place = self.retries.finished(job)
            if end_of(job) == FAILED:
                return keeps_place
        if self.on_failed is not None and end_of(job) == FAILED:
            self.on_failed(job, ())
        if path in self.workers.dispatcher.paths:
            self._finished[path] = job
        else:
            self._collect(job)
        return False

    def _lost(self, job: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> None:
        """A Job has failed, and is not tried again."""
        if self.on_failed is not None:
            self.on_failed(job, pods)
        self._collect(job)

    def _collect(self, job: Mapping[str, Any]) -> None:
        key = key_of(job)
        if self.collector is not None and self._existing is not None and key is not None:
            self._existing.submitted.add_finished(key, end_of(job) == FAILED)
            self.collector.finished(job)

    def _is_behind(self) -> bool:
        return self.collector is not None and self.collector.is_behind
