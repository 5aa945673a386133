"""Getting a pod's containers up, in their order, and up again.

computePodActions in pkg/kubelet/kuberuntime decides: init containers one after the other, a sidecar before
what comes after it, then the regular containers, each after the postStart hook of the one before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expander.kube.time import duration
from expander.local.kubelet.container import Container, Role, State
from expander.local.kubelet.launching import start
from expander.local.kubelet.restarts import restarts
from expander.local.kubelet.running import attend
from expander.local.kubelet.stopping import step_kills

if TYPE_CHECKING:
    from expander.local.kubelet.pod import Pod


class Work:
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
                attend(pod, part, now)
            elif part.state is State.ENDED and part.role is Role.MAIN and self._restarts(part):
                self._wait(part, now)
        if all(part.state is State.ENDED for part in pod.main):
            pod.end(now, None)
            return
        if self._initialize(now):
            for part in pod.main:
                if part.state is State.WAITING:
                    start(pod, part, now)
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
                start(pod, part, now)
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
        return restarts(policy, part.spec, part.exit_code)

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
