"""What ends a pod from outside its containers: its deadline, and volumes that grow too large.

Getting a pod's containers up, in their order, and up again.

computePodActions in pkg/kubelet/kuberuntime decides: init containers one after the other, a sidecar before
what comes after it, then the regular containers, each after the postStart hook of the one before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expander.kube.quantity import parse
from expander.kube.time import duration
from expander.local.kubelet.container import Container, Role, State, should_restart
from expander.local.kubelet.lifecycle import step_kills, sync_container
from expander.local.kubelet.probes import NEVER
from expander.local.kubelet.start import start_container
from expander.local.kubelet.volumes import disk_usage

if TYPE_CHECKING:
    from expander.local.kubelet.pod import Pod

VOLUME_CHECK_SECONDS = 10.0
"""Seconds between two looks at the size of volumes, as the kubelet's eviction manager takes them."""
EVICTION_GRACE_SECONDS = 1.0
"""Seconds a pod gets to end that is evicted for the size of a volume."""


class Watch:
    """The limits of one pod that became active at ``since``."""

    __slots__ = ("_deadline", "_limits", "_next", "_pod")

    def __init__(self, pod: Pod, since: float) -> None:
        self._pod = pod
        seconds = pod.spec.get("activeDeadlineSeconds")
        self._deadline = NEVER if seconds is None else since + float(seconds)
        self._limits = {
            volume["name"]: str(volume["emptyDir"]["sizeLimit"])
            for volume in pod.spec.get("volumes") or ()
            if (volume.get("emptyDir") or {}).get("sizeLimit")
        }
        self._next = since + VOLUME_CHECK_SECONDS if self._limits else NEVER

    def step(self, now: float) -> None:
        """End the pod if a limit is passed."""
        pod = self._pod
        if pod.stop is not None and pod.stop.reason is not None:
            return
        if now >= self._deadline:
            self._deadline = NEVER
            message = "Pod was active on the node longer than the specified deadline"
            pod.say("Normal", "DeadlineExceeded", message)
            pod.end(now, None, "DeadlineExceeded", message)
        elif now >= self._next:
            self._next = now + VOLUME_CHECK_SECONDS
            self._look(now)
        pod.wake_at(min(self._deadline, self._next))

    def _look(self, now: float) -> None:
        pod = self._pod
        for name, limit in self._limits.items():
            if parse(limit) > 0 and pod.volumes and disk_usage(pod.volumes[name].path) > parse(limit):
                message = f'Usage of EmptyDir volume "{name}" exceeds the limit "{limit}". '
                pod.say("Warning", "Evicted", message)
                pod.end(now, EVICTION_GRACE_SECONDS, "Evicted", message)
                return


class PodWorker:
    """The containers of ``pod`` on their way up."""

    __slots__ = ("_initialized", "_pod")

    def __init__(self, pod: Pod) -> None:
        self._pod = pod
        self._initialized = not pod.first

    def step(self, now: float) -> None:
        """Start what is due, attend to hooks and probes, end the pod when its work is done."""
        pod = self._pod
        for part in pod.parts:
            if part.state is State.RUNNING and part.kill is None:
                sync_container(pod, part, now)
            elif part.state is State.ENDED and part.role is Role.MAIN and self._restarts(part):
                self._wait(part, now)
        if all(part.state is State.ENDED for part in pod.main):
            pod.end(now, None)
            return
        if self._initialize(now):
            for part in pod.main:
                if part.state is State.WAITING:
                    start_container(pod, part, now)
                if part.held:
                    break
        step_kills(pod, now)

    def _initialize(self, now: float) -> bool:
        """Bring up the init containers; whether the regular ones may come up."""
        pod = self._pod
        for part in pod.first:
            if part.state is State.ENDED and self._restarts(part):
                self._wait(part, now)
            if part.state is State.ENDED:
                if part.exit_code:
                    pod.end(now, None)
                    return False
                continue
            if part.state is State.WAITING:
                start_container(pod, part, now)
            if not self._initialized and not (part.role is Role.SIDECAR and part.started):
                return False
        self._initialized = True
        return True

    def _restarts(self, part: Container) -> bool:
        """Whether a container that has ended is to be started again."""
        if part.role is Role.SIDECAR or part.must_restart:
            return True
        policy = self._pod.policy
        if part.role is Role.INIT and not part.exit_code:
            return False
        return should_restart(policy, part.spec, part.exit_code)

    def _wait(self, part: Container, now: float) -> None:
        """Have an ended container wait for its next start."""
        pod = self._pod
        part.state = State.WAITING
        part.must_restart = False
        part.not_before = part.backoff.ready_at(part.ended, now)
        if part.not_before > now:
            which = f"{pod.metadata['name']}_{pod.metadata['namespace']}({pod.uid})"
            delay = duration(part.backoff.delay)
            part.reason = "CrashLoopBackOff"
            part.message = f"back-off {delay} restarting failed container={part.name} pod={which}"
            pod.say("Warning", "BackOff", f"Back-off restarting failed container {part.name} in pod {which}")
            pod.tell()
