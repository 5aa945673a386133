"""The state of one pod: its containers, its volumes, and what is to be reported of it.

`pod_worker.PodWorker` acts on it; nothing here starts or stops anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expander.base.dataclass import dataclass
from expander.base.named_tuple import NamedTuple
from expander.kube.resources import qos_class
from expander.kube.time import api_time
from expander.local.kubelet.container import Container, Role, container_status, containers_of, take_up
from expander.local.kubelet.node import NodeInfo
from expander.local.kubelet.pod_files import PodFiles
from expander.local.kubelet.probes import NEVER
from expander.local.kubelet.status import (
    KUBELET_CONDITIONS,
    Conditions,
    Phase,
    condition_values,
    phase,
)
from expander.local.kubelet.volumes import Volume


class PodEvent(NamedTuple):
    """An Event of the kubelet about the pod."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class PodTermination:
    """Why a pod is being terminated: ``reason`` and ``message`` of its status if it fails for them."""

    reason: str | None = None
    message: str | None = None


class Pod:
    """One pod. ``files`` are its files; ``backoff_base`` is the first crash back-off in seconds; ``note`` is
    that of its launches.
    """

    def __init__(
        self,
        obj: Mapping[str, Any],
        files: PodFiles,
        node_info: NodeInfo,
        backoff_base: float,
        now: float,
        note: str = "",
    ) -> None:
        self.obj = obj
        self.note = note
        self.metadata: Mapping[str, Any] = obj["metadata"]
        self.spec: Mapping[str, Any] = obj["spec"]
        self.uid: str = self.metadata["uid"]
        self.files = files
        self.node_info = node_info
        self.backoff_base = backoff_base
        self.init_containers, self.containers = containers_of(self.spec, backoff_base)
        self.all: list[Container] = [*self.init_containers, *self.containers]
        """All containers, in the order they start; ephemeral ones last."""
        self.ephemeral: list[Container] = []
        """The ephemeral containers that came since the pod was taken over; earlier ones do not run again."""
        self._known_ephemeral = {each["name"] for each in self.spec.get("ephemeralContainers") or ()}
        self.restart_policy: str = self.spec.get("restartPolicy") or "Always"
        self.qos_class = qos_class(self.spec)
        self.hosts_file: str | None = None
        self.volumes: dict[str, Volume] | None = None
        self.mount_error: str | None = None
        """Why there are no volumes yet, once that was tried."""
        self.termination: PodTermination | None = None
        """Set once the pod is being terminated."""
        self.over = False
        """Whether nothing runs and nothing will."""
        self.deleted = False
        """Whether the pod's object goes once it is over."""
        self.changed = False
        """Whether there is something to report: another status, an Event."""
        self.urgent = False
        """Whether what changed is more than that a container runs."""
        self.events: list[PodEvent] = []
        self.settled: list[str] = []
        """The launches whose ends are in the status and were not reported yet."""
        self.exec_keys: set[str] = set()
        """The launches of hooks and probes that have not ended."""
        self.wake = NEVER
        """When `PodWorker.sync` is to be called though nothing happened."""
        status = obj.get("status") or {}
        self.start_time: str = status.get("startTime") or api_time(now)
        take_up(self.all, status)
        self.conditions = Conditions({each["type"]: each for each in status.get("conditions") or ()})

    def update(self, obj: Mapping[str, Any]) -> bool:
        """The object is another now; whether something follows from its spec or the conditions of others."""
        generation = self.metadata.get("generation")
        self.obj, self.metadata = obj, obj["metadata"]
        new = [
            each
            for each in obj["spec"].get("ephemeralContainers") or ()
            if each["name"] not in self._known_ephemeral
        ]
        added = [Container(each, Role.EPHEMERAL, self.backoff_base) for each in new]
        self.ephemeral += added
        self.all = [*self.all, *added]
        self._known_ephemeral.update(each["name"] for each in new)
        if new or self.spec.get("readinessGates") or self.metadata.get("generation") != generation:
            self.mark_status_changed()
            return True
        return False

    @property
    def full_name(self) -> str:
        """The pod in the kubelet's messages: ``name_namespace(uid)``."""
        return f"{self.metadata['name']}_{self.metadata['namespace']}({self.uid})"

    def termination_grace_seconds(self, own: float | None = None) -> float:
        """The seconds containers get to end: ``own`` (a probe's, a deletion's), else the pod's."""
        found = self.spec.get("terminationGracePeriodSeconds") if own is None else own
        return 30.0 if found is None else float(found)

    def mark_status_changed(self) -> None:
        """Report the status soon."""
        self.changed = self.urgent = True

    def record_event(self, type_: str, reason: str, message: str) -> None:
        """Note an Event."""
        self.events.append(PodEvent(type_, reason, message))
        self.changed = True

    def wake_at(self, time: float) -> None:
        """Have `PodWorker.sync` called at ``time`` at the latest (Unix seconds)."""
        if time < self.wake:
            self.wake = time

    def api_status(self, now: float) -> dict[str, Any]:
        """The status as the kubelet sends it to the API server, without the conditions that others keep."""
        found: Phase = phase(self.init_containers, self.containers, self.over)
        termination = self.termination if self.over else None
        failed_for = termination is not None and termination.reason is not None
        if failed_for:
            found = "Failed"
        values = condition_values(
            self.init_containers,
            self.containers,
            found,
            self.volumes is not None and not self.over,
            self.spec.get("readinessGates") or (),
            self._foreign_conditions(),
        )
        generation = self.metadata.get("generation")
        host_ip = self.node_info.node.ip
        status: dict[str, Any] = {
            "phase": found,
            "conditions": self.conditions.write(values, generation, now),
            "hostIP": host_ip,
            "hostIPs": [{"ip": host_ip}],
            "startTime": self.start_time,
            "qosClass": self.qos_class,
            "containerStatuses": [
                container_status(each, bool(self.init_containers)) for each in self.containers
            ],
        }
        if self.volumes is not None:
            status["podIP"] = self.node_info.pod_ip
            status["podIPs"] = [{"ip": self.node_info.pod_ip}]
        if self.init_containers:
            status["initContainerStatuses"] = [container_status(each, True) for each in self.init_containers]
        if self.ephemeral:
            status["ephemeralContainerStatuses"] = [container_status(each, False) for each in self.ephemeral]
        if generation is not None:
            status["observedGeneration"] = generation
        if failed_for and termination is not None:
            status["reason"] = termination.reason
            status["message"] = termination.message
        return status

    def _foreign_conditions(self) -> dict[str, Mapping[str, Any]]:
        """The conditions of the pod that are not the kubelet's, by type."""
        status = self.obj.get("status")
        conditions = status.get("conditions") or () if status else ()
        return {each["type"]: each for each in conditions if each["type"] not in KUBELET_CONDITIONS}
