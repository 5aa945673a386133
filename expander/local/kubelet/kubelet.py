"""The kubelet of this machine: starts pods, stops them, and reports what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from heapq import heappop, heappush
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from expander.base.dataclass import dataclass
from expander.base.state_dir import remove_tree
from expander.kube.time import api_time
from expander.local.admission.service_account import without_token
from expander.local.images.images import LocalImage
from expander.local.kubelet import node
from expander.local.kubelet.addresses import Addresses
from expander.local.kubelet.api_access import ApiAccess
from expander.local.kubelet.container import State
from expander.local.kubelet.context import KubeletContext, RuntimeService, runtime_isolates
from expander.local.kubelet.env import Lookup
from expander.local.kubelet.image_commands import ImageCommand
from expander.local.kubelet.image_pulls import ImagePulls
from expander.local.kubelet.network import HostsFiles, Services, Slices, no_slices
from expander.local.kubelet.node import Node, NodeInfo
from expander.local.kubelet.pod import Pod, PodEvent
from expander.local.kubelet.pod_files import (
    MESSAGES,
    WORK,
    MessageFiles,
    PodFolders,
    WorkFolders,
    restart_number,
)
from expander.local.kubelet.pod_worker import PodWorker
from expander.local.kubelet.probes import NEVER
from expander.local.kubelet.service_proxy import ServiceProxy
from expander.local.kubelet.volumes import VolumeSources
from expander.local.runtime.runtime import Exit, Launch, Started

if TYPE_CHECKING:
    from expander.local.kubelet.usage import MeasuredContainer


@dataclass(frozen=True, slots=True)
class PodChange:
    """A pod's status is another now.

    A status with phase Succeeded or Failed is the last that comes of a pod. ``gone``: it was to be deleted,
    and its object can go. ``settled``: keys of launches whose end is in this status; once it is stored, the
    supervisor can forget them. ``events`` are new since the last change. ``mount_error`` is why it has no
    volumes yet. ``seconds`` is how long one took that is over.
    """

    uid: str
    status: dict[str, Any]
    gone: bool = False
    settled: tuple[str, ...] = ()
    events: tuple[PodEvent, ...] = ()
    mount_error: str | None = None
    seconds: float | None = None


CLAIMS = "claims"
"""The folder of the volumes of PersistentVolumeClaims, in the state folder."""

STATUS_DELAY_SECONDS = 0.05
"""Seconds that the news of a start are held back: most containers of a batch have ended by then."""


def no_services(namespace: str) -> Collection[dict[str, Any]]:
    """A namespace without Services."""
    return ()


def unknown_image(image: str) -> None:
    """An image of which nobody knows anything, or only the runtime."""


def keep_images(used: set[str]) -> None:
    """Whoever hands out images keeps them."""


class Kubelet:
    """Runs pods on ``supervisor``; their files are below ``folder``.

    ``lookup`` finds ConfigMaps and Secrets; ``services`` gives a namespace's Services, ``slices`` where one
    without a selector leads; ``claims`` are the folders that stand for persistent volume claims, by name or
    namespace/name; ``variables`` are set in every container, below the pod's own; ``isolates`` says whether
    the supervisor's runtime gives containers mounts and names of their own (None: what the runtime itself
    says); ``attachable``: the ``stdin`` and ``tty`` of containers count, since there are clients that attach;
    ``image_pull_error`` says why an image cannot be pulled, ``image`` gives the files that stand for it, and
    ``image_command`` what it runs, and ``release_images`` hears of the digests and names of all that are in
    use when one may be no more; ``pulls_images``: the runtime is an engine that fetches them.
    ``backoff_base`` is the first crash back-off in seconds. ``keep_volumes``: what pods had in their volumes
    stays after their end. ``access`` is how pods reach the API, ``addresses`` gives them theirs.
    """

    def __init__(
        self,
        supervisor: RuntimeService,
        folder: Path,
        lookup: Lookup,
        *,
        node: Node,
        claims: Mapping[str, Path] | None = None,
        services: Services = no_services,
        slices: Slices = no_slices,
        variables: Mapping[str, str] | None = None,
        isolates: bool | None = None,
        attachable: bool = False,
        backoff_base: float = 10.0,
        status_delay: float = STATUS_DELAY_SECONDS,
        image_pull_error: Callable[[str], str | None] = node.image_pull_error,
        image: Callable[[str], LocalImage | None] = unknown_image,
        image_command: Callable[[str], ImageCommand | None] = unknown_image,
        release_images: Callable[[set[str]], None] = keep_images,
        pulls_images: bool = False,
        keep_volumes: bool = False,
        access: ApiAccess | None = None,
        addresses: Addresses | None = None,
        stamp: Callable[[float], str] = api_time,
    ) -> None:
        self._supervisor = supervisor
        self._release_images = release_images
        self._status_delay = status_delay
        self._addresses = addresses or Addresses()
        folders = PodFolders(folder, keep_volumes)
        folders.make()
        access = access or ApiAccess()
        isolates = runtime_isolates(supervisor) if isolates is None else isolates
        self._proxy = ServiceProxy(crc32(str(folder).encode()), every=not isolates)
        self._context = KubeletContext(
            processes=supervisor,
            folders=folders,
            messages=MessageFiles(Path(folder) / MESSAGES),
            work=WorkFolders(Path(folder) / WORK),
            sources=VolumeSources(lookup, claims or {}, Path(folder).absolute() / CLAIMS, access),
            node=node,
            hosts_files=HostsFiles(
                Path(folder).absolute() / "names", services, access, self._proxy, slices, mounted=isolates
            ),
            backoff_base=backoff_base,
            variables=variables or {},
            isolates=isolates,
            attachable=attachable,
            image_pull_error=image_pull_error,
            image=image,
            image_command=image_command,
            pulls=ImagePulls() if pulls_images else None,
            stamp=stamp,
        )
        self._workers: dict[str, PodWorker] = {}
        self._to_sync: dict[str, PodWorker] = {}
        self._reports: dict[str, float] = {}
        """When the status of a pod is to be reported, by its uid."""
        self._alarms: list[tuple[float, str]] = []

    def start(self, pod: Mapping[str, Any], now: float, note: str = "") -> None:
        """Take over a pod that is bound to this node; ``note`` is that of its launches."""
        uid, context = pod["metadata"]["uid"], self._context
        pod = self._seen(pod)
        node_info = NodeInfo(context.node, self._addresses.allocate())
        state = Pod(pod, context.folders.of(pod), node_info, context.backoff_base, now, note)
        worker = self._workers[uid] = PodWorker(context, state, now)
        self._sync(worker, now)

    def update(self, pod: Mapping[str, Any]) -> None:
        """The object of a pod is another now (its labels, its deadline, the conditions of others, ephemeral
        containers); what runs is not changed.
        """
        worker = self._workers.get(pod["metadata"]["uid"])
        if worker is not None and worker.update(self._seen(pod)):
            self._to_sync[worker.pod.uid] = worker

    def _seen(self, pod: Mapping[str, Any]) -> Mapping[str, Any]:
        """The pod as its containers are to have it."""
        return pod if self._context.sources.access.address else without_token(pod)

    def sources_changed(self, changed: Collection[tuple[str, str, str]]) -> None:
        """These objects (kind, namespace, name) are new or others: have the pods that wait for some look
        again, and volumes show them.
        """
        for uid, worker in self._workers.items():
            if worker.sources_changed(changed):
                self._to_sync[uid] = worker

    def services_changed(self, namespaces: Iterable[str]) -> None:
        """The Services of these namespaces are others: their names are known from now on."""
        self._context.hosts_files.rewrite(namespaces)

    def forward_api(self, service: dict[str, Any], access: ApiAccess) -> None:
        """Have port 443 of the API's Service lead to the API."""
        access.forwarded = self._proxy.forward_api(service, (access.address, access.port))

    def take_proxy_failures(self) -> list[tuple[dict[str, Any], str]]:
        """The Services whose ports cannot be forwarded, and why, since the last call."""
        return self._proxy.take_failures()

    def close(self) -> None:
        """Forward the ports of Services no more."""
        self._proxy.stop()

    def stop(self, uid: str, now: float, grace: float | None = None) -> None:
        """Delete a pod: end its containers within ``grace`` seconds, by default those that the pod asks for.

        0 kills at once. A second call can only shorten the time. The last change says ``gone``; a pod that is
        not known, or was told to be over, is ignored.
        """
        worker = self._workers.get(uid)
        if worker is None:
            return
        worker.pod.deleted = True
        if worker.pod.over:
            worker.pod.mark_status_changed()
        else:
            worker.terminate(now, grace)
        self._sync(worker, now)

    def stop_all(self, now: float, grace: float | None) -> None:
        """End all pods, each within what it asks for, but no more than ``grace`` seconds."""
        for worker in list(self._workers.values()):
            if not worker.pod.over:
                own = worker.pod.termination_grace_seconds()
                worker.terminate(now, own if grace is None else min(own, grace))
            self._sync(worker, now)

    def sweep(self) -> None:
        """Remove the volumes of pods that are not known: what earlier runs left. Logs stay."""
        self._context.folders.sweep(self._workers)
        self._context.hosts_files.sweep(self._workers)
        self.sweep_claims()

    def sweep_claims(self) -> None:
        """Remove the folders of PersistentVolumes that are no more."""
        sources = self._context.sources
        for folder in sources.claim_folder.glob("pvc-*"):
            if sources.lookup("PersistentVolume", "", folder.name) is None:
                remove_tree(str(folder))

    def step(self, now: float) -> list[PodChange]:
        """Take in what happened, do what is due, and tell what changed."""
        for event in self._supervisor.read():
            self._handle_runtime_event(event, now)
        alarms = self._alarms
        while alarms and alarms[0][0] <= now:
            at, uid = heappop(alarms)
            worker = self._workers.get(uid)
            if worker is not None:
                self._to_sync[uid] = worker
                if worker.alarm == at:
                    worker.alarm = NEVER
        if self._to_sync:
            due, self._to_sync = self._to_sync, {}
            for worker in due.values():
                self._sync(worker, now)
        changes = self._report(now)
        self._context.hosts_files.refresh(now)
        return changes

    def deadline(self) -> float | None:
        """When to call `step` though nothing happened; None when there is nothing to wait for."""
        if self._to_sync:
            return 0.0
        alarms = self._alarms
        while alarms and alarms[0][1] not in self._workers:
            heappop(alarms)
        times = [alarms[0][0]] if alarms else []
        if self._reports:
            times.append(min(self._reports.values()))
        if (look := self._context.hosts_files.deadline()) is not None:
            times.append(look)
        return min(times, default=None)

    def logs_of(self, pod: str | Mapping[str, Any], container: str, previous: bool = False) -> Path:
        """The log of the latest start of a container (``previous``: of the one before); it may not exist yet.

        ``pod`` is the pod's object or, which is slow for a pod that is over, its uid. Raises KeyError when
        nothing is known of such a container, or it was not started as often.
        """
        uid = pod if isinstance(pod, str) else pod["metadata"]["uid"]
        worker = self._workers.get(uid)
        if worker is not None:
            restarts = {each.name: each.restart for each in worker.pod.all}
            return Path(worker.pod.files.log(container, restart_number(restarts[container], previous)))
        return Path(self._context.folders.log_of(pod, container, previous))

    def running(self, uid: str, container: str) -> tuple[Launch, Mapping[str, Any]] | None:
        """The launch of a container that runs, and its spec; None when it does not run."""
        worker = self._workers.get(uid)
        for each in worker.pod.all if worker is not None else ():
            if each.name == container and each.state == State.RUNNING and each.launch is not None:
                return each.launch, each.spec
        return None

    def running_containers(self, pids: Callable[[str], list[int]]) -> Iterator[MeasuredContainer]:
        """The containers that run; ``pids`` gives the processes of those whose key begins so."""
        from expander.local.kubelet.usage import MeasuredContainer  # only who measures pays for it

        for uid, worker in self._workers.items():
            for each in worker.pod.all:
                if each.state == State.RUNNING and each.key is not None:
                    found = pids(f"{uid}/{each.name}/")
                    yield MeasuredContainer(worker.pod.obj, each.name, each.key, tuple(found))

    def _images_in_use(self) -> set[str]:
        """The digests of the images that containers were started from, and the names of all that may be."""
        containers = [each for worker in self._workers.values() for each in worker.pod.all]
        names = {str(each.spec.get("image")) for each in containers}
        return names | {each.image_id for each in containers if each.image_id}

    def _handle_runtime_event(self, event: Started | Exit, now: float) -> None:
        launched = self._context.launched
        found = launched.get(event.key) if isinstance(event, Started) else launched.pop(event.key, None)
        if found is None:
            return
        uid, what = found
        if (worker := self._workers.get(uid)) is not None:
            worker.handle_runtime_event(what, event, now)
            self._to_sync[uid] = worker

    def _sync(self, worker: PodWorker, now: float) -> None:
        """Have a pod do what is due, and note when it is to be called again and reported."""
        worker.sync(now)
        pod = worker.pod
        if pod.wake <= now:
            self._to_sync[pod.uid] = worker
        elif pod.wake < worker.alarm:
            worker.alarm = pod.wake
            heappush(self._alarms, (pod.wake, pod.uid))
        if pod.changed:
            due = now if pod.urgent else now + self._status_delay
            known = self._reports.get(pod.uid)
            self._reports[pod.uid] = due if known is None else min(known, due)

    def _report(self, now: float) -> list[PodChange]:
        """The changes that are due to be reported."""
        if not self._reports:
            return []
        changes = []
        for uid in [uid for uid, due in self._reports.items() if due <= now]:
            del self._reports[uid]
            worker = self._workers[uid]
            pod = worker.pod
            status = pod.api_status(now)
            ready = next(each["status"] for each in status["conditions"] if each["type"] == "Ready")
            self._context.hosts_files.set_ready(pod.obj, ready == "True")
            gone = pod.over and pod.deleted
            seconds = now - worker.since if pod.over else None
            changes.append(
                PodChange(uid, status, gone, tuple(pod.settled), tuple(pod.events), pod.mount_error, seconds)
            )
            pod.changed = pod.urgent = False
            pod.settled, pod.events = [], []
            if pod.over:
                self._addresses.release(pod.node_info.pod_ip)
                del self._workers[uid]
                if any(each.image_id for each in pod.all):
                    self._release_images(self._images_in_use())
        return changes
