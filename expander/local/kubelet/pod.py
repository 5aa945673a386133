"""One pod: what is to be done next, given what is known now.

`Pod.sync` may be called at any time and as often as one likes; it starts what is to be started, stops what
is to be stopped, and says in ``wake`` when it wants to be called again though nothing happened.

What the kubelet needs of the supervisor below it (`runtime.supervisor.Supervisor`).

What every pod of a kubelet shares: the supervisor, the folders, the sources of contents, the settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from expander.kube.time import api_time, unix
from expander.local.kubelet.container import Container, State, containers_of
from expander.local.kubelet.context import KubeletContext
from expander.local.kubelet.lifecycle import Stop, container_ended, container_started
from expander.local.kubelet.node import NodeInfo, VolumeError
from expander.local.kubelet.pod_worker import PodWorker, Watch
from expander.local.kubelet.probes import NEVER, ExecAttempt
from expander.local.kubelet.start import RETRY_SECONDS
from expander.local.kubelet.status import KUBELET_CONDITIONS, Conditions, qos_class
from expander.local.kubelet.volumes import Volume, prepare
from expander.local.runtime.runtime import Exit, Started


class PodEvent(NamedTuple):
    """An Event of the kubelet about the pod."""

    type: str
    reason: str
    message: str


class Pod:
    """The life of one pod. What it shares with others is in ``shared``; ``ip`` is its address."""

    def __init__(self, obj: Mapping[str, Any], shared: KubeletContext, ip: str, now: float) -> None:
        self.obj = obj
        self.metadata: Mapping[str, Any] = obj["metadata"]
        self.spec: Mapping[str, Any] = obj["spec"]
        self.uid: str = self.metadata["uid"]
        self.shared = shared
        self.files = shared.folders.of(obj)
        self.place = NodeInfo(shared.node, ip)
        self.first, self.main = containers_of(self.spec, shared.backoff_base)
        self.policy: str = self.spec.get("restartPolicy") or "Always"
        self.quality = qos_class(self.spec)
        self.hosts_file: str | None = None
        self.volumes: dict[str, Volume] | None = None
        self.stop: Stop | None = None
        """Why and until when the pod is brought to its end, once it is."""
        self.over = False
        """Whether nothing runs and nothing will."""
        self.deleted = False
        """Whether the pod is to go once it is over."""
        self.changed = False
        """Whether there is something to tell: another status, an Event."""
        self.urgent = False
        """Whether what changed is more than that a container runs."""
        self.events: list[PodEvent] = []
        self.settled: list[str] = []
        """The launches whose ends are in the status, and were not told yet."""
        self.beside: set[str] = set()
        """The launches of hooks and probes that have not ended."""
        self.wake = NEVER
        self.alarm = NEVER
        """The next time that whoever calls `sync` has noted to do so."""
        status = obj.get("status") or {}
        self.start_time: str = status.get("startTime") or api_time(now)
        self.conditions = Conditions({part["type"]: part for part in status.get("conditions") or ()})
        self.work = PodWorker(self)
        self.watch = Watch(self, unix(self.start_time) if status.get("startTime") else now)
        self._retry_at: float | None = None

    def others(self) -> dict[str, Mapping[str, Any]]:
        """The conditions of the pod that are not the kubelet's."""
        status = self.obj.get("status")
        conditions = status.get("conditions") or () if status else ()
        return {part["type"]: part for part in conditions if part["type"] not in KUBELET_CONDITIONS}

    @property
    def parts(self) -> Sequence[Container]:
        """All containers, in the order they come up."""
        return [*self.first, *self.main] if self.first else self.main

    def tell(self) -> None:
        """The status is to be told soon."""
        self.changed = self.urgent = True

    def say(self, type_: str, reason: str, message: str) -> None:
        """Note an Event."""
        self.events.append(PodEvent(type_, reason, message))
        self.changed = True

    def hear(self, whose: Container | ExecAttempt, event: Started | Exit, now: float) -> None:
        """Take in what became of a launch; `sync` acts on it."""
        if isinstance(whose, ExecAttempt):
            if isinstance(event, Exit):
                whose.ended(event)
                self.beside.discard(event.key)
                self.settled.append(event.key)
        elif isinstance(event, Started):
            container_started(self, whose, event, now)
        else:
            container_ended(self, whose, event)
            self.settled.append(event.key)

    def end(
        self, now: float, grace: float | None, reason: str | None = None, message: str | None = None
    ) -> None:
        """Bring the pod to its end within ``grace`` seconds; None is what the pod asks for."""
        if grace is None:
            grace = self.spec.get("terminationGracePeriodSeconds")
            grace = 30.0 if grace is None else float(grace)
        if self.stop is None:
            self.stop = Stop(reason, message)
        self.stop.begin(self, grace, now)

    def sync(self, now: float) -> None:
        """Do what is due at ``now``."""
        self.wake = NEVER
        if self.over:
            return
        self.watch.step(now)
        if self.stop is None and self._has_volumes(now):
            self.work.step(now)
        if self.stop is not None:
            self.stop.step(self, now)
            if not self.beside and not any(part.alive for part in self.parts):
                self._finish(now)

    def wake_at(self, time: float) -> None:
        """Be called again at ``time`` at the latest."""
        self.wake = min(self.wake, time)

    def _has_volumes(self, now: float) -> bool:
        """Whether the volumes are there; makes them if not, and tries again later where one cannot be
        made.
        """
        if self.volumes is not None:
            return True
        if self._retry_at is not None and now < self._retry_at:
            self.wake_at(self._retry_at)
            return False
        try:
            if self.spec.get("volumes") and self._retry_at is None:
                self.files.remove_volumes()
            self.volumes = prepare(self.obj, self.files, self.shared.sources, self.place)
        except (VolumeError, OSError) as error:
            self.say("Warning", "FailedMount", str(error))
            self.tell()
            self._retry_at = now + RETRY_SECONDS
            self.wake_at(self._retry_at)
            return False
        if self.shared.isolates:
            self.hosts_file = self.shared.names.enter(self.obj, self.place.pod_ip)
        return True

    def _finish(self, now: float) -> None:
        """Nothing runs any more: the last status can be told, and what the volumes held can go."""
        self.over = True
        self.tell()
        self.wake = NEVER
        for part in self.parts:
            if part.state is State.WAITING and part.has_ended:
                part.state = State.ENDED
                part.reason = part.message = None
            part.launch = None
        if self.spec.get("volumes"):
            self.files.remove_volumes(self.shared.folders.keep)
        if self.hosts_file is not None:
            self.shared.names.leave(self.obj, now)
