"""One container between its start and its end: its postStart hook, its probes, what it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from expander.local.kubelet.attempts import NEVER, Attempt
from expander.local.kubelet.container import Container, Role, State
from expander.local.kubelet.ends import message_of, terminated
from expander.local.kubelet.handlers import attempt
from expander.local.kubelet.launching import PROBES
from expander.local.kubelet.probes import Kind
from expander.local.kubelet.probing import Probing
from expander.local.kubelet.stopping import begin_kill
from expander.local.runtime.launch import Exit, Started

if TYPE_CHECKING:
    from expander.local.kubelet.pod import Pod


def has_started(pod: Pod, part: Container, event: Started, now: float) -> None:
    """The container runs."""
    if part.key != event.key or part.state is not State.STARTING:
        return
    part.state, part.started_at = State.RUNNING, event.at
    _shift(part)
    pod.changed = True
    if part.kill is None and part.held:
        hook = part.spec["lifecycle"]["postStart"]
        part.post_start = attempt(pod, part, hook, "postStart", NEVER, now)
    elif part.kill is None:
        _open(pod, part)


def has_ended(pod: Pod, part: Container, exit_: Exit) -> None:
    """The container has ended, or could not be started."""
    if part.key != exit_.key:
        return
    if part.state is State.STARTING:
        _shift(part)
    if part.post_start is not None:
        part.post_start.cancel()
    if part.probing is not None:
        part.probing.cancel()
    if part.kill is not None and part.kill.hook is not None:
        part.kill.hook.cancel()
    part.post_start = part.probing = part.kill = None
    part.held = part.started = False
    part.state, part.ended = State.ENDED, exit_.finished
    log = pod.files.log(part.name, part.restart)
    message = message_of(part.spec, exit_, part.message_file, log, len(pod.parts))
    if part.message_file is not None:
        pod.shared.messages.give_back(part.message_file)
        part.message_file = None
    part.terminated = terminated(exit_, message)
    part.ready = part.role is Role.INIT and exit_.exit_code == 0
    if exit_.error is not None and not exit_.lost:
        pod.say("Warning", "Failed", f"Error: {exit_.error}")
    pod.tell()


def _shift(part: Container) -> None:
    """A new start takes the place of the one before, whose end becomes the last."""
    if part.terminated is not None:
        part.last, part.terminated = part.terminated, None


def attend(pod: Pod, part: Container, now: float) -> None:
    """Go on with the hook or the probes of a running container."""
    if part.post_start is not None:
        result = part.post_start.look(now)
        if result is None:
            pod.wake_at(part.post_start.due)
            return
        part.post_start.cancel()
        part.post_start, part.held = None, False
        pod.changed = True
        if result.ok is False:
            pod.say("Warning", "FailedPostStartHook", "PostStartHook failed")
            begin_kill(pod, part, _grace(pod, None), now, "FailedPostStartHook")
            return
        _open(pod, part)
    if part.probing is not None:
        _probe(pod, part, part.probing, now)


def _open(pod: Pod, part: Container) -> None:
    """From now on probes decide whether the container has started and is ready; without probes, it is."""
    if not any(probe in part.spec for probe in PROBES):
        part.started = True
        part.ready = part.role is not Role.INIT
        return

    def begin(handler: Mapping[str, Any], what: str, timeout: float, now: float) -> Attempt:
        return attempt(pod, part, handler, what, timeout, now)

    part.probing = Probing(part.spec, part.started_at, begin)
    part.started, part.ready = part.probing.started, part.probing.ready


def _probe(pod: Pod, part: Container, probing: Probing, now: float) -> None:
    """Go on with the probes, and do what they ask for."""
    for kind, message in probing.step(now):
        pod.say("Warning", "Unhealthy", f"{kind.capitalize()} probe failed: {message}")
    found = (probing.started, probing.ready)
    if found != (part.started, part.ready):
        part.started, part.ready = found
        pod.changed = True
    failed: Kind | None = probing.failed
    if failed is None:
        pod.wake_at(probing.due())
        return
    part.must_restart = part.role is Role.SIDECAR or pod.policy != "Never"
    why = f"Container {part.name} failed {failed} probe" + (
        ", will be restarted" if part.must_restart else ""
    )
    begin_kill(pod, part, _grace(pod, probing.spec_of(failed).get("terminationGracePeriodSeconds")), now, why)


def _grace(pod: Pod, own: float | None) -> float:
    """The seconds a container gets to end: a probe's own, else the pod's."""
    found = pod.spec.get("terminationGracePeriodSeconds") if own is None else own
    return 30.0 if found is None else float(found)
