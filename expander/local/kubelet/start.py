"""From a container of a pod to what the supervisor is to start.

The start of one container of a pod, or why it has to wait.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any

from expander.kube.quantity import parse
from expander.local.kubelet.container import Container, State
from expander.local.kubelet.context import KubeletContext
from expander.local.kubelet.env import environment, expand
from expander.local.kubelet.network import hostname, own_names
from expander.local.kubelet.node import ConfigError, NodeInfo
from expander.local.kubelet.pod_files import PodFiles, wants_file
from expander.local.kubelet.probes import NEVER
from expander.local.kubelet.volumes import Volume, mounts
from expander.local.runtime.runtime import Launch, Mount

if TYPE_CHECKING:
    from expander.local.kubelet.pod import Pod

HOSTS = "/etc/hosts"


def container_config(
    pod: Mapping[str, Any],
    spec: Mapping[str, Any],
    restart: int,
    shared: KubeletContext,
    files: PodFiles,
    volumes: Mapping[str, Volume],
    place: NodeInfo,
    hosts_file: str | None,
) -> Launch:
    """The launch of one container. ConfigError when its configuration cannot be put together."""
    name = spec["name"]
    security = _security(pod, spec)
    user = security.get("runAsUser")
    _refuse_root(pod, name, security)
    own = environment(pod, spec, shared.sources.lookup, place)
    argv = [expand(word, own) for word in (*(spec.get("command") or ()), *(spec.get("args") or ()))]
    shown = mounts(spec, volumes, own) if spec.get("volumeMounts") else []
    if hosts_file is not None and not any(mount.target == HOSTS for mount in shown):
        shown.append(Mount(hosts_file, HOSTS))
    limits = (spec.get("resources") or {}).get("limits") or {}
    return Launch(
        key=f"{pod['metadata']['uid']}/{name}/{restart}",
        argv=argv,
        env={**shared.variables, **own} if shared.variables else own,
        log=files.log(name, restart),
        cwd=spec.get("workingDir") or None,
        mounts=shown,
        hostname=hostname(pod),
        hosts={} if hosts_file or not shared.isolates else own_names(pod, place.pod_ip),
        user=user,
        group=security.get("runAsGroup"),
        groups=_groups(pod),
        image=spec.get("image", ""),
        replaces_entrypoint=bool(spec.get("command")),
        memory=ceil(parse(str(limits["memory"]))) if "memory" in limits else None,
        cpus=float(parse(str(limits["cpu"]))) if "cpu" in limits else None,
    )


def exec_config(launch: Launch, command: Sequence[str], key: str, log: str) -> Launch:
    """A command run in the container that runs as ``launch``, or like it, with an output of its own."""
    return replace(
        launch,
        key=key,
        argv=list(command),
        log=log,
        memory=None,
        cpus=None,
        replaces_entrypoint=True,
        inside=launch.key,
    )


def _security(pod: Mapping[str, Any], spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The container's security context over the pod's."""
    of_pod, own = pod["spec"].get("securityContext"), spec.get("securityContext")
    if not own:
        return of_pod or {}
    return {**(of_pod or {}), **own}


def _groups(pod: Mapping[str, Any]) -> tuple[int, ...]:
    """The supplementary groups of the pod's processes."""
    security = pod["spec"].get("securityContext")
    if not security:
        return ()
    own = security.get("fsGroup")
    return (*((own,) if own is not None else ()), *(security.get("supplementalGroups") or ()))


def _refuse_root(pod: Mapping[str, Any], name: str, security: Mapping[str, Any]) -> None:
    """ConfigError when the container must not run as root and would (verifyRunAsNonRoot)."""
    if not security.get("runAsNonRoot"):
        return
    user, metadata = security.get("runAsUser"), pod["metadata"]
    which = f'(pod: "{metadata["name"]}_{metadata["namespace"]}({metadata["uid"]})", container: {name})'
    if user == 0:
        raise ConfigError(f"container's runAsUser breaks non-root policy {which}")
    if user is None and os.geteuid() == 0:
        raise ConfigError(f"container has runAsNonRoot and image will run as root {which}")


RETRY_SECONDS = 2.0
"""Seconds until something that was missing is looked for again."""
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def start_container(pod: Pod, part: Container, now: float) -> None:
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
        launch = container_config(
            pod.obj, part.spec, restart, pod.shared, pod.files, pod.volumes or {}, pod.place, pod.hosts_file
        )
        if wants_file(part.spec, pod.shared.isolates):
            part.message_file = pod.shared.messages.take(everyone=launch.user is not None)
            launch.mounts = [*launch.mounts, Mount(part.message_file, part.spec["terminationMessagePath"])]
    except (ConfigError, OSError, ValueError) as error:
        _refuse(pod, part, "CreateContainerConfigError", str(error), str(error))
        part.not_before = now + RETRY_SECONDS
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
