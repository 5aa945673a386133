"""Threads that watch the cluster during a submission: unfinished Jobs, quotas, and refused pods."""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from expander.base.errors import ClusterError, StatusError
from expander.base.log import Log
from expander.base.regex import regex
from expander.client.client import ApiClient
from expander.client.quotas import NamespaceLimitsOf
from expander.client.retry import Retry
from expander.client.transport import Transport
from expander.client.watch import Handler, list_and_watch, list_objects
from expander.kube.workloads import BY_TITLE, JOB
from expander.submit.active_window import ActiveWindow, Scope, scope_of
from expander.submit.delivery import is_finished
from expander.submit.request import PreparedRequest
from expander.submit.workers import Workers

if TYPE_CHECKING:
    from expander.submit.policy_retries import PolicyRetries

log = Log("submit")

MAX_REMEMBERED_JOBS: Final = 10_000
"""Jobs that are remembered: the newest of the batch, and those whose pods are refused."""

MAX_REPORTED_CAUSES: Final = 5
"""Kinds of refusals that are reported at once."""

MAX_WATCHED_NAMESPACES: Final = 8
"""Namespaces in which refused pods are looked for; each costs a connection."""

QUOTA_POLL_SECONDS: Final = 0.25
"""Seconds between two looks at items that are held for quota, as long as there are any."""

UNREADABLE_QUOTA_SECONDS: Final = 60.0
"""Seconds after which quotas that could not be read are read again."""

POD_CREATION_SECONDS: Final = 3.0
"""Seconds in which the Job controller should have created the pods of the last Job."""

JOB_POLL_SECONDS: Final = 0.25
"""Seconds between two reads of the last Job."""

SHORT_RETRY_SECONDS: Final = 10.0
"""The retry budget of requests that are sent again anyway."""

Key = tuple[str, str]
Object = Mapping[str, Any]


