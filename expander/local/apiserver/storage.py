"""The executor as an API server's storage, and its place in an asyncio event loop.

Objects come in whole and are not validated here; every change gives the object as it is stored. It is durable
when the method returns, but for new objects: requests that create at the same time share a commit.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from heapq import merge
from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from expander.base.errors import ExpanderError, OutputError
from expander.base.text import counted
from expander.kube.api_resource import Resource
from expander.kube.scheme import load, rival_group
from expander.kube.served_kinds import ServedKinds
from expander.local.admission.chain import admit_update
from expander.local.apiserver import pagination
from expander.local.controllers.disruption import Budget, budget, budgets_of
from expander.local.controllers.garbage_collector import Propagation
from expander.local.executor import Executor
from expander.local.kubelet.api_access import IssueToken
from expander.local.kubelet.usage import UsageMeter
from expander.local.store.database import Object
from expander.local.store.events import api_event, columns_of
from expander.local.store.objects import Listed

if TYPE_CHECKING:
    from expander.local.kubelet.streaming.runtime import StreamRuntime


class Storage(Executor):
    """An `Executor` that is reached through the API; the arguments are the same."""

    def reached_at(self, address: str, port: int, authority: str | None, issue: IssueToken) -> None:
        """Say where pods reach the API, before the first step: an IP address and a port.

        ``authority`` is the certificate (PEM) to trust, None without TLS; ``issue`` gives pods tokens.
        """
        self._access.issue = issue
        if authority is not None:
            self._access.address, self._access.port = address, port
            self._kubelet.forward_api(self.get("Service", "default", "kubernetes"), self._access)
        self._control.scope.reached_at(address, port, authority, self._clock())
        self._control.commit()

    @property
    def kinds(self) -> ServedKinds:
        """The kinds that are served now."""
        return self._control.scope.kinds

    def all_of(self, kind: str) -> Sequence[Object]:
        """All objects of a kind of few, which nobody changes."""
        return self._control.store.all_of(kind)

    def admit(self, resource: Resource, obj: Object) -> Object:
        """A new object as the cluster completes it. Raises `AdmissionError`."""
        return resource.shown(self._control.admit(resource.stored(obj)))

    def admit_update(self, obj: Object) -> None:
        """Raises `AdmissionError` when ``obj`` may not be stored in the place of what is there."""
        admit_update(self._control.store, obj)

    def create(self, resource: Resource, obj: Object) -> Object:
        """Store a new object, which has its name, uid and time. Nobody may see it before `keep`, since who
        does takes it for kept.
        """
        obj = resource.stored(obj)
        self._control.store.check(obj)
        stored = self._control.store.put(obj, new=True)
        self._control.arrived(stored)
        self._control.garbage_collector.owners_changed(stored)
        self._created.append(stored)
        return resource.shown(stored)

    @cached_property
    def _created(self) -> list[Object]:
        """The new objects that are not durable yet, in order."""
        return []

    @property
    def has_created(self) -> bool:
        """Whether there are new objects since the last `keep`."""
        return bool(self._created)

    def keep(self) -> float:
        """Make new objects durable, Jobs that rest with their first status; when the next `step` has
        something to do (Unix seconds).

        Raises OutputError when that cannot be done: they are gone then.
        """
        created = self._created[:]
        self._created.clear()
        self._control.work_queue.sync_resting(self._clock(), at_least=len(created))
        try:
            self._control.commit()
        except OutputError:
            for stored in reversed(created):
                self._control.withdraw(stored)
            raise
        if any(stored["kind"] != "Job" for stored in created):
            return 0.0
        return inf if (at := self.deadline()) is None else at

    def replace(self, resource: Resource, old: Object, new: Object) -> Object:
        """Put ``new`` in the place of ``old``."""
        new = resource.stored(new)
        self._control.store.check(new)
        if resource.stored_as:
            stored = self._control.replaced(new, self._clock())
        else:
            stored = self._control.replace(old, new, self._clock())
        self._control.garbage_collector.owners_changed(stored)
        self._control.commit()
        return resource.shown(stored)

    def remove(
        self, resource: Resource, obj: Object, propagation: Propagation, grace: float | None
    ) -> Object | None:
        """Delete an object; what is left of it, if it waits for something."""
        self._control.delete(resource.stored(obj), self._clock(), propagation, grace)
        self._control.commit()
        left = self.by_uid(obj["metadata"]["uid"])
        return None if left is None else resource.shown(left)

    def disrupt(self, namespace: str, name: str, grace: float | None) -> None:
        """Evict a pod, durably."""
        self.evict(namespace, name, grace)
        self._control.commit()

    def budgets(self, pod: Object) -> list[tuple[Object, Budget]]:
        """The PodDisruptionBudgets of a pod, as they are at this moment."""
        store = self._control.store
        return [(obj, budget(store, obj)) for obj in budgets_of(store, pod)]

    @property
    def streams(self) -> StreamRuntime:
        """What runs commands in containers and attaches to them."""
        from expander.local.kubelet.streaming.runtime import StreamRuntime

        return StreamRuntime(self._kubelet, self._supervisor)

    @cached_property
    def usage(self) -> UsageMeter:
        """Measures what containers and the node use."""
        return UsageMeter(lambda: self._kubelet.running_containers(self._supervisor.pids))

    def by_uid(self, uid: str) -> Object | None:
        """The object with that uid, or None."""
        return self._control.store.by_uid(uid)

    def objects(
        self,
        resource: Resource,
        namespace: str | None,
        after: pagination.Key = ("", ""),
        fields: Mapping[str, str] = MappingProxyType({}),
    ) -> Iterator[Listed]:
        """The objects of a resource past ``after``, by namespace and name; ``namespace`` None for all.

        Those that have other values than ``fields`` may be left out.
        """
        if resource.computed:
            return self._computed(resource, namespace, after)
        stored = self._control.store.listed(resource.stored_kind, namespace, after)
        if resource.stored_kind == "Event":
            told = map(api_event, self._control.events.listed(namespace, after, columns_of(fields)))
            return map(resource.shown, merge(told, stored, key=pagination.key))
        if resource.shares_kind:
            return filter(resource.has, stored)
        return map(resource.shown, stored) if resource.stored_as else stored

    def _computed(
        self, resource: Resource, namespace: str | None, after: pagination.Key = ("", "")
    ) -> Iterator[Object]:
        made = (each for each in load(resource.computed)(self) if pagination.key(each) > after)
        wanted = (each for each in made if namespace in (None, each["metadata"].get("namespace")))
        return iter(sorted(wanted, key=pagination.key))

    def objects_at(
        self,
        version: int,
        resource: Resource,
        namespace: str | None,
        after: pagination.Key,
        fields: Mapping[str, str] = MappingProxyType({}),
    ) -> Iterator[Listed] | None:
        """What `objects` gave when ``version`` was the last one; None when that is not known any more.

        Events, which are no changes of the store, are as they are now.
        """
        now = self.objects(resource, namespace, after, fields)
        changes = self.since(version)
        if changes is None:
            return None
        before: dict[str, Object | None] = {}
        for change in changes:
            if resource.has(change.object):
                before.setdefault(change.object["metadata"]["uid"], change.before)
        if not before:
            return now
        was = (resource.shown(obj) for obj in before.values() if obj is not None)
        then = (obj for obj in was if pagination.key(obj) > after)
        wanted = (obj for obj in then if namespace in (None, obj["metadata"].get("namespace")))
        same = (obj for obj in now if obj["metadata"]["uid"] not in before)
        return merge(same, sorted(wanted, key=pagination.key), key=pagination.key)

    def count(self, resource: Resource, namespace: str | None, after: pagination.Key) -> int:
        """How many `objects` gives."""
        kind = resource.stored_kind
        if resource.computed:
            return sum(1 for _ in self._computed(resource, namespace, after))
        told = self._control.events.count(namespace, after) if kind == "Event" else 0
        rival = rival_group(resource.stored_version, kind) if resource.shares_kind else None
        return told + self._control.store.count(kind, namespace, after, rival)

    def object(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """One object of a resource, or None."""
        if resource.computed:
            listed = self._computed(resource, namespace or None)
            return next((each for each in listed if each["metadata"]["name"] == name), None)
        found = self._named(resource, namespace, name)
        if found is None and resource.stored_kind == "Event":
            events = self.events(namespace, name.rpartition(".")[0])
            found = next((each for each in events if each["metadata"]["name"] == name), None)
        return None if found is None else resource.shown(found)

    def is_taken(self, resource: Resource, namespace: str, name: str) -> bool:
        """Whether there is an object of that name in the store."""
        return self._named(resource, namespace, name) is not None

    def _named(self, resource: Resource, namespace: str, name: str) -> Object | None:
        return self._control.store.get(resource.stored_kind, namespace, name, resource.stored_version)


def pod_metrics(storage: Storage) -> Iterator[Object]:
    """What pods use."""
    return storage.usage.pods()


def node_metrics(storage: Storage) -> Iterator[Object]:
    """What the node uses."""
    return (made for node in storage.list("Node") for made in storage.usage.node(node))


log = logging.getLogger(__name__)

MIN_RETRY_SECONDS: Final = 0.5
MAX_RETRY_SECONDS: Final = 5.0
"""The first and the longest wait after the executor could not go on."""

COALESCE_SECONDS: Final = 0.002
"""Seconds from a request's change to the step that acts on it: what comes in together is done together."""

