"""Jobs that a cluster took, but whose pods it refuses: for quota, limits, a missing service account.

The Job controller says so in events with the reason FailedCreate, and goes on trying.

Who listens to what: the Jobs of a window, the quotas that items wait for, and pods that are refused.

The threads that follow a cluster while a batch is delivered to it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from expander.base.errors import ClusterError, StatusError
from expander.client.client import ApiClient
from expander.client.retry import Retry
from expander.client.transport import Transport
from expander.client.watch import Handler, list_and_watch, list_objects
from expander.submit.active_window import ActiveWindow, Scope, scope_of
from expander.submit.delivery import Delivery, is_finished
from expander.submit.quota_gate import QuotaGate
from expander.submit.request import PreparedRequest
from expander.submit.workers import Workers

MAX_REMEMBERED_JOBS: Final = 10_000
"""Jobs that are remembered: the newest of the batch, and those whose pods are refused."""

MAX_REPORTED_CAUSES: Final = 5
"""Kinds of refusals that are told of at once."""

Key = tuple[str, str]


class FailedPodCreations:
    """Brings Jobs of a batch and events together, whichever comes first. Safe for threads.

    ``say`` gets a line for the first Job of each kind of refusal.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._ours: dict[Key, None] = {}
        self._refused: dict[Key, str] = {}
        self._told: set[str] = set()

    def add(self, namespace: str, name: str) -> None:
        """A Job of the batch that the cluster has."""
        with self._lock:
            self._ours[namespace, name] = None
            if len(self._ours) > MAX_REMEMBERED_JOBS:
                del self._ours[next(iter(self._ours))]
            self._tell((namespace, name))

    def event(self, event: Mapping[str, Any]) -> None:
        """An event of the cluster; any but FailedCreate of a Job is passed over."""
        about = event.get("involvedObject") or {}
        if event.get("reason") != "FailedCreate" or about.get("kind") != "Job":
            return
        key = (str(about.get("namespace")), str(about.get("name")))
        with self._lock:
            self._refused[key] = str(event.get("message")).removeprefix("Error creating: ")
            if len(self._refused) > MAX_REMEMBERED_JOBS:
                del self._refused[next(iter(self._refused))]
            self._tell(key)

    def has(self, namespace: str, name: str) -> bool:
        """Whether pods of that Job were refused."""
        with self._lock:
            return (namespace, name) in self._refused

    def found(self) -> list[tuple[str, str, str]]:
        """Namespace, name and message of each Job of the batch whose pods were refused."""
        with self._lock:
            return [(*key, words) for key, words in self._refused.items() if key in self._ours]

    def _tell(self, key: Key) -> None:
        words = self._refused.get(key)
        if words is None or key not in self._ours or len(self._told) >= MAX_REPORTED_CAUSES:
            return
        shape = re.sub(r'"[^"]*"|\d+', "", words)
        if shape not in self._told:
            self._told.add(shape)
            self._say(f"warning: job.batch/{key[1]} was accepted, but its pods are refused: {words}")


Object = Mapping[str, Any]


class JobHandler:
    """Keeps a window up to date with the Jobs of a scope."""

    fields = ""

    def __init__(
        self, scope: Scope, group_label: str, window: ActiveWindow, lock: threading.Condition
    ) -> None:
        self.path = f"/apis/batch/v1/namespaces/{scope.namespace}/jobs"
        self.selector = f"{group_label}={scope.group}" if scope.group else ""
        self._scope = scope
        self._window = window
        self._lock = lock

    def begin(self) -> None:
        with self._lock:
            self._window.begin_list(self._scope)

    def page(self, objects: Sequence[Object]) -> None:
        with self._lock:
            self._window.page(self._scope, objects)

    def end(self) -> None:
        with self._lock:
            self._window.end_list(self._scope)
            self._lock.notify_all()

    def changed(self, kind: str, found: Object) -> None:
        with self._lock:
            full = self._window.is_full
            self._window.changed(self._scope, kind, found)
            if full and not self._window.is_full:
                self._lock.notify_all()


class QuotaHandler:
    """Tells a gate of the quotas of a namespace."""

    selector = fields = ""

    def __init__(self, namespace: str, gate: QuotaGate[Delivery], lock: threading.Condition) -> None:
        self.path = f"/api/v1/namespaces/{namespace}/resourcequotas"
        self._namespace = namespace
        self._gate = gate
        self._lock = lock
        self._known: dict[str, Object] = {}

    def begin(self) -> None:
        self._known = {}

    def page(self, objects: Sequence[Object]) -> None:
        self._known.update((each["metadata"]["name"], each) for each in objects)

    def end(self) -> None:
        self._look(read=True)

    def changed(self, kind: str, found: Object) -> None:
        name = found["metadata"]["name"]
        if kind == "DELETED":
            self._known.pop(name, None)
        else:
            self._known[name] = found
        self._look(read=False)

    def refused(self) -> None:
        """The quotas cannot be read."""
        with self._lock:
            for place in self._places():
                self._gate.look_away(place)

    def _look(self, read: bool) -> None:
        with self._lock:
            for place in self._places():
                self._gate.look(place, self._known, time.monotonic(), read)
            self._lock.notify_all()

    def _places(self) -> list[str]:
        return [place for place in self._gate.places() if namespace_of(place) == self._namespace]


def namespace_of(place: str) -> str:
    """The namespace of a place of a gate, which is the path of a collection."""
    return place.rsplit("/", 2)[1]


