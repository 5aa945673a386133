"""The local executor: the control plane, a kubelet and a supervisor in one event loop.

A step: read what became of containers, start the pods that waited for their places, sync the control plane,
start the pods of Jobs that are in the store, make what is new durable, and only then start the rest. What is
about to run is in the store before it runs, or is made again of its Job by what the supervisor's journal
notes; what has run is in that journal before anyone is told. So a kill at any moment loses no result and
repeats nothing that came to its end (see `recovery`). One thread; only `Executor.step` waits.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from expander.base.errors import NotFound
from expander.base.log import Log
from expander.base.text import counted
from expander.kube.objects import statuses_of
from expander.kube.time import api_time, precise_time
from expander.local import recovery
from expander.local.api_operations import ApiOperations
from expander.local.control_plane import ControlPlane
from expander.local.controllers.job.controller import Summarize
from expander.local.images.images import Images
from expander.local.kubelet.addresses import Addresses
from expander.local.kubelet.api_access import ApiAccess
from expander.local.kubelet.image_commands import ImageCommands
from expander.local.kubelet.kubelet import Kubelet, PodChange
from expander.local.kubelet.node import Node, image_pull_error
from expander.local.kubelet.pod_files import PodFolders
from expander.local.logs import last_output
from expander.local.machine import available_cpus, available_memory
from expander.local.requests import Requests, Suspension
from expander.local.runtime.runtime import Exit, Runtime, Started
from expander.local.runtime.select import fetches_images, prepared_images, provides_image, select_runtime
from expander.local.runtime.supervisor_client import SupervisorClient
from expander.local.scheduler import MAX_PODS, Scheduler
from expander.local.state import StateFolder
from expander.local.store.database import Object, reading
from expander.local.waiting import WAITING_SECONDS, Waiting, WaitingReporter, failure_reason

if TYPE_CHECKING:
    from expander.local.runtime.supervisor_start import StartedSupervisor

log = Log("local")


MAX_LINE_BYTES: Final = 200
"""Bytes of a last line that are told."""

SHORT_SECONDS: Final = 1.0
"""While pods are over sooner than that, Jobs begin before there is room for their pods."""


class Executor(ApiOperations):
    """Runs Jobs and pods on this machine. ``folder`` is the state folder; it is this executor's alone.

    ``runtime`` is one of `runtime.select.RUNTIME_NAMES` or ``best``; ``note`` says which. ``jobs`` is
    how many pods run at a time; ``cpus`` (cores) and ``memory`` (bytes) are what their requests are scheduled
    against, by default all this process may use. Without ``jobs``, pods of Jobs that request no CPU run one
    to a core, but for those that others may wait for (with a subdomain, of a Service or a gang); ``shared``
    has no such limit, and times of whole seconds. ``backoff_base`` (seconds) is the first wait of the Job
    controller after a failed pod and of the kubelet after a failed container. ``images`` maps image names to
    folders, or to archives that are unpacked first (``on_note`` hears of it), ``image_commands`` to command
    lines, ``claims`` the names of PersistentVolumeClaims to folders; ``variables`` go to every container.
    ``keep_volumes``: what pods had in their volumes stays below ``pods`` in the folder. ``history`` is how
    many changes are kept for watches. ``shared`` makes it a cluster with namespaces, quotas and a node object
    (see `controllers.cluster_scope`). ``stop_grace`` (seconds) is the longest that `stop` gives a pod. With
    ``hold`` the unfinished Jobs of an earlier executor wait for `release`. ``summarize`` makes
    summaries of Jobs that have ended (see `ObjectStore.summarize`). ``supervisor`` is one that was started
    while this was loaded. ``clock`` gives Unix seconds.

    What an earlier executor left in the folder is taken up: what ended counts, what was cut short runs anew.
    Unless ``shared``, the time since then does not count for the deadlines of Jobs.
    Raises ExpanderError when the folder is in use or cannot be used, UsageError for a runtime that cannot.
    """

    on_pod_changed: Callable[[Object], None] | None = None
    """Hears of each pod whose containers have started or ended."""

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
        image_commands: Mapping[str, str] | None = None,
        claims: Mapping[str, Path] | None = None,
        variables: Mapping[str, str] | None = None,
        keep_volumes: bool = False,
        history: int = 0,
        shared: bool = False,
        stop_grace: float | None = None,
        hold: bool = False,
        summarize: Summarize | None = None,
        supervisor: StartedSupervisor | None = None,
        on_note: Callable[[str], None] = log.info,
        clock: Callable[[], float] = time.time,
    ) -> None:
        chosen, self.note = select_runtime(runtime, images)
        local_images = prepared_images(chosen, on_note)
        image_settings = _image_settings(chosen, image_commands, local_images, shared)
        self._clock, self._closed, self._stopping, self._shared = clock, False, False, shared
        self._stop_grace, self._backing_off = stop_grace, set[str]()
        self._access, self._addresses = ApiAccess(), Addresses(reserved=True)
        self._why_failed = partial(failure_reason, last_line=self._last_line, backoff_base=backoff_base)
        self._reporter, self._settled, self._bound = WaitingReporter(), list[str](), list[Object]()
        self._state = StateFolder(Path(folder).absolute())
        node = _node(cpus, memory)
        scheduler = _scheduler(node, jobs, shared)
        self.note = _note(self.note, node, scheduler.bound, jobs)
        cluster = partial(ControlPlane, backoff_base=backoff_base, history=history, shared=shared)
        with self._state.opening():
            control = cluster(self._state.database, scheduler, node=node.name, summarize=summarize)
        super().__init__(control, clock)
        kubelet: dict[str, Any] = {
            "folder": self._state.folder,
            "lookup": control.store.get,
            "node": node,
            "claims": claims,
            "services": control.services.of,
            "slices": control.services.slices,
            "variables": variables,
            "isolates": chosen.isolates,
            "attachable": shared,
            "backoff_base": backoff_base,
            "keep_volumes": keep_volumes,
            **image_settings,
            "stamp": api_time if shared else precise_time,
        }
        log.info("state in %(folder)s; %(note)s", folder=self._state.folder, note=self.note)
        with self._state.opening():
            self._take_up(chosen, supervisor, kubelet, hold, shared)

    def _take_up(
        self,
        runtime: Runtime,
        supervisor: StartedSupervisor | None,
        settings: Mapping[str, Any],
        hold: bool,
        shared: bool,
    ) -> None:
        """Start the supervisor and the kubelet, and go on with what an earlier executor left.

        ``settings`` are arguments of the kubelet.
        """
        self._requests = Requests(self._state.folder)
        ends = recovery.recorded_ends(self._state.runs)
        if not shared:
            at = self._clock()
            down = at - recovery.last_at_work(self._state.runs, at)
            recovery.shift_deadlines(self._control.store, down, at)
        self._supervisor = SupervisorClient(self._state.runs, runtime, supervisor)
        self._poll = select.poll()
        self._poll.register(self._supervisor.fileno(), select.POLLIN)

        kubelet: Callable[..., Kubelet] = partial(
            Kubelet, access=self._access, addresses=self._addresses, **settings
        )
        self._kubelet = kubelet(self._supervisor)
        now = self._clock()
        own = self._supervisor.journal
        self._bound += recovery.restore(self._control, ends, own, kubelet, now, hold=hold)
        self._control.scope.found(self._clock())

    def fileno(self) -> int:
        """A file descriptor that is readable when `step` has something to do."""
        return self._supervisor.fileno()

    def deadline(self) -> float | None:
        """When `step` has something to do even if nothing happens (Unix seconds); None for never."""
        if self._stopping:
            return self._kubelet.deadline()
        if self._bound:
            return 0.0
        times = [at for at in (self._kubelet.deadline(), self._control.deadline()) if at is not None]
        return min(times) if times else None

    def step(self, timeout: float | None = None) -> None:
        """One step of the loop; waits for events at most ``timeout`` seconds, or until the next deadline."""
        deadline = self.deadline()
        if deadline is not None:
            left = max(0.0, deadline - self._clock())
            timeout = left if timeout is None else min(left, timeout)
        self._poll.poll(None if timeout is None else timeout * 1000)
        now = self._clock()
        if self._stopping:
            self._step_stopping(now)
            return
        self._take_changes(now)
        self._start(self._control.sync(now), now)
        self._control.prepare(now)
        self._state.check_place()
        self._control.commit()
        settled, started = self._settled, self._bound
        self._settled, self._bound = [], []
        if settled:
            self._supervisor.settled(settled)
        for pod in started:
            self._kubelet.start(pod, now)
        if sources := self._control.kubelet_updates.take_sources():
            self._kubelet.sources_changed(sources)
        if self._control.kubelet_updates.take_volumes_gone():
            self._kubelet.sweep_claims()
        self._kubelet.services_changed(self._control.services.take_changed())
        for service, why in self._kubelet.take_proxy_failures():
            self._service_failed(service, why, now)
        for pod in self._control.kubelet_updates.take_updates():
            self._kubelet.update(pod)
        for uid, grace in self._control.kubelet_updates.take_stops():
            log.info("pod %(uid)s is told to stop, grace %(grace)s", uid=uid, grace=grace)
            self._kubelet.stop(uid, now, grace)

    def _take_changes(self, now: float) -> None:
        """Take in what became of pods; where they have ended for good, those that wait start at once."""
        calm = self._control.is_calm(now)
        changes = self._kubelet.step(now)
        for change in changes:
            self._pod_changed(change, now)
            self._settled += change.settled
        if calm and changes:
            self._start(self._control.pass_places_on([change.uid for change in changes], now), now)
        if (took := [each.seconds for each in changes if each.seconds is not None]) and not self._shared:
            scheduler = self._control.scheduler
            scheduler.ahead = scheduler.width if max(took) < SHORT_SECONDS else 0

    def _start(self, bound: Sequence[Object], now: float) -> None:
        """Start those of the pods, which have a place, that outlive this process; others do once they are
        committed.
        """
        for pod in bound:
            note = self._control.start_note(pod)
            if note is not None:
                self._kubelet.start(pod, now, note)
            else:
                self._bound.append(pod)

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

    @property
    def stalled(self) -> bool:
        """Whether no container runs or will start, until what pods wait for is there."""
        if self._control.scheduler.busy or not (stuck := self._control.waiting_pods.stuck()):
            return False
        placed = self._control.scheduler.scheduled()
        return stuck.issuperset(placed) and not any(map(self._has_running_container, placed))

    @property
    def all_wait(self) -> bool:
        """Whether no container runs: every pod that has a place waits, be it for its next start."""
        waiting, scheduler = self._control.waiting_pods, self._control.scheduler
        placed = scheduler.scheduled()
        all_held = not scheduler.busy and all(uid in waiting for uid in placed)
        return all_held and not any(map(self._has_running_container, placed))

    def _has_running_container(self, uid: str) -> bool:
        pod = self._control.pods.get(uid)
        return pod is not None and any("running" in (each.get("state") or {}) for each in statuses_of(pod))

    def logs(self, namespace: str, pod: str, container: str, previous: bool = False) -> Path:
        """The output of a container's last start, or of the one before; the file may not be there yet."""
        try:
            return self._kubelet.logs_of(self.get("Pod", namespace, pod), container, previous)
        except KeyError:
            raise NotFound(f"pod {namespace}/{pod} has no logs yet") from None

    @property
    def caveats(self) -> Sequence[str]:
        """What the runtime could not give the containers so far, a sentence for each kind of lack."""
        return self._supervisor.caveats

    def waiting(self, *, at_once: bool = False) -> Sequence[Waiting]:
        """Why pods, and Jobs between two attempts, wait since a second or more; each reason is told once.

        ``at_once``: also since just now.
        """
        found = []
        now = self._clock() + (WAITING_SECONDS if at_once else 0.0)
        for uid, job, why in self._control.waiting_pods.take_due(now):
            if why.reason == "BackOff":
                why = self._why_failed(why.reason, self.owned(uid))
            elif why.reason == "CrashLoopBackOff" and (pod := self._control.store.by_uid(uid)) is not None:
                why = self._why_failed(why.reason, [pod])
            obj = self._control.store.by_uid(job or uid)
            if obj is not None:
                found.append((obj, why))
        return self._reporter.report(found)

    def _last_line(self, pod: Mapping[str, Any], container: str, restarts: int) -> str:
        """The last line that a container of a pod wrote, in so many starts."""
        log = PodFolders(self._state.folder).of(pod).log(container, restarts)
        lines = last_output(log, MAX_LINE_BYTES).decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def take_requests(self) -> list[Suspension]:
        """Obey what other processes ask for since the last call; what was done, with the Jobs it changed."""
        return self.obey(self._requests.due(self._clock()))

    def drain(self) -> None:
        """Begin nothing further; what runs goes on as the loop is turned. For good."""
        log.info("draining: no pod is started from now on")
        self._control.work_queue.paused = True

    def stop(self) -> None:
        """Begin to end all pods, as a node that shuts down does; `step` until `running` is 0.

        Containers get SIGTERM and the time that their pods ask for (at most ``stop_grace``), then SIGKILL.
        What is stopped did not happen: its Jobs are pending again, and the next executor of the folder runs
        them anew. For good.
        """
        if not self._stopping:
            self.drain()
            self._stopping = True
            self._backing_off = self._control.waiting_pods.crashed()
            for pod in self._bound:
                self._control.undo_pod(pod["metadata"]["uid"])
            self._supervisor.abandon()
            self._kubelet.stop_all(self._clock(), self._stop_grace)

    def _service_failed(self, service: Object, why: str, now: float) -> None:
        self._control.service_failed(service, why, now)
        self._supervisor.caveats.append(f"Service {service['metadata']['name']}: {why}")

    def _pod_changed(self, change: PodChange, now: float) -> None:
        pod = None if self.on_pod_changed is None else self._control.pods.get(change.uid)
        self._control.pod_changed(
            change.uid,
            change.status,
            change.events,
            now,
            gone=change.gone,
            mount_error=change.mount_error,
        )
        if self.on_pod_changed is not None and pod is not None:
            self.on_pod_changed({**pod, "status": change.status})

    def _step_stopping(self, now: float) -> None:
        for change in self._kubelet.step(now):
            cut_short = change.uid in self._backing_off or was_cut_short(change.status)
            if change.gone or not cut_short:
                self._pod_changed(change, now)
            else:
                self._control.undo_pod(change.uid)
        self._control.commit()

    def close(self) -> None:
        """Kill what still runs, wait until it is gone, and give the folder back.

        What was killed did not happen: the next executor of the folder runs it anew.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._control.undo_prepared()
            self._control.commit()
        finally:
            self._kubelet.close()
            ends = self._supervisor.close()
            self._addresses.close()
            PodFolders(self._state.folder).remove_memory()
            if self._stopping:
                self._undo_killed(ends)
            self._state.close()

    def _undo_killed(self, ends: Iterable[Started | Exit]) -> None:
        """Undo the pods that were killed before they had stopped, so that they do not count as running."""
        ended = {end.key.partition("/")[0] for end in ends if isinstance(end, Exit) and not end.lost}
        for uid in self._control.scheduler.scheduled():
            if uid not in ended:
                self._control.undo_pod(uid)
        self._control.commit()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with reading(self._state.folder / "state.db"):
            self.close()
            if error is not None:
                raise error


def was_cut_short(status: Object) -> bool:
    """Whether a pod that was being stopped has ended for that, and not by itself."""
    if status.get("phase") != "Failed":
        return False
    ends = [(each.get("state") or {}).get("terminated") for each in statuses_of({"status": status})]
    return not any(end and end["exitCode"] and end["reason"] != "ContainerStatusUnknown" for end in ends)


def _pull_error(runtime: Runtime, image: str) -> str | None:
    """Why the runtime cannot have an image; None when it can, or says so itself."""
    return None if provides_image(runtime, image) else image_pull_error(image)


def _image_settings(
    runtime: Runtime, given: Mapping[str, str] | None, images: Images, shared: bool
) -> dict[str, Any]:
    """The kubelet's arguments about images; a runtime that fetches them knows itself what they run."""
    fetches = fetches_images(runtime)
    found: dict[str, Any] = {
        "image": images.find,
        "image_pull_error": partial(_pull_error, runtime),
        "pulls_images": fetches,
    }
    if shared:
        found["release_images"] = images.release
    if not fetches:
        found["image_command"] = ImageCommands(given, images.find)
    return found


