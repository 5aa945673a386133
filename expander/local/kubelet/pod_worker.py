"""The worker of one pod: does what is due, given what is known now.

pkg/kubelet/pod_workers.go and computePodActions in pkg/kubelet/kuberuntime decide: init containers one after
the other, a sidecar before what comes after it, then the regular containers, each after the postStart hook
of the one before. A deadline (active_deadline.go) or a volume that grew too large (the eviction manager) ends
the pod from outside its containers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from expander.kube.quantity import parse
from expander.kube.time import duration, unix
from expander.kube.wellknown import TOKEN_SECONDS
from expander.local.kubelet.container import Container, Role, State, should_restart
from expander.local.kubelet.context import KubeletContext
from expander.local.kubelet.lifecycle import (
    container_ended,
    container_started,
    kill_pod,
    sync_container,
    sync_kills,
)
from expander.local.kubelet.node import VolumeError
from expander.local.kubelet.pod import Pod, PodTermination
from expander.local.kubelet.probes import NEVER, ExecAttempt
from expander.local.kubelet.projected_files import METADATA, TOKEN, Read, reads
from expander.local.kubelet.pull_attempt import PullAttempt
from expander.local.kubelet.start import RETRY_SECONDS, start_container
from expander.local.kubelet.volumes import Volume, disk_usage, prepare, refresh, token_sources
from expander.local.runtime.runtime import Exit, Started

VOLUME_CHECK_SECONDS = 10.0
"""Seconds between two looks at the size of volumes, as the kubelet's eviction manager takes them."""
MAX_TOKEN_AGE_SECONDS = 24 * 3600.0
"""After this time a token is replaced, however long it is good."""
EVICTION_GRACE_SECONDS = 1.0
"""Seconds a pod gets to end that is evicted for the size of a volume."""


class ActiveDeadline:
    """The ``activeDeadlineSeconds`` of a pod that became active at ``since`` (Unix seconds)."""

    __slots__ = ("at",)

    def __init__(self, spec: Mapping[str, Any], since: float) -> None:
        seconds = spec.get("activeDeadlineSeconds")
        self.at = NEVER if seconds is None else since + float(seconds)

    def exceeded(self, now: float) -> bool:
        """Whether it has passed; says so once."""
        if now < self.at:
            return False
        self.at = NEVER
        return True


class EmptyDirLimits:
    """The ``sizeLimit`` of a pod's emptyDir volumes, checked from time to time from ``since`` on."""

    __slots__ = ("_limits", "at")

    def __init__(self, spec: Mapping[str, Any], since: float) -> None:
        self._limits = {
            volume["name"]: str(volume["emptyDir"]["sizeLimit"])
            for volume in spec.get("volumes") or ()
            if (volume.get("emptyDir") or {}).get("sizeLimit")
        }
        self.at = since + VOLUME_CHECK_SECONDS if self._limits else NEVER

    def exceeded(self, volumes: Mapping[str, Volume] | None, now: float) -> str | None:
        """The eviction manager's message about the first volume that is too large, if it is time to look."""
        if now < self.at:
            return None
        self.at = now + VOLUME_CHECK_SECONDS
        for name, limit in self._limits.items():
            if parse(limit) > 0 and volumes and disk_usage(volumes[name].path) > parse(limit):
                return f'Usage of EmptyDir volume "{name}" exceeds the limit "{limit}". '
        return None


class VolumeRefresh:
    """When volumes are to be written anew: tokens from time to time (token_manager.go) from ``since`` on, the
    rest when its objects change.

    Not so the token that every pod has: it is good for a year.
    """

    __slots__ = ("_every", "_reads", "at", "changed")

    def __init__(self, spec: Mapping[str, Any], since: float) -> None:
        self.changed: set[Read] = set()
        """What volumes are made of and is other than when they were written."""
        self._reads: set[Read] = set()
        self._every = self.at = NEVER
        if not spec.get("volumes"):
            return
        self._reads = {read for volume in spec["volumes"] for read in reads(volume)}
        seconds = (
            source.get("expirationSeconds") or 3600
            for volume in spec["volumes"]
            for source in token_sources(volume)
        )
        shortest = min((each for each in seconds if each != TOKEN_SECONDS), default=NEVER)
        if shortest != NEVER:
            self._every = min(0.8 * shortest, MAX_TOKEN_AGE_SECONDS)
            self.at = since + self._every

    def note(self, changed: Iterable[Read]) -> bool:
        """What volumes are made of is other now; whether some are to be written."""
        self.changed |= self._reads.intersection(changed)
        return bool(self.changed)

    def sync(self, pod: Pod, context: KubeletContext, now: float) -> None:
        """Write them if it is time."""
        if (now < self.at and not self.changed) or pod.volumes is None:
            return
        changed, self.changed = self.changed, set()
        if now >= self.at:
            self.at = now + self._every
            changed.add(TOKEN)
        try:
            refresh(pod.obj, pod.volumes, context.sources, pod.node_info, changed)
        except (VolumeError, OSError) as error:
            pod.record_event("Warning", "FailedMount", str(error))
            self.changed = changed
            self.at = now + RETRY_SECONDS