class FailedPodHandler:
    """Tells of Jobs in a namespace whose pods are refused."""

    selector = ""
    fields = "reason=FailedCreate,involvedObject.kind=Job"

    def __init__(self, namespace: str, podless: FailedPodCreations) -> None:
        self.path = f"/api/v1/namespaces/{namespace}/events"
        self._podless = podless
        self._old = True

    def begin(self) -> None:
        pass

    def page(self, objects: Sequence[Object]) -> None:
        if not self._old:  # what was there at first is of earlier runs
            for each in objects:
                self._podless.event(each)

    def end(self) -> None:
        self._old = False

    def changed(self, kind: str, found: Object) -> None:
        if kind != "DELETED":
            self._podless.event(found)


QUOTA_POLL_SECONDS: Final = 0.25
"""Seconds between two looks at what waits for quota."""

MAX_WATCHED_NAMESPACES: Final = 8
"""Namespaces in which refused pods are looked for; each costs a connection."""

POD_CREATION_SECONDS: Final = 3.0
"""Seconds in which the last Job of a batch should have been taken up, where pods may be refused."""

SHORT_RETRY_SECONDS: Final = 10.0
"""Seconds for a question that can be put again."""

UNREADABLE_QUOTA_SECONDS: Final = 60.0
"""Seconds after which quotas are tried to be read again that could not be read."""

_OF_PODS: Final = re.compile(
    r"pods$|count/pods$|cpu$|memory$|ephemeral-storage$|requests\.(?!storage$)|limits\."
)
"""What a ResourceQuota may count that is asked for when pods are created, not Jobs."""


class Watchers:
    """Brings news to the books of ``submission``: `start` it, and let it `meet` items before they go."""

    def __init__(
        self,
        submission: Workers,
        transport: Transport,
        asking: ApiClient,
        group_label: str,
        say: Callable[[str], None],
    ) -> None:
        self.podless = FailedPodCreations(say)
        self._submission = submission
        self._transport = transport
        self._asking = asking
        self._group_label = group_label
        self._say = say
        self._briefly = ApiClient(transport, Retry(budget=SHORT_RETRY_SECONDS), lambda: self._over)
        self._scopes: set[Scope] = set()
        self._namespaces: set[str] = set()
        self._quotas: dict[str, threading.Thread] = {}
        self._over = False

    def start(self) -> None:
        """Begin to look after what waits for quota."""
        threading.Thread(target=self._look, daemon=True).start()

    def stop(self) -> None:
        """Follow nothing any more."""
        self._over = True

    def meet(self, item: PreparedRequest) -> None:
        """An item is about to be sent. Raises ClusterError when Jobs like it cannot be followed."""
        if not item.is_job:
            return
        scope = scope_of(item)
        window = self._submission.books.window
        if window is not None and scope not in self._scopes:
            self._scopes.add(scope)
            jobs = JobHandler(scope, self._group_label, window, self._submission.lock)
            self._follow(jobs, list_objects(self._asking, jobs), self._lost_window)
        if item.namespace not in self._namespaces and len(self._namespaces) < MAX_WATCHED_NAMESPACES:
            self._namespaces.add(item.namespace)
            events = FailedPodHandler(item.namespace, self.podless)
            try:
                version = list_objects(self._asking, events)
            except ClusterError:
                return  # it is no more than a service
            self._follow(events, version, lambda _: None)

    def settle(self, last: PreparedRequest | None) -> None:
        """Where pods may be refused, give the Job controller a moment for the ``last`` Job."""
        if last is None or not self._may_refuse(last):
            return
        until = time.monotonic() + POD_CREATION_SECONDS
        while time.monotonic() < until and not self.podless.has(last.namespace, last.name):
            try:
                job = self._asking.get(last.path)
            except ClusterError:
                return
            status = job.get("status") or {}
            if status.get("active") or is_finished(job) or job["spec"].get("suspend"):
                return
            time.sleep(QUOTA_POLL_SECONDS)

    def _may_refuse(self, job: PreparedRequest) -> bool:
        if b'"serviceAccount' in job.body:
            return True
        try:
            limits = self._asking.get(f"/api/v1/namespaces/{job.namespace}/limitranges?limit=1")
            quotas = self._asking.get(f"/api/v1/namespaces/{job.namespace}/resourcequotas")
        except ClusterError:
            return False
        hard = {name for each in quotas["items"] for name in each["spec"].get("hard") or ()}
        return bool(limits["items"]) or any(_OF_PODS.match(name) for name in hard)

    def _follow(
        self, listener: Handler, version: str, refused: Callable[[StatusError], None]
    ) -> threading.Thread:
        def work() -> None:
            try:
                list_and_watch(self._transport, self._asking, listener, lambda: self._over, version)
            except StatusError as error:
                refused(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    def _lost_window(self, refused: StatusError) -> None:
        self._submission.fail(ClusterError(f"the Jobs of the group cannot be followed: {refused}"))

    def _look(self) -> None:
        gate, lock = self._submission.books.gate, self._submission.lock
        while not self._over:
            now = time.monotonic()
            with lock:
                self._submission.books.give_up_held(now)
                places = gate.places()
                doubted = {place for place in places if gate.is_doubted(place, now)}
            for place in places:
                namespace = namespace_of(place)
                listener = QuotaHandler(namespace, gate, lock)
                thread = self._quotas.get(namespace)
                if thread is None or not thread.is_alive():
                    self._quotas[namespace] = self._follow(listener, "", partial(_blind, listener))
                elif place in doubted:
                    self._read(listener)
            time.sleep(QUOTA_POLL_SECONDS)

    def _read(self, listener: QuotaHandler) -> None:
        try:
            list_objects(self._briefly, listener)
        except StatusError:
            listener.refused()
        except ClusterError:
            pass  # the next look asks again


def _blind(listener: QuotaHandler, _: StatusError) -> None:
    """Quotas cannot be read: perhaps later."""
    listener.refused()
    time.sleep(UNREADABLE_QUOTA_SECONDS)