class FailedPodCreations:
    """Jobs of a batch that were accepted, but whose pods are refused: for quota, limits, a service account.

    The Job controller says so in events with the reason FailedCreate, and goes on trying. Jobs and events may
    come in any order, from any thread; ``say`` gets a line for the first Job of each kind of refusal.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._jobs: OrderedDict[Key, None] = OrderedDict()
        self._refused: OrderedDict[Key, str] = OrderedDict()
        self._reported: set[str] = set()

    def add(self, namespace: str, name: str) -> None:
        """The cluster has a Job of the batch."""
        with self._lock:
            self._jobs[namespace, name] = None
            if len(self._jobs) > MAX_REMEMBERED_JOBS:
                self._jobs.popitem(last=False)
            if self._refused:
                self._report((namespace, name))

    def event(self, event: Mapping[str, Any]) -> None:
        """An event; any but a FailedCreate of a Job is passed over."""
        about = event.get("involvedObject") or {}
        if event.get("reason") != "FailedCreate" or about.get("kind") != "Job":
            return
        key = (str(about.get("namespace")), str(about.get("name")))
        with self._lock:
            self._refused[key] = str(event.get("message")).removeprefix("Error creating: ")
            if len(self._refused) > MAX_REMEMBERED_JOBS:
                self._refused.popitem(last=False)
            self._report(key)

    def has(self, namespace: str, name: str) -> bool:
        """Whether pods of the Job were refused."""
        with self._lock:
            return (namespace, name) in self._refused

    def found(self) -> list[tuple[str, str, str]]:
        """Namespace, name and message of each Job of the batch whose pods were refused."""
        with self._lock:
            return [(*key, words) for key, words in self._refused.items() if key in self._jobs]

    def _report(self, key: Key) -> None:
        words = self._refused.get(key)
        if words is None or key not in self._jobs or len(self._reported) >= MAX_REPORTED_CAUSES:
            return
        shape = re.sub(r'"[^"]*"|\d+', "", words)
        if shape not in self._reported:
            self._reported.add(shape)
            self._say(f"warning: job.batch/{key[1]} was accepted, but its pods are refused: {words}")


class JobHandler:
    """Keeps the window up to date with the Jobs of a scope."""

    fields = ""

    def __init__(
        self,
        scope: Scope,
        group_label: str,
        window: ActiveWindow,
        workers: Workers,
        retries: PolicyRetries | None,
    ) -> None:
        self._retries = retries
        row = BY_TITLE[scope.title].row
        self._kind = {"apiVersion": row.api_version, "kind": row.kind}
        """What lists leave out."""
        self.path = f"{row.path}/namespaces/{scope.namespace}/{row.plural}"
        self.selector = f"{group_label}={scope.group}" if scope.group else ""
        self._scope = scope
        self._window = window
        self._workers = workers

    def begin(self) -> None:
        with self._workers.lock:
            self._window.begin_list(self._scope)

    def page(self, objects: Sequence[Object]) -> None:
        with self._workers.lock:
            self._window.page(self._scope, ({**self._kind, **each} for each in objects))
            for each in objects:
                self._observe(each)

    def end(self) -> None:
        with self._workers.lock:
            self._window.end_list(self._scope)
        self._workers.wake()

    def changed(self, kind: str, found: Object) -> None:
        with self._workers.lock:
            was_full = self._window.is_full
            self._window.changed(self._scope, kind, {**self._kind, **found})
            if kind != "DELETED":
                self._observe(found)
            has_news = (was_full and not self._window.is_full) or not self._window.own
        if has_news:
            self._workers.wake()

    def _observe(self, job: Object) -> None:
        if self._retries is not None and self._scope.title == JOB.title:
            self._retries.observe(job)


class FailedContainerHandler:
    """Has the pods of a scope looked at, for a policy may try again what failed."""

    fields = "status.phase!=Succeeded"

    def __init__(self, scope: Scope, group_label: str, retries: PolicyRetries) -> None:
        self.path = f"/api/v1/namespaces/{scope.namespace}/pods"
        self.selector = f"{group_label}={scope.group}" if scope.group else ""
        self._retries = retries

    def begin(self) -> None:
        pass

    def page(self, objects: Sequence[Object]) -> None:
        for each in objects:
            self._retries.pod(each)

    def end(self) -> None:
        pass

    def changed(self, kind: str, found: Object) -> None:
        if kind != "DELETED":
            self._retries.pod(found)


class QuotaHandler:
    """Keeps the gate up to date with the quotas of a namespace."""

    selector = fields = ""

    def __init__(self, namespace: str, workers: Workers) -> None:
        self.path = f"/api/v1/namespaces/{namespace}/resourcequotas"
        self._namespace = namespace
        self._gate = workers.dispatcher.gate
        self._workers = workers
        self._quotas: dict[str, Object] = {}

    def begin(self) -> None:
        self._quotas = {}

    def page(self, objects: Sequence[Object]) -> None:
        self._quotas.update((each["metadata"]["name"], each) for each in objects)

    def end(self) -> None:
        self._update(listed=True)

    def changed(self, kind: str, found: Object) -> None:
        name = found["metadata"]["name"]
        if kind == "DELETED":
            self._quotas.pop(name, None)
        else:
            self._quotas[name] = found
        self._update(listed=False)

    def refused(self) -> None:
        """The quotas may not be read."""
        with self._workers.lock:
            for collection in self._collections():
                self._gate.mark_unreadable(collection)

    def _update(self, listed: bool) -> None:
        with self._workers.lock:
            for collection in self._collections():
                self._gate.update_quota(collection, self._quotas, time.monotonic(), listed)
        self._workers.wake()

    def _collections(self) -> list[str]:
        return [each for each in self._gate.collections() if namespace_of(each) == self._namespace]


def namespace_of(collection: str) -> str:
    """The namespace in the path of a collection."""
    return collection.rsplit("/", 2)[1]


class FailedPodHandler:
    """Keeps `FailedPodCreations` up to date with the events of a namespace."""

    selector = ""
    fields = "reason=FailedCreate,involvedObject.kind=Job"

    def __init__(self, namespace: str, failed: FailedPodCreations) -> None:
        self.path = f"/api/v1/namespaces/{namespace}/events"
        self._failed = failed
        self._old = True

    def begin(self) -> None:
        pass

    def page(self, objects: Sequence[Object]) -> None:
        if not self._old:  # the first list is of earlier runs
            for each in objects:
                self._failed.event(each)

    def end(self) -> None:
        self._old = False

    def changed(self, kind: str, found: Object) -> None:
        if kind != "DELETED":
            self._failed.event(found)


_OF_PODS: Final = regex(r"pods$|count/pods$|cpu$|memory$|ephemeral-storage$|requests\.(?!storage$)|limits\.")
"""What a ResourceQuota may count that is asked for when pods are created, not Jobs."""


class Watchers:
    """Watches what the deliveries of ``workers`` wait for: `start` it, and `watch` for each item.

    ``failed_pods`` has the Jobs whose pods are refused.
    """

    def __init__(
        self,
        workers: Workers,
        transport: Transport,
        api: ApiClient,
        group_label: str,
        say: Callable[[str], None],
        limits_of: NamespaceLimitsOf,
        retries: PolicyRetries | None = None,
    ) -> None:
        self._say = say
        self._limits_of = limits_of
        self._retries = retries
        self.failed_pods = FailedPodCreations(say)
        self._workers = workers
        self._transport = transport
        self._api = api
        self._group_label = group_label
        self._short_api = ApiClient(transport, Retry(budget=SHORT_RETRY_SECONDS), lambda: self._stopped)
        self._scopes: set[Scope] = set()
        self._namespaces: set[str] = set()
        self._listing = threading.Lock()
        self._quotas: dict[str, threading.Thread] = {}
        self._stopped = False

    def start(self) -> None:
        """Begin to watch the quotas of held items."""
        threading.Thread(target=self._watch_quotas, daemon=True).start()

    def stop(self) -> None:
        """Watch nothing any more."""
        self._stopped = True
        with self._workers.lock:
            self._workers.quota_held.notify_all()

    def watch(self, item: PreparedRequest) -> None:
        """Watch what concerns an item. Raises ClusterError when the Jobs of the window may not be listed."""
        if not item.is_workload:
            return
        window = self._workers.window
        if window is not None and (scope := scope_of(item)) not in self._scopes:
            self._scopes.add(scope)
            jobs = JobHandler(scope, self._group_label, window, self._workers, self._retries)
            self._follow(jobs, list_objects(self._api, jobs), self._lost_window)
            if self._retries is not None and item.is_job:
                self._watch_pods(FailedContainerHandler(scope, self._group_label, self._retries))
        if item.namespace not in self._namespaces:
            self.watch_events(item.namespace)

    def watch_events(self, namespace: str) -> None:
        """Watch for refused pods from now on, in the first namespaces; safe for threads."""
        with self._listing:
            if namespace in self._namespaces or len(self._namespaces) >= MAX_WATCHED_NAMESPACES:
                return
            events = FailedPodHandler(namespace, self.failed_pods)
            try:
                self._follow(events, list_objects(self._api, events), lambda _: None)
            except ClusterError as error:
                log.info("cannot watch events of %(namespace)s", namespace=namespace, error=str(error))
            finally:
                self._namespaces.add(namespace)

    def _watch_pods(self, handler: FailedContainerHandler) -> None:
        try:
            self._follow(handler, list_objects(self._api, handler), lambda _: None)
        except StatusError as error:
            self._say(f"warning: cannot list pods, so only what timed out is tried again: {error}")

    def await_pods(self, last: PreparedRequest | None) -> None:
        """Where pods may be refused, give the Job controller a moment for the ``last`` Job."""
        if last is None or not self._may_refuse(last):
            return
        until = time.monotonic() + POD_CREATION_SECONDS
        while time.monotonic() < until and not self.failed_pods.has(last.namespace, last.name):
            try:
                job = self._api.get_object(last.path)
            except ClusterError:
                return
            status = job.get("status") or {}
            if status.get("active") or is_finished(job) or (job.get("spec") or {}).get("suspend"):
                return
            time.sleep(JOB_POLL_SECONDS)

    def _may_refuse(self, job: PreparedRequest) -> bool:
        if b'"serviceAccount' in job.body:
            return True
        limits = self._limits_of(job.namespace)
        hard = {name for each in limits.quotas for name in each["spec"].get("hard") or ()}
        return bool(limits.ranges) or any(_OF_PODS.match(name) for name in hard)

    def _follow(
        self, handler: Handler, version: str, refused: Callable[[StatusError], None]
    ) -> threading.Thread:
        def work() -> None:
            try:
                list_and_watch(self._transport, self._api, handler, lambda: self._stopped, version)
            except StatusError as error:
                refused(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    def _lost_window(self, error: StatusError) -> None:
        self._workers.fail(ClusterError(f"cannot watch the Jobs of the group: {error}"))

    def _watch_quotas(self) -> None:
        gate = self._workers.dispatcher.gate
        while not self._stopped:
            with self._workers.lock:
                self._workers.quota_held.wait(QUOTA_POLL_SECONDS if gate.collections() else None)
                now = time.monotonic()
                collections = gate.collections()
                doubted = {each for each in collections if gate.is_doubted(each, now)}
            self._workers.give_up_held()
            for collection in collections:
                namespace = namespace_of(collection)
                handler = QuotaHandler(namespace, self._workers)
                thread = self._quotas.get(namespace)
                if thread is None or not thread.is_alive():
                    self._quotas[namespace] = self._follow(handler, "", partial(_pause, handler))
                elif collection in doubted:
                    self._read(handler)

    def _read(self, handler: QuotaHandler) -> None:
        try:
            list_objects(self._short_api, handler)
        except StatusError:
            handler.refused()
        except ClusterError:
            pass  # it is read again soon


def _pause(handler: QuotaHandler, _: StatusError) -> None:
    """Quotas may not be read: perhaps later."""
    handler.refused()
    time.sleep(UNREADABLE_QUOTA_SECONDS)
