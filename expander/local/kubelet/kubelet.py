"""The kubelet of this machine: starts pods, stops them, tells what became of them.

What a kubelet tells of a pod.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

from expander.local.admission.service_account import without_token
from expander.local.kubelet import node
from expander.local.kubelet.container import State
from expander.local.kubelet.context import KubeletContext, RuntimeService, runtime_isolates
from expander.local.kubelet.env import Lookup
from expander.local.kubelet.network import Addresses, HostsFiles, Services
from expander.local.kubelet.node import Node
from expander.local.kubelet.pod import Pod, PodEvent
from expander.local.kubelet.pod_files import MessageFiles, PodFolders, restart_number
from expander.local.kubelet.probes import NEVER
from expander.local.kubelet.status import status_of
from expander.local.kubelet.volumes import VolumeSources
from expander.local.runtime.runtime import Exit, Started


@dataclass(frozen=True, slots=True)
class PodChange:
    """A pod's status is another now.

    A status with phase Succeeded or Failed is the last that comes of a pod. ``gone``: it was to be deleted,
    and its object can go. ``settled``: keys of launches whose end is in this status; once it is stored, the
    supervisor can forget them. ``events`` are new since the last change.
    """

    uid: str
    status: dict[str, Any]
    gone: bool = False
    settled: tuple[str, ...] = ()
    events: tuple[PodEvent, ...] = ()


STATUS_DELAY_SECONDS = 0.05
"""Seconds that the news of a start are held back: most containers of a batch have ended by then."""


def no_services(namespace: str) -> Iterable[Mapping[str, Any]]:
    """A namespace without Services."""
    return ()


class Kubelet:
    """Runs pods on ``supervisor``; their files are below ``folder``.

    ``lookup`` finds ConfigMaps and Secrets; ``services`` gives a namespace's Services; ``claims`` are the
    folders that stand for persistent volume claims, by name or namespace/name; ``variables`` are set in
    every container, below the pod's own; ``isolates`` says whether the supervisor's runtime gives
    containers mounts and names of their own (None: what the runtime itself says); ``why_missing`` says why
    an image cannot be had. ``backoff_base`` is the first crash back-off in seconds. ``keep_volumes``: what
    pods had in their volumes stays after their end.
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
        variables: Mapping[str, str] | None = None,
        isolates: bool | None = None,
        backoff_base: float = 10.0,
        settle: float = STATUS_DELAY_SECONDS,
        why_missing: Callable[[str], str | None] = node.image_pull_error,
        keep_volumes: bool = False,
    ) -> None:
        self._supervisor = supervisor
        self._settle = settle
        self._addresses = Addresses()
        self._shared = KubeletContext(
            processes=supervisor,
            folders=PodFolders(folder, keep_volumes),
            messages=MessageFiles(Path(folder) / "messages"),
            sources=VolumeSources(lookup, claims or {}),
            node=node,
            names=HostsFiles(Path(folder).absolute() / "names", services),
            backoff_base=backoff_base,
            variables=variables or {},
            isolates=runtime_isolates(supervisor) if isolates is None else isolates,
            why_missing=why_missing,
        )
        self._pods: dict[str, Pod] = {}
        self._touched: dict[str, Pod] = {}
        self._news: dict[str, float] = {}
        """When the news of a pod are due, by its uid."""
        self._clock: list[tuple[float, str]] = []

    def start(self, pod: Mapping[str, Any], now: float) -> None:
        """Take over a pod that is bound to this node."""
        uid = pod["metadata"]["uid"]
        pod = without_token(pod)
        record = Pod(pod, self._shared, self._addresses.take(), now)
        self._pods[uid] = record
        self._sync(record, now)

    def update(self, pod: Mapping[str, Any]) -> None:
        """The object of a pod is another now (its labels, the conditions of others); what runs is not
        changed.
        """
        record = self._pods.get(pod["metadata"]["uid"])
        if record is not None:
            record.obj, record.metadata = without_token(pod), pod["metadata"]
            if record.spec.get("readinessGates"):
                record.tell()
                self._touched[record.uid] = record

    def stop(self, uid: str, now: float, grace: float | None = None) -> None:
        """Delete a pod: end its containers within ``grace`` seconds, by default those that the pod asks for.

        0 kills at once. A second call can only shorten the time. The last change says ``gone``; a pod that is
        not known, or was told to be over, is ignored.
        """
        record = self._pods.get(uid)
        if record is None:
            return
        record.deleted = True
        if record.over:
            record.tell()
        else:
            record.end(now, grace)
        self._sync(record, now)

    def sweep(self) -> None:
        """Remove the volumes of pods that are not known: what earlier runs left. Logs stay."""
        self._shared.folders.sweep(self._pods)

    def step(self, now: float) -> list[PodChange]:
        """Take in what happened, do what is due, and tell what changed."""
        for event in self._supervisor.read():
            self._hear(event, now)
        clock = self._clock
        while clock and clock[0][0] <= now:
            at, uid = heappop(clock)
            record = self._pods.get(uid)
            if record is not None:
                self._touched[uid] = record
                if record.alarm == at:
                    record.alarm = NEVER
        if self._touched:
            touched, self._touched = self._touched, {}
            for record in touched.values():
                self._sync(record, now)
        told = self._tell(now)
        self._shared.names.refresh(now)
        return told

    def deadline(self) -> float | None:
        """When to call `step` though nothing happened; None when there is nothing to wait for."""
        if self._touched:
            return 0.0
        clock = self._clock
        while clock and clock[0][1] not in self._pods:
            heappop(clock)
        times = [clock[0][0]] if clock else []
        if self._news:
            times.append(min(self._news.values()))
        return min(times, default=None)

    def logs_of(self, pod: str | Mapping[str, Any], container: str, previous: bool = False) -> Path:
        """The log of the latest start of a container (``previous``: of the one before); it may not exist yet.

        ``pod`` is the pod's object or, which is slow for a pod that is over, its uid. Raises KeyError when
        nothing is known of such a container, or it was not started as often.
        """
        uid = pod if isinstance(pod, str) else pod["metadata"]["uid"]
        record = self._pods.get(uid)
        if record is not None:
            restarts = {part.name: part.restart for part in record.parts}
            return Path(record.files.log(container, restart_number(restarts[container], previous)))
        return Path(self._shared.folders.log_of(pod, container, previous))

    def logs_at_work(self) -> Iterator[str]:
        """The logs that running containers may write to."""
        for record in self._pods.values():
            for part in record.parts:
                if part.state is State.RUNNING:
                    yield record.files.log(part.name, part.restart)

    def _hear(self, event: Started | Exit, now: float) -> None:
        launched = self._shared.launched
        found = launched.get(event.key) if isinstance(event, Started) else launched.pop(event.key, None)
        if found is not None:
            record, whose = found
            record.hear(whose, event, now)
            self._touched[record.uid] = record

    def _sync(self, record: Pod, now: float) -> None:
        """Have a pod do what is due, and note when it wants to be called again and heard."""
        record.sync(now)
        if record.wake <= now:
            self._touched[record.uid] = record
        elif record.wake < record.alarm:
            record.alarm = record.wake
            heappush(self._clock, (record.wake, record.uid))
        if record.changed:
            due = now if record.urgent else now + self._settle
            known = self._news.get(record.uid)
            self._news[record.uid] = due if known is None else min(known, due)

    def _tell(self, now: float) -> list[PodChange]:
        """The changes that are due to be told."""
        if not self._news:
            return []
        told = []
        for uid in [uid for uid, due in self._news.items() if due <= now]:
            del self._news[uid]
            record = self._pods[uid]
            gone = record.over and record.deleted
            status = status_of(record, now)
            if record.hosts_file is not None:
                ready = next(part["status"] for part in status["conditions"] if part["type"] == "Ready")
                self._shared.names.note(record.obj, ready == "True")
            told.append(PodChange(uid, status, gone, tuple(record.settled), tuple(record.events)))
            record.changed = record.urgent = False
            record.settled, record.events = [], []
            if record.over:
                self._addresses.give_back(record.place.pod_ip)
                del self._pods[uid]
        return told
