"""The local executor: the control plane, a kubelet and a supervisor in one event loop.

A turn: hear what became of containers, do all that follows in the control plane, make it durable, and only
then start containers. Because what is about to run is in the store before it runs, and what has run is in
the supervisor's record before anyone is told, a kill at any moment loses no result and repeats nothing
that came to its end (see `recovery`).

One thread; nothing waits but `Executor.step`.

What a client of the cluster may do, in the words of the API: submit, get, list, patch, delete, evict.

Nothing here waits or runs: the loop (`executor`) does what follows.
"""

from __future__ import annotations

import builtins
import os
import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from expander.base.errors import ExpanderError
from expander.base.log import Log
from expander.kube import selectors
from expander.kube.merge_patch import merged
from expander.kube.time import api_time
from expander.local import recovery
from expander.local.control_plane import ControlPlane
from expander.local.controllers.garbage_collector import Propagation
from expander.local.kubelet.kubelet import Kubelet
from expander.local.kubelet.node import Node
from expander.local.logs import LogWatch
from expander.local.registry import CreateResult, create_object
from expander.local.runtime.select import select_runtime
from expander.local.runtime.supervisor_client import SupervisorClient
from expander.local.scheduler import Scheduler
from expander.local.state import StateFolder
from expander.local.store.database import Object
from expander.local.store.events import api_event
from expander.local.store.objects import Change

log = Log("local")

COMMIT_EVERY: Final = 500
"""Objects that come in between two commits."""


class NotFound(ExpanderError):
    """There is no such object."""


