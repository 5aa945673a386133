"""How a pod is brought to its end: all at once, but sidecars last, in the reverse of their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expander.local.kubelet.attempts import NEVER
from expander.local.kubelet.container import Container, Role, State
from expander.local.kubelet.handlers import attempt
from expander.local.kubelet.killing import Kill

if TYPE_CHECKING:
    from expander.local.kubelet.pod import Pod


class Stop:
    """The end of a pod: the ``reason`` and ``message`` of its status if it fails for them."""

    __slots__ = ("message", "reason")

    def __init__(self, reason: str | None, message: str | None) -> None:
        self.reason = reason
        self.message = message

    def begin(self, pod: Pod, grace: float, now: float) -> None:
        """Begin to end each container that runs; one that is being ended already can only get less time."""
        for part in pod.parts:
            part.must_restart = False
            if part.kill is not None:
                part.kill.shorten(grace, now)
            elif part.alive:
                begin_kill(pod, part, grace, now)

    def step(self, pod: Pod, now: float) -> None:
        """Do what is due."""
        step_kills(pod, now)


def begin_kill(pod: Pod, part: Container, grace: float, now: float, why: str | None = None) -> None:
    """Begin to end one container."""
    pod.say("Normal", "Killing", why or f"Stopping container {part.name}")
    if part.probing is not None:
        part.probing.cancel()
    hook = (part.spec.get("lifecycle") or {}).get("preStop")
    runs = part.state is State.RUNNING and hook and grace > 0
    part.kill = Kill(
        part.spec, grace, now, attempt(pod, part, hook, "preStop", NEVER, now) if runs and hook else None
    )


def step_kills(pod: Pod, now: float) -> None:
    """Go on with the containers that are being ended."""
    earlier_alive = any(part.alive for part in pod.main)
    for part in (*pod.main, *reversed(pod.first)):
        if part.kill is not None and part.alive and part.key is not None:
            turn = part.role is not Role.SIDECAR or pod.stop is None or not earlier_alive
            if not part.kill.step(pod.shared.processes, part.key, turn, now):
                pod.say("Warning", "FailedPreStopHook", "PreStopHook failed")
            pod.wake_at(part.kill.due())
        if part.role is Role.SIDECAR and part.alive:
            earlier_alive = True