def _node(cpus: float | None, memory: int | None) -> Node:
    """This machine, with all it has unless it is to be less."""
    cores = available_cpus() if cpus is None else cpus
    return Node(socket.gethostname().lower(), "127.0.0.1", cores, memory or available_memory())


def _scheduler(node: Node, jobs: int | None, shared: bool) -> Scheduler:
    """The scheduler of this machine; see `Executor`."""
    bound = None if jobs or shared else max(1, int(node.cpus))
    return Scheduler(cpus=node.cpus, memory=node.memory, pods=jobs or MAX_PODS, bound=bound)


def _note(runtime: str, node: Node, bound: int | None, jobs: int | None) -> str:
    """What decides how many pods run at a time, and in which runtime."""
    if bound is None:
        return f"{counted(jobs, 'pod')} at a time, {runtime}" if jobs else runtime
    cores = f"{node.cpus:g} {'core' if node.cpus == 1 else 'cores'}"
    return f"{cores}, one pod per core or as CPU requests allow, {runtime}"


def describe_executor(
    *,
    runtime: str = "best",
    images: Mapping[str, Path | str] | None = None,
    jobs: int | None = None,
    cpus: float | None = None,
    **others: object,
) -> str:
    """The note of an `Executor` with these options, without making one. Raises UsageError as it does."""
    _, note = select_runtime(runtime, images)
    node = _node(cpus, None)
    return _note(note, node, _scheduler(node, jobs, shared=False).bound, jobs)
