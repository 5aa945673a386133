"""From the handler of a probe or a lifecycle hook to an attempt at it.

How a pod is brought to its end: all at once, but sidecars last, in the reverse of their order.

One container between its start and its end: its postStart hook, its probes, what it leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from expander.base.log import Log
from expander.local.kubelet.container import Container, Kill, Role, State, terminated, termination_message
from expander.local.kubelet.probe_http import HttpGetAttempt, TcpSocketAttempt
from expander.local.kubelet.probes import NEVER, Attempt, ExecAttempt, Kind, Probing, Result, SleepAttempt
from expander.local.kubelet.start import PROBES, exec_config
from expander.local.runtime.runtime import Exit, Started

if TYPE_CHECKING:
    from expander.local.kubelet.pod import Pod

log = Log("local")

HOOKS = ("postStart", "preStop")


class UnsupportedHandler:
    """A handler that cannot be tried here."""

    def __init__(self, message: str, now: float) -> None:
        self.due = now
        self._message = message

    def look(self, now: float) -> Result | None:
        return Result(None, self._message)

    def cancel(self) -> None:
        """There is nothing to give up."""


def run_handler(
    pod: Pod, part: Container, handler: Mapping[str, Any], what: str, timeout: float, now: float
) -> Attempt:
    """Begin to try ``handler`` for a running container.

    ``what`` names the try: one of `HOOKS`, or the name of a probe with a number. The status of an HTTP
    answer counts for probes only.
    """
    if "exec" in handler and part.launch is not None:
        log = pod.files.beside(part.name, what.split(".")[0])
        launch = exec_config(part.launch, handler["exec"].get("command") or (), f"{part.key}#{what}", log)
        with open(log, "wb"):
            made = ExecAttempt(pod.shared.processes, launch, timeout, now)
        pod.shared.launched[launch.key] = (pod, made)
        pod.beside.add(launch.key)
        return made
    if "sleep" in handler:
        return SleepAttempt(handler["sleep"].get("seconds") or 0, now)
    for field in ("httpGet", "tcpSocket"):
        if field not in handler:
            continue
        target = handler[field]
        host = target.get("host") or pod.place.pod_ip
        port = _port(part.spec, target["port"])
        if port is None:
            return UnsupportedHandler(f"couldn't find port: {target['port']}", now)
        if field == "tcpSocket":
            return TcpSocketAttempt(host, port, timeout, now)
        headers = [(header["name"], header.get("value", "")) for header in target.get("httpHeaders") or ()]
        url = (target.get("scheme") or "HTTP", host, port, "/" + (target.get("path") or "/").lstrip("/"))
        return HttpGetAttempt(url, headers, what not in HOOKS, timeout, now)
    return UnsupportedHandler(
        f"a handler of type {next(iter(handler), 'none')} cannot be tried on this machine", now
    )


def _port(spec: Mapping[str, Any], port: int | str) -> int | None:
    """A port by its number, or by the name that the container gives it."""
    if isinstance(port, int) or port.isdigit():
        return int(port)
    named = (found for found in spec.get("ports") or () if found.get("name") == port)
    return next((int(found["containerPort"]) for found in named), None)


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
        part.spec, grace, now, run_handler(pod, part, hook, "preStop", NEVER, now) if runs and hook else None
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


def container_started(pod: Pod, part: Container, event: Started, now: float) -> None:
    """The container runs."""
    if part.key != event.key or part.state is not State.STARTING:
        return
    part.state, part.started_at = State.RUNNING, event.at
    log.info(
        "container %(container)s of pod %(pod)s started",
        container=part.name,
        pod=f"{pod.metadata['namespace']}/{pod.metadata['name']}",
    )
    _shift(part)
    pod.changed = True
    if part.kill is None and part.held:
        hook = part.spec["lifecycle"]["postStart"]
        part.post_start = run_handler(pod, part, hook, "postStart", NEVER, now)
    elif part.kill is None:
        _open(pod, part)


def container_ended(pod: Pod, part: Container, exit_: Exit) -> None:
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
    path = pod.files.log(part.name, part.restart)
    message = termination_message(part.spec, exit_, part.message_file, path, len(pod.parts))
    if part.message_file is not None:
        pod.shared.messages.give_back(part.message_file)
        part.message_file = None
    part.terminated = terminated(exit_, message)
    log.info(
        "container %(container)s of pod %(pod)s ended with %(code)d",
        container=part.name,
        pod=f"{pod.metadata['namespace']}/{pod.metadata['name']}",
        code=exit_.exit_code,
    )
    part.ready = part.role is Role.INIT and exit_.exit_code == 0
    if exit_.error is not None and not exit_.lost:
        pod.say("Warning", "Failed", f"Error: {exit_.error}")
    pod.tell()


def _shift(part: Container) -> None:
    """A new start takes the place of the one before, whose end becomes the last."""
    if part.terminated is not None:
        part.last, part.terminated = part.terminated, None


def sync_container(pod: Pod, part: Container, now: float) -> None:
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
        return run_handler(pod, part, handler, what, timeout, now)

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
