"""The start of one container of a pod, or why it has to wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expander.local.kubelet.attempts import NEVER
from expander.local.kubelet.container import Container, State
from expander.local.kubelet.messages import wants_file
from expander.local.kubelet.refusals import ConfigError
from expander.local.kubelet.starting import launch_of
from expander.local.runtime.launch import Mount

if TYPE_CHECKING:
    from expander.local.kubelet.pod import Pod

RETRY = 2.0
"""Seconds until something that was missing is looked for again."""
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def start(pod: Pod, part: Container, now: float) -> None:
    """Start a waiting container, if it is time and nothing is missing."""
    if now < part.not_before:
        pod.wake_at(part.not_before)
        return
    missing = pod.shared.why_missing(part.spec.get("image", ""))
    if missing is not None:
        _refuse(pod, part, "ImagePullBackOff", missing, "ImagePullBackOff")
        part.not_before = NEVER
        return
    restart = part.restart + 1 if part.key is not None else 0
    try:
        launch = launch_of(
            pod.obj, part.spec, restart, pod.shared, pod.files, pod.volumes or {}, pod.place, pod.hosts_file
        )
        if wants_file(part.spec, pod.shared.isolates):
            part.message_file = pod.shared.messages.take(everyone=launch.user is not None)
            launch.mounts = [*launch.mounts, Mount(part.message_file, part.spec["terminationMessagePath"])]
    except (ConfigError, OSError, ValueError) as error:
        _refuse(pod, part, "CreateContainerConfigError", str(error), str(error))
        part.not_before = now + RETRY
        pod.wake_at(part.not_before)
        return
    if part.terminated is not None:
        part.backoff.restarted(now)
    part.restart, part.key, part.state = restart, launch.key, State.STARTING
    part.reason = part.message = None
    lifecycle = part.spec.get("lifecycle")
    part.held = bool(lifecycle and lifecycle.get("postStart"))
    if lifecycle or any(probe in part.spec for probe in PROBES):
        part.launch = launch
    pod.shared.launched[launch.key] = (pod, part)
    pod.shared.processes.start(launch)


def _refuse(pod: Pod, part: Container, reason: str, message: str, event: str) -> None:
    """A container cannot be started for now: tell it, unless it was told."""
    if (part.reason, part.message) != (reason, message):
        part.reason, part.message = reason, message
        pod.say("Warning", "Failed", f"Error: {event}")
        pod.tell()
