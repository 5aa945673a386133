"""One container between its start and its end: hooks, probes, and how it is killed.

pkg/kubelet/lifecycle, pkg/kubelet/prober and killContainersWithSyncResult in pkg/kubelet/kuberuntime decide:
a pod's containers are killed all at once, but sidecars last, in the reverse of their order.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from expander.base.late_module import late_module
from expander.base.log import INFO, Log
from expander.base.option_names import option
from expander.local.kubelet.container import Container, Role, State
from expander.local.kubelet.context import KubeletContext
from expander.local.kubelet.pod import Pod
from expander.local.kubelet.probes import NEVER, Attempt, ExecAttempt, Kind, Probing, Result, SleepAttempt
from expander.local.kubelet.start import PROBES, exec_config
from expander.local.kubelet.termination import Kill, terminated, termination_message
from expander.local.runtime.runtime import Exit, Started

if TYPE_CHECKING:
    from expander.local.kubelet import probe_http
else:  # probes that few containers have
    probe_http = late_module("expander.local.kubelet.probe_http")

log = Log("local")

HOOKS = ("postStart", "preStop")

NO_HOST_NAME: Final = "pods have no host name here: listen on all addresses, or use"
"""Why a program is not reached where a probe looks for it, in a runtime that isolates nothing."""


class UnsupportedHandler:
    """A handler that cannot be tried here."""

    def __init__(self, message: str, now: float) -> None:
        self.due = now
        self._message = message

    def poll(self, now: float) -> Result | None:
        return Result(None, self._message)

    def cancel(self) -> None:
        """There is nothing to give up."""


def run_handler(
    context: KubeletContext,
    pod: Pod,
    container: Container,
    handler: Mapping[str, Any],
    what: str,
    timeout: float,
    now: float,
) -> Attempt:
    """Begin to try ``handler`` for a running container.

    ``what`` names the try: one of `HOOKS`, or the name of a probe with a number. The status of an HTTP
    answer counts for probes only.
    """
    if "exec" in handler and container.launch is not None:
        log = pod.files.exec_output(container.name, what.split(".")[0])
        launch = exec_config(
            container.launch, handler["exec"].get("command") or (), f"{container.key}#{what}", log
        )
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"):
            made = ExecAttempt(context.processes, launch, timeout, now)
        context.launched[launch.key] = (pod.uid, made)
        pod.exec_keys.add(launch.key)
        return made
    if "sleep" in handler:
        return SleepAttempt(handler["sleep"].get("seconds") or 0, now)
    for field in ("httpGet", "tcpSocket"):
        if field not in handler:
            continue
        target = handler[field]
        host = target.get("host") or pod.node_info.pod_ip
        port = _port(container.spec, target["port"])
        if port is None:
            return UnsupportedHandler(f"couldn't find port: {target['port']}", now)
        if field == "tcpSocket":
            return probe_http.TcpSocketAttempt(host, port, timeout, now)
        headers = [(header["name"], header.get("value", "")) for header in target.get("httpHeaders") or ()]
        url = (target.get("scheme") or "HTTP", host, port, "/" + (target.get("path") or "/").lstrip("/"))
        return probe_http.HttpGetAttempt(url, headers, what not in HOOKS, timeout, now)
    return UnsupportedHandler(
        f"a handler of type {next(iter(handler), 'none')} cannot be tried on this machine", now
    )


def _port(spec: Mapping[str, Any], port: int | str) -> int | None:
    """A port by its number, or by the name that the container gives it."""
    if isinstance(port, int) or port.isdigit():
        return int(port)
    named = (found for found in spec.get("ports") or () if found.get("name") == port)
    return next((int(found["containerPort"]) for found in named), None)


def kill_pod(context: KubeletContext, pod: Pod, grace: float, now: float) -> None:
    """Begin to kill each container that runs; one that is being killed already can only get less time."""
    for container in pod.all:
        container.must_restart = False
        if container.kill is not None:
            container.kill.shorten(grace, now)
        elif container.alive:
            kill_container(context, pod, container, grace, now)


def kill_container(
    context: KubeletContext, pod: Pod, container: Container, grace: float, now: float, why: str | None = None
) -> None:
    """Begin to end one container."""
    pod.record_event("Normal", "Killing", why or f"Stopping container {container.name}")
    if container.probing is not None:
        container.probing.cancel()
    hook = (container.spec.get("lifecycle") or {}).get("preStop")
    runs = container.state == State.RUNNING and hook and grace > 0
    attempt = run_handler(context, pod, container, hook, "preStop", NEVER, now) if runs and hook else None
    container.kill = Kill(container.spec, grace, now, attempt)


def sync_kills(context: KubeletContext, pod: Pod, now: float) -> None:
    """Go on with the containers that are being ended."""
    for container in pod.all:
        if container.kill is not None:
            break
    else:
        return
    earlier_alive = any(container.alive for container in pod.containers)
    for container in (*pod.containers, *pod.ephemeral, *reversed(pod.init_containers)):
        if container.kill is not None and container.alive and container.key is not None:
            may_signal = container.role != Role.SIDECAR or pod.termination is None or not earlier_alive
            if not container.kill.step(context.processes, container.key, may_signal, now):
                pod.record_event("Warning", "FailedPreStopHook", "PreStopHook failed")
            pod.wake_at(container.kill.due())
        if container.role == Role.SIDECAR and container.alive:
            earlier_alive = True


def container_started(
    context: KubeletContext, pod: Pod, container: Container, event: Started, now: float
) -> None:
    """The container runs."""
    if container.key != event.key or container.state != State.STARTING:
        return
    container.state, container.started_at = State.RUNNING, event.at
    container.started_text = context.stamp(event.at)
    if log.enabled(INFO):
        whose = f"{pod.metadata['namespace']}/{pod.metadata['name']}"
        log.info("container %(container)s of pod %(pod)s started", container=container.name, pod=whose)
    _keep_last_termination(container)
    pod.changed = True
    if context.attachable:
        pod.record_event("Normal", "Started", "Container started")
    if container.kill is None and container.held:
        hook = container.spec["lifecycle"]["postStart"]
        container.post_start = run_handler(context, pod, container, hook, "postStart", NEVER, now)
    elif container.kill is None:
        _start_probes(context, pod, container)


def container_ended(context: KubeletContext, pod: Pod, container: Container, exit_: Exit) -> None:
    """The container has ended, or could not be started."""
    if container.key != exit_.key:
        return
    if container.state == State.STARTING:
        _keep_last_termination(container)
    if container.post_start is not None:
        container.post_start.cancel()
    if container.probing is not None:
        container.probing.cancel()
    if container.kill is not None and container.kill.hook is not None:
        container.kill.hook.cancel()
    container.post_start = container.probing = container.kill = None
    container.held = container.started = False
    container.state, container.ended = State.ENDED, exit_.finished
    path = pod.files.log(container.name, container.restart)
    message = termination_message(container.spec, exit_, container.message_file, path, len(pod.all))
    if container.message_file is not None:
        context.messages.release(container.message_file)
        container.message_file = None
    if container.work_folder is not None:
        context.work.release(container.work_folder)
        container.work_folder = None
    container.terminated = terminated(exit_, message, context.stamp)
    if log.enabled(INFO):
        log.info(
            "container %(container)s of pod %(pod)s ended with %(code)d",
            container=container.name,
            pod=f"{pod.metadata['namespace']}/{pod.metadata['name']}",
            code=exit_.exit_code,
        )
    container.ready = container.role == Role.INIT and exit_.exit_code == 0
    if exit_.error is not None and not exit_.lost:
        pod.record_event("Warning", "Failed", f"Error: {exit_.error}")
    if exit_.unlogged:
        lost = f"{exit_.unlogged} bytes of the log of container {container.name} could not be written"
        pod.record_event("Warning", "LogTruncated", lost)
    pod.mark_status_changed()


def _keep_last_termination(container: Container) -> None:
    """A new start takes the place of the one before, whose end becomes the last."""
    if container.terminated is not None:
        container.last, container.terminated = container.terminated, None


def sync_container(context: KubeletContext, pod: Pod, container: Container, now: float) -> None:
    """Go on with the hook or the probes of a running container."""
    if container.post_start is not None:
        result = container.post_start.poll(now)
        if result is None:
            pod.wake_at(container.post_start.due)
            return
        container.post_start.cancel()
        container.post_start, container.held = None, False
        pod.changed = True
        if result.ok is False:
            pod.record_event("Warning", "FailedPostStartHook", "PostStartHook failed")
            kill_container(
                context, pod, container, pod.termination_grace_seconds(), now, "FailedPostStartHook"
            )
            return
        _start_probes(context, pod, container)
    if container.probing is not None:
        _sync_probes(context, pod, container, container.probing, now)


def _start_probes(context: KubeletContext, pod: Pod, container: Container) -> None:
    """From now on probes decide whether the container has started and is ready; without probes, it is."""
    if PROBES.isdisjoint(container.spec):
        container.started = True
        container.ready = container.role in (Role.MAIN, Role.SIDECAR)
        return

    def begin(handler: Mapping[str, Any], what: str, timeout: float, now: float) -> Attempt:
        return run_handler(context, pod, container, handler, what, timeout, now)

    container.probing = Probing(container.spec, container.started_at, begin)
    container.started, container.ready = container.probing.started, container.probing.ready


def _sync_probes(
    context: KubeletContext, pod: Pod, container: Container, probing: Probing, now: float
) -> None:
    """Go on with the probes, and do what they ask for."""
    for kind, message in probing.step(now):
        if not context.isolates and "dial tcp" in message and message.endswith("refused"):
            message = f"{message} ({NO_HOST_NAME} {option('--runtime sandbox')})"
        pod.record_event("Warning", "Unhealthy", f"{kind.capitalize()} probe failed: {message}")
    found = (probing.started, probing.ready)
    if found != (container.started, container.ready):
        container.started, container.ready = found
        pod.changed = True
    failed: Kind | None = probing.failed
    if failed is None:
        pod.wake_at(probing.due())
        return
    container.must_restart = container.role == Role.SIDECAR or pod.restart_policy != "Never"
    why = f"Container {container.name} failed {failed} probe" + (
        ", will be restarted" if container.must_restart else ""
    )
    kill_container(
        context,
        pod,
        container,
        pod.termination_grace_seconds(probing.spec_of(failed).get("terminationGracePeriodSeconds")),
        now,
        why,
    )