class PodWorker:
    """Brings ``pod`` from its start to its end.

    `sync` may be called at any time and as often as one likes; ``pod.wake`` says when it is to be called
    though nothing happened. ``alarm`` is the next time that whoever calls it has noted to do so. The pod is
    active ``since`` a time (Unix seconds).
    """

    def __init__(self, context: KubeletContext, pod: Pod, now: float) -> None:
        self.pod = pod
        self.alarm = NEVER
        self._context = context
        self._initialized = not pod.init_containers
        self._retry_volumes_at: float | None = None
        self.since = unix(pod.start_time) if (pod.obj.get("status") or {}).get("startTime") else now
        self._deadline = ActiveDeadline(pod.spec, self.since)
        self._volume_limits = EmptyDirLimits(pod.spec, self.since)
        self._refresh = VolumeRefresh(pod.spec, now)

    def handle_runtime_event(
        self, launched: Container | ExecAttempt | PullAttempt, event: Started | Exit, now: float
    ) -> None:
        """Take in what became of a launch; `sync` acts on it."""
        pod = self.pod
        if isinstance(launched, ExecAttempt | PullAttempt):
            if isinstance(event, Exit):
                launched.ended(event)
                pod.exec_keys.discard(event.key)
                pod.settled.append(event.key)
        elif isinstance(event, Started):
            container_started(self._context, pod, launched, event, now)
        else:
            container_ended(self._context, pod, launched, event)
            pod.settled.append(event.key)

    def update(self, obj: Mapping[str, Any]) -> bool:
        """The object of the pod is another now; whether something follows from that."""
        pod, before = self.pod, self.pod.metadata
        follows = pod.update(obj)
        self._deadline = ActiveDeadline(obj["spec"], self.since)
        if any(before.get(field) != pod.metadata.get(field) for field in ("labels", "annotations")):
            follows |= self._refresh.note((METADATA,))
        return follows

    def sources_changed(self, changed: Iterable[tuple[str, str, str]]) -> bool:
        """Look again for what was missing, without waiting, and have volumes written anew; whether these
        objects concern the pod.
        """
        own = self.pod.metadata["namespace"]
        refresh = self._refresh.note((kind, name) for kind, namespace, name in changed if namespace == own)
        return self._retry_now() or refresh

    def _retry_now(self) -> bool:
        missing = self._retry_volumes_at is not None and self.pod.volumes is None
        if missing:
            self._retry_volumes_at = 0.0
        for container in self.pod.all:
            if container.state == State.WAITING and container.reason == "CreateContainerConfigError":
                container.not_before = 0.0
                missing = True
        return missing

    def terminate(self, now: float, grace: float | None, why: PodTermination | None = None) -> None:
        """End the pod within ``grace`` seconds; None is what the pod asks for."""
        pod = self.pod
        if pod.termination is None:
            pod.termination = why or PodTermination()
        kill_pod(self._context, pod, pod.termination_grace_seconds(grace), now)

    def sync(self, now: float) -> None:
        """Do what is due at ``now`` (Unix seconds)."""
        pod = self.pod
        pod.wake = NEVER
        if pod.over:
            return
        self._check_limits(now)
        if pod.termination is None and self._prepare_volumes(now):
            self._sync_containers(now)
        if pod.termination is not None:
            sync_kills(self._context, pod, now)
            if not pod.exec_keys and not any(each.alive for each in pod.all):
                self._finish(now)

    def _check_limits(self, now: float) -> None:
        """End the pod if its deadline has passed or a volume is too large."""
        pod = self.pod
        if pod.termination is not None and pod.termination.reason is not None:
            return
        due = min(self._deadline.at, self._volume_limits.at, self._refresh.at)
        if now < due and not self._refresh.changed:
            pod.wake_at(due)
            return
        if self._deadline.exceeded(now):
            message = "Pod was active on the node longer than the specified deadline"
            pod.record_event("Normal", "DeadlineExceeded", message)
            self.terminate(now, None, PodTermination("DeadlineExceeded", message))
        elif (too_large := self._volume_limits.exceeded(pod.volumes, now)) is not None:
            pod.record_event("Warning", "Evicted", too_large)
            self.terminate(now, EVICTION_GRACE_SECONDS, PodTermination("Evicted", too_large))
        self._refresh.sync(pod, self._context, now)
        pod.wake_at(min(self._deadline.at, self._volume_limits.at, self._refresh.at))

    def _prepare_volumes(self, now: float) -> bool:
        """Make the volumes unless they are there; whether they are. What fails is tried again later."""
        pod, context = self.pod, self._context
        if pod.volumes is not None:
            return True
        if self._retry_volumes_at is not None and now < self._retry_volumes_at:
            pod.wake_at(self._retry_volumes_at)
            return False
        try:
            if pod.spec.get("volumes") and self._retry_volumes_at is None:
                pod.files.remove_volumes()
            pod.volumes = prepare(pod.obj, pod.files, context.sources, pod.node_info)
        except (VolumeError, OSError) as error:
            pod.mount_error = str(error)
            pod.record_event("Warning", "FailedMount", pod.mount_error)
            pod.mark_status_changed()
            self._retry_volumes_at = now + RETRY_SECONDS
            pod.wake_at(self._retry_volumes_at)
            return False
        pod.mount_error = None
        pod.hosts_file = context.hosts_files.add_pod(pod.obj, pod.node_info.pod_ip)
        return True

    def _sync_containers(self, now: float) -> None:
        """Start what is due, go on with hooks and probes, end the pod when its containers are done."""
        pod = self.pod
        for container in pod.all:
            if container.state == State.RUNNING and container.kill is None:
                sync_container(self._context, pod, container, now)
            elif (
                container.state == State.ENDED
                and container.role == Role.MAIN
                and self._should_restart(container)
            ):
                self._back_off(container, now)
        if all(container.state == State.ENDED for container in pod.containers):
            self.terminate(now, None)
            return
        for container in pod.ephemeral:
            if container.state == State.WAITING:
                start_container(self._context, pod, container, now)
        if self._sync_init_containers(now):
            for container in pod.containers:
                if container.state == State.WAITING:
                    start_container(self._context, pod, container, now)
                if container.held:
                    break
        sync_kills(self._context, pod, now)

    def _sync_init_containers(self, now: float) -> bool:
        """Start the init containers in turn; whether the regular ones may start."""
        pod = self.pod
        for container in pod.init_containers:
            if container.state == State.ENDED and self._should_restart(container):
                self._back_off(container, now)
            if container.state == State.ENDED:
                if container.exit_code:
                    self.terminate(now, None)
                    return False
                continue
            if container.state == State.WAITING:
                start_container(self._context, pod, container, now)
            if not self._initialized and not (container.role == Role.SIDECAR and container.started):
                return False
        self._initialized = True
        return True

    def _should_restart(self, container: Container) -> bool:
        """Whether a container that has ended is to be started again."""
        if container.role == Role.SIDECAR or container.must_restart:
            return True
        if container.role == Role.INIT and not container.exit_code:
            return False
        return should_restart(self.pod.restart_policy, container.spec, container.exit_code)

    def _back_off(self, container: Container, now: float) -> None:
        """Have an ended container wait for its next start (doBackOff)."""
        pod = self.pod
        container.state = State.WAITING
        container.must_restart = False
        container.not_before = container.backoff.ready_at(container.ended, now)
        if container.not_before > now:
            name, delay = container.name, duration(container.backoff.delay)
            container.reason = "CrashLoopBackOff"
            container.message = f"back-off {delay} restarting failed container={name} pod={pod.full_name}"
            event = f"Back-off restarting failed container {name} in pod {pod.full_name}"
            pod.record_event("Warning", "BackOff", event)
            pod.mark_status_changed()

    def _finish(self, now: float) -> None:
        """Nothing runs any more: report the last status and remove what the volumes held."""
        pod, context = self.pod, self._context
        pod.over = True
        pod.mark_status_changed()
        pod.wake = NEVER
        for container in pod.all:
            if container.state == State.WAITING and container.has_ended:
                container.state = State.ENDED
                container.reason = container.message = None
            container.launch = None
        if pod.spec.get("volumes"):
            pod.files.remove_volumes(context.folders.keep)
        context.hosts_files.remove_pod(pod.obj, now)