class ApiOperations:
    """A client's side of one `Control`. Every method raises `NotFound` where it needs an object that is not
    there. Objects that are given out are not to be changed."""

    def __init__(self, control: ControlPlane, clock: Callable[[], float]) -> None:
        self._control = control
        self._clock = clock

    def submit(
        self, objects: Iterable[Mapping[str, Any]], *, namespace: str = "default"
    ) -> list[CreateResult]:
        """Store valid manifests of any kind; durable on return. ``namespace`` is for those that name none."""
        found = []
        for number, obj in enumerate(objects, 1):
            stored, told = create_object(
                self._control.store, obj, self._clock(), namespace=namespace, admit=self._control.admit
            )
            if told.outcome == "created":
                self._control.arrived(stored)
            found.append(told)
            if number % COMMIT_EVERY == 0:
                self._control.commit()
        self._control.commit()
        return found

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object of that name, or None."""
        return self._control.store.get(kind, namespace, name)

    def get(self, kind: str, namespace: str, name: str) -> Object:
        """The object of that name."""
        obj = self.find(kind, namespace, name)
        if obj is None:
            raise NotFound(f"there is no {kind} {namespace}/{name}")
        return obj

    def list(self, kind: str, namespace: str | None = None, selector: str = "") -> Iterator[Object]:
        """The objects of a kind that a label selector means, by namespace and name."""
        wanted = selectors.parse(selector)
        for obj in self._control.store.of_kind(kind, namespace):
            if wanted.matches(obj["metadata"].get("labels")):
                yield obj

    def owned(self, uid: str) -> builtins.list[Object]:
        """The pods that have the object of that uid as their first owner, oldest first."""
        return [each for each in self._control.store.owned(uid) if each["kind"] == "Pod"]

    def pods_ever(self, uid: str) -> builtins.list[Object]:
        """The pods that the Job of that uid has had, those that were deleted too, oldest first."""
        pods = [*self._control.store.deleted_pods(uid), *self.owned(uid)]
        return sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def delete(
        self,
        kind: str,
        namespace: str,
        name: str,
        propagation: Propagation = "Background",
        grace: float | None = None,
    ) -> None:
        """Delete an object; ``grace`` (seconds) is for pods."""
        self._control.delete(self.get(kind, namespace, name), self._clock(), propagation, grace)

    def patch(self, kind: str, namespace: str, name: str, patch: Mapping[str, Any]) -> Object:
        """Apply a JSON merge patch and give the object as it is then. Whether the change is allowed is not
        checked here: see `validate.updates`."""
        old = self.get(kind, namespace, name)
        return self._control.replace(old, merged(old, patch), self._clock())

    def evict(self, namespace: str, name: str, grace: float | None = None) -> None:
        """Delete a pod as the eviction API does: marked as disrupted."""
        pod = self.get("Pod", namespace, name)
        self._condition(pod, "DisruptionTarget", "True", "EvictionByEvictionAPI", "Eviction API: evicting")
        self.delete("Pod", namespace, name, grace=grace)

    def set_condition(
        self, namespace: str, name: str, type: str, status: str = "True", reason: str = "", message: str = ""
    ) -> None:
        """Set a condition in the status of a pod."""
        self._condition(self.get("Pod", namespace, name), type, status, reason, message)

    def events(self, namespace: str | None = None, name: str | None = None) -> Iterator[Object]:
        """The v1 Events about the objects of that name, or of a namespace, or all, oldest first."""
        return map(api_event, self._control.events.of(namespace, name))

    def events_changed(self, version: int | None = None) -> int:
        """How many events there were so far, each counted as often as it was; up to ``version``."""
        events = self._control.events
        return events.changed if version is None else events.changed_at(version)

    def events_since(self, changed: int) -> Sequence[tuple[Object, bool]] | None:
        """The v1 Events since there were ``changed``, and whether each is new; None when it is not known."""
        found = self._control.events.since(changed)
        return None if found is None else [(api_event(event), new) for event, new in found]

    def group(self, selector: str = "") -> dict[str, int]:
        """How many of the Jobs that the selector means are pending, running, suspended, succeeded, failed."""
        return self._control.groups.counts(selector)

    @property
    def version(self) -> int:
        """The resource version of the last change of anything."""
        return self._control.store.version

    def since(self, version: int) -> Sequence[Change] | None:
        """The changes after ``version``, for a watch; None when not all of them are kept any more."""
        return self._control.store.since(version)

    def take_finished(self) -> Iterator[Object]:
        """The Jobs that have ended since the last call and are still there, in order."""
        finished = self._control.work_queue.finished
        while finished:
            if (job := self._control.store.by_uid(finished.popleft())) is not None:
                yield job

    def _condition(self, pod: Object, type: str, status: str, reason: str, message: str) -> None:
        condition = {"type": type, "status": status, "lastProbeTime": None}
        condition["lastTransitionTime"] = api_time(self._clock())
        condition |= {key: value for key, value in (("reason", reason), ("message", message)) if value}
        self._control.add_condition(pod["metadata"]["uid"], condition)


MAX_PODS: Final = 110
"""Pods that run at a time unless the caller says otherwise: as many as a kubelet takes by default."""

COALESCE_SECONDS: Final = 0.001
"""Seconds without listening after a turn that started pods: news that come together cost less."""
COALESCE_MIN_PODS: Final = 4
"""So many pods must run for that: with fewer, each would wait for nothing."""


class Executor(ApiOperations):
    """Runs Jobs and pods on this machine. ``folder`` is the state folder; it is this executor's alone.

    ``runtime`` is one of `runtime.choose.NAMES` or ``best``; ``note`` says which it is and why. ``jobs`` is
    how many pods run at a time; ``cpus`` (cores) and ``memory`` (bytes) are what their requests are scheduled
    against, by default all this machine has. ``backoff_base`` (seconds) is the first wait of the Job
    controller after a failed pod and of the kubelet after a failed container. ``images`` maps image names to
    folders, ``claims`` the names of PersistentVolumeClaims to folders, ``variables`` go to every container.
    ``keep_volumes``: what pods had in their volumes stays below ``pods`` in the folder.
    ``history`` is how many changes are kept for watches. ``shared`` makes it a cluster with namespaces,
    quotas and a node object (see `controllers.scope`). ``clock`` gives Unix seconds.

    What an earlier executor left in the folder is taken up: what ended counts, what was cut short runs anew.
    Raises ExpanderError when the folder is in use or cannot be used, UsageError for a runtime that cannot.
    """

    def __init__(
        self,
        folder: Path,
        *,
        runtime: str = "best",
        jobs: int | None = None,
        cpus: float | None = None,
        memory: int | None = None,
        backoff_base: float = 10.0,
        images: Mapping[str, Path | str] | None = None,
        claims: Mapping[str, Path] | None = None,
        variables: Mapping[str, str] | None = None,
        keep_volumes: bool = False,
        history: int = 0,
        shared: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        chosen, self.note = select_runtime(runtime, images)
        self._clock = clock
        self._closed = False
        self._pause = 0.0
        self._logs = LogWatch()
        self._state = StateFolder(Path(folder).absolute())
        cores = cpus if cpus is not None else float(_cores())
        node = Node(socket.gethostname().lower(), "127.0.0.1", cores, memory or _memory())
        scheduler = Scheduler(cpus=node.cpus, memory=node.memory, pods=jobs or MAX_PODS)
        control = ControlPlane(
            self._state.database,
            scheduler,
            node=node.name,
            backoff_base=backoff_base,
            history=history,
            shared=shared,
        )
        super().__init__(control, clock)

        def kubelet(supervisor: SupervisorClient | recovery.ReplayRuntime) -> Kubelet:
            return Kubelet(
                supervisor,
                self._state.folder,
                control.store.get,
                node=node,
                claims=claims,
                services=control.services.of,
                variables=variables,
                isolates=chosen.isolates,
                backoff_base=backoff_base,
                keep_volumes=keep_volumes,
            )

        log.info("state in %(folder)s; %(note)s", folder=self._state.folder, note=self.note)
        ends = recovery.recorded_ends(self._state.runs)
        self._supervisor = SupervisorClient(self._state.runs, chosen)
        self._kubelet = kubelet(self._supervisor)
        for pod in recovery.restore(control, ends, self._state.runs, kubelet, clock()):
            self._kubelet.start(pod, clock())
        control.scope.found(clock())
        self._poll = select.poll()
        self._poll.register(self._supervisor.fileno(), select.POLLIN)

    def fileno(self) -> int:
        """A file descriptor that is readable when `step` has something to do."""
        return self._supervisor.fileno()

    def deadline(self) -> float | None:
        """When `step` has something to do even if nothing happens (Unix seconds); None for never."""
        times = [at for at in (self._kubelet.deadline(), self._control.deadline()) if at is not None]
        return min(times) if times else None

    def step(self, timeout: float | None = None) -> None:
        """One turn of the loop; waits for news at most ``timeout`` seconds, or until the next deadline."""
        deadline = self.deadline()
        if deadline is not None:
            left = max(0.0, deadline - self._clock())
            timeout = left if timeout is None else min(left, timeout)
        if timeout != 0 and self.running >= COALESCE_MIN_PODS:
            time.sleep(self._pause)
        self._poll.poll(None if timeout is None else timeout * 1000)
        now = self._clock()
        settled: list[str] = []
        for change in self._kubelet.step(now):
            self._control.pod_changed(change.uid, change.status, change.events, now, gone=change.gone)
            settled += change.settled
        started = self._control.sync(now)
        self._pause = COALESCE_SECONDS if started else 0.0
        self._control.commit()
        if settled:
            self._supervisor.settled(settled)
        for pod in started:
            self._kubelet.start(pod, now)
        for pod in self._control.kubelet_updates.take_updates():
            self._kubelet.update(pod)
        for uid, grace in self._control.kubelet_updates.take_stops():
            log.info("pod %(uid)s is told to stop, grace %(grace)s", uid=uid, grace=grace)
            self._kubelet.stop(uid, now, grace)

    def run(self, until: Callable[[Executor], bool]) -> bool:
        """Turn until ``until`` says so (True), or until nothing can happen any more (False)."""
        while not until(self):
            if self.idle:
                return False
            self.step()
        return True

    @property
    def idle(self) -> bool:
        """Whether nothing will happen unless somebody submits or changes something."""
        return self.deadline() is None and not self._control.scheduler.running

    @property
    def running(self) -> int:
        """Pods that run or are being started."""
        return self._control.scheduler.running

    def logs(self, namespace: str, pod: str, container: str, previous: bool = False) -> Path:
        """The output of a container's last start, or of the one before; the file may not be there yet."""
        try:
            return self._kubelet.logs_of(self.get("Pod", namespace, pod), container, previous)
        except KeyError:
            raise NotFound(f"pod {namespace}/{pod} has no logs yet") from None

    def look_at_logs(self) -> None:
        """Note what was written to logs by now, so that their lines have times."""
        self._logs.look(self._kubelet.logs_at_work(), self._clock())

    @property
    def caveats(self) -> Sequence[str]:
        """What the runtime could not give the containers so far, a sentence for each kind of lack."""
        return self._supervisor.caveats

    def drain(self) -> None:
        """Begin nothing further; what runs goes on as the loop is turned. For good."""
        log.info("draining: no pod is started from now on")
        self._control.work_queue.paused = True

    def close(self) -> None:
        """Kill what still runs, wait until it is gone, and give the folder back.

        What was killed did not happen: the next executor of the folder runs it anew.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._control.commit()
        finally:
            self._supervisor.close()
            self._state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _cores() -> int:
    """The cores this process may use; where the system does not say, those there are."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