BUSY_PODS: Final = 8
BUSY_COALESCE_SECONDS: Final = 0.005
"""While so many pods run, the seconds to the step that acts on a change, or on news of pods."""


class ExecutorLoop:
    """Drives ``cluster`` in the running loop from `start` to `stop`. ``clock`` gives Unix seconds."""

    def __init__(self, storage: Storage, *, clock: Callable[[], float] = time.time) -> None:
        self._storage = storage
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._due = float("inf")
        self._version_changed = asyncio.Event()
        self._version = storage.version
        self._failures = 0
        self._stepped = asyncio.Event()
        self._creators: list[asyncio.Future[None]] = []

    def start(self) -> None:
        """Begin; called within the loop."""
        self._loop = asyncio.get_running_loop()
        self._listen()
        self._schedule_next()

    def _listen(self) -> None:
        """Step when the supervisor has news. A new one has a new pipe under the number of the old one's,
        which the selector of the loop does not notice.
        """
        number = self._storage.fileno()
        self._pipe = os.fstat(number).st_ino
        self._loop.remove_reader(number)
        self._loop.add_reader(number, self._news)

    def _news(self) -> None:
        """The supervisor has news."""
        if self._storage.running < BUSY_PODS:
            self._step()
        else:
            self._loop.remove_reader(self._storage.fileno())
            self._pipe = 0  # the step listens again
            self._schedule(self._clock() + BUSY_COALESCE_SECONDS)

    def stop(self) -> None:
        """End; the cluster can be closed then."""
        self._loop.remove_reader(self._storage.fileno())
        if self._timer is not None:
            self._timer.cancel()
        self._wake()

    async def end_pods(self, killed: asyncio.Event) -> None:
        """Stop what runs within its grace period, until nothing does or ``killed`` is set.

        What is stopped did not happen: the next server of the folder runs it anew.
        """
        running = self._storage.running
        if running:
            log.warning("stopping %s; a second signal kills what is left", counted(running, "pod"))
        self._storage.stop()
        self._step()
        kill = asyncio.ensure_future(killed.wait())
        while self._storage.running and not kill.done():
            step = asyncio.ensure_future(self._stepped.wait())
            await asyncio.wait((kill, step), return_when=asyncio.FIRST_COMPLETED)
            step.cancel()
        kill.cancel()

    @property
    def failing(self) -> bool:
        """Whether the executor cannot go on, as on a full disk."""
        return self._failures > 0

    def changed(self) -> None:
        """Somebody has changed an object: watchers hear of it now, and a step follows soon."""
        self._notify_watchers()
        self._step_soon(0.0)

    def _step_soon(self, when: float) -> None:
        """Step at ``when`` (Unix seconds), but together with what comes in meanwhile."""
        if not self._failures:
            pause = COALESCE_SECONDS if self._storage.running < BUSY_PODS else BUSY_COALESCE_SECONDS
            self._schedule(max(when, self._clock() + pause))

    async def kept(self) -> None:
        """Wait until what a request has created is durable, as is what others create meanwhile.

        Raises OutputError when it cannot be kept, and is gone again.
        """
        if not self._storage.has_created:
            return
        creator = self._loop.create_future()
        self._creators.append(creator)
        if len(self._creators) == 1:
            self._loop.call_soon(self._gather, 0)
        await creator

    def _gather(self, known: int) -> None:
        """Keep what is created once nobody has joined ``known`` creators for a round of the loop."""
        if known < len(self._creators):
            self._loop.call_soon(self._gather, len(self._creators))
        else:
            self.keep()

    def keep(self) -> None:
        """Make durable at once what requests have created, and tell them: somebody is about to see it."""
        if not self._storage.has_created:
            return
        creators, self._creators = self._creators, []
        failure: OutputError | None = None
        try:
            due = self._storage.keep()
        except OutputError as error:
            failure = error
        for creator in creators:
            if creator.done():  # its request was given up
                continue
            if failure is None:
                creator.set_result(None)
            else:
                creator.set_exception(failure)
        if failure is None:
            self._notify_watchers()
            self._step_soon(due)

    async def wait_for_version(self, after: int, timeout: float) -> bool:
        """Wait until the last resource version is beyond ``after``, at most ``timeout`` seconds."""
        while self._storage.version <= after:
            try:
                await asyncio.wait_for(self._version_changed.wait(), timeout)
            except TimeoutError:
                return False
            if self._storage.version <= after:
                return False
        return True

    def _step(self) -> None:
        self._due = float("inf")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.keep()
        try:
            self._storage.step(0)
        except Exception as error:
            self._failed(error)
            return
        if self._failures:
            log.warning("Jobs go on after %d failed attempts", self._failures)
            self._failures = 0
            self._pipe = 0
        if os.fstat(self._storage.fileno()).st_ino != self._pipe:
            self._listen()
        self._notify_watchers()
        self._schedule_next()
        self._stepped.set()
        self._stepped = asyncio.Event()

    def _failed(self, error: Exception) -> None:
        """Say once that Jobs wait and why, and try again, less and less often."""
        if not self._failures:
            self._loop.remove_reader(self._storage.fileno())
            if isinstance(error, ExpanderError):
                log.error("%s; Jobs wait until it can go on", error)
            else:
                log.error("the executor failed; Jobs wait until it can go on", exc_info=error)
        self._failures += 1
        self._schedule(self._clock() + min(MAX_RETRY_SECONDS, MIN_RETRY_SECONDS * 2 ** (self._failures - 1)))

    def _schedule_next(self) -> None:
        deadline = self._storage.deadline()
        if deadline is not None:
            self._schedule(deadline)

    def _schedule(self, when: float) -> None:
        """Step at ``when`` (Unix seconds) or before."""
        if when >= self._due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = when
        self._timer = self._loop.call_later(max(0.0, when - self._clock()), self._step)

    def _notify_watchers(self) -> None:
        if self._storage.version != self._version:
            self._version = self._storage.version
            self._wake()

    def _wake(self) -> None:
        self._version_changed.set()
        self._version_changed = asyncio.Event()
