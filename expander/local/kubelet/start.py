"""Starts one container of a pod (startContainer in pkg/kubelet/kuberuntime), or says why it has to wait."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import ceil
from typing import Any

from expander.kube.quantity import parse
from expander.kube.wellknown import TOKEN_MOUNT_PATH
from expander.local.images.accounts import UnknownUser, accounts_of
from expander.local.images.images import LocalImage
from expander.local.images.reference import image_name_error
from expander.local.kubelet.container import Container, State
from expander.local.kubelet.context import KubeletContext
from expander.local.kubelet.env import environment, expand
from expander.local.kubelet.image_pulls import show_back_off
from expander.local.kubelet.network import own_names
from expander.local.kubelet.node import ConfigError
from expander.local.kubelet.pod import Pod
from expander.local.kubelet.pod_files import needs_message_file
from expander.local.kubelet.probes import NEVER
from expander.local.kubelet.pull_attempt import PullAttempt
from expander.local.kubelet.service_names import hostname
from expander.local.kubelet.volumes import mounts
from expander.local.runtime.runtime import Launch, Mount

HOSTS = "/etc/hosts"


def container_config(context: KubeletContext, pod: Pod, spec: Mapping[str, Any], restart: int) -> Launch:
    """The launch of one container. Raises ConfigError when its configuration cannot be put together."""
    name = spec["name"]
    security = _security(pod.spec, spec)
    image = context.image(spec.get("image", ""))
    said = None if image is None else image.config
    named = context.pulls.user(spec.get("image", "")) if context.pulls else said.user if said else None
    _refuse_root(pod, name, security, named)
    user, group, groups = _identity(image, security)
    services = context.hosts_files.variables(pod.obj)
    own = environment(pod.obj, spec, context.sources.lookup, pod.node_info, services)
    argv = [expand(word, own) for word in (*(spec.get("command") or ()), *(spec.get("args") or ()))]
    if not spec.get("command") and (of_image := context.image_command(spec.get("image", ""))) is not None:
        argv = [*of_image.entrypoint, *(argv or of_image.arguments)]
    shown = mounts(spec, pod.volumes or {}, own) if spec.get("volumeMounts") else []
    if pod.hosts_file is not None and not any(mount.target == HOSTS for mount in shown):
        shown.append(Mount(pod.hosts_file, HOSTS, read_only=True))
    limits = (spec.get("resources") or {}).get("limits") or {}
    env = {**(said.env if said else {}), **context.variables, **own}
    if not context.isolates:
        env = {**_kubeconfig(context, pod, shown), **env}
    tty = context.attachable and bool(spec.get("tty"))
    return Launch(
        key=f"{pod.uid}/{name}/{restart}",
        argv=argv,
        env=with_term(env) if tty else env,
        log=pod.files.log(name, restart),
        cwd=spec.get("workingDir") or (said.working_dir if said else None) or None,
        mounts=shown,
        hostname=hostname(pod.obj),
        hosts=_names(context, pod),
        user=user,
        group=group,
        groups=(*_groups(pod.spec), *groups),
        image=spec.get("image", ""),
        read_only=bool((spec.get("securityContext") or {}).get("readOnlyRootFilesystem")),
        replaces_entrypoint=bool(spec.get("command")),
        memory=ceil(parse(str(limits["memory"]))) if "memory" in limits else None,
        cpus=float(parse(str(limits["cpu"]))) if "cpu" in limits else None,
        stdin=context.attachable and bool(spec.get("stdin")),
        tty=tty,
        target=_target(pod, spec),
        note=pod.note,
    )


def _kubeconfig(context: KubeletContext, pod: Pod, shown: Sequence[Mount]) -> dict[str, str]:
    """The variable that leads clients to the token that is mounted, for them, where they cannot see it."""
    for mount in shown:
        if mount.target == TOKEN_MOUNT_PATH:
            access = context.sources.access
            return {"KUBECONFIG": access.write_kubeconfig(pod.metadata["namespace"], mount.source)}
    return {}


def _target(pod: Pod, spec: Mapping[str, Any]) -> str | None:
    """The key of the container that an ephemeral one looks into. Raises ConfigError if it does not run."""
    name = spec.get("targetContainerName")
    if not name:
        return None
    found = next((each.key for each in pod.all if each.name == name and each.alive), None)
    if found is None:
        raise ConfigError(f'unable to find target container "{name}"')
    return found


def with_term(env: Mapping[str, str]) -> dict[str, str]:
    """The environment of what has a terminal; container runtimes take this one for granted."""
    return {"TERM": "xterm", **env}


def _names(context: KubeletContext, pod: Pod) -> dict[str, str]:
    """The names that the runtime is to give the container: where it has no hosts file, its own; where it
    cannot have any, those of Services that it will not find.
    """
    if not context.isolates:
        return context.hosts_files.services(pod.metadata["namespace"])
    if pod.hosts_file:
        return {}
    access = context.sources.access
    return own_names(pod.obj, pod.node_info.pod_ip) | access.names(pod.metadata["namespace"])


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
        target=None,
        stdin=False,
        tty=False,
        note="",
    )


def _security(pod_spec: Mapping[str, Any], spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The container's security context over the pod's."""
    of_pod, own = pod_spec.get("securityContext"), spec.get("securityContext")
    if not own:
        return of_pod or {}
    return {**(of_pod or {}), **own}


def _groups(pod_spec: Mapping[str, Any]) -> tuple[int, ...]:
    """The supplementary groups of the pod's processes."""
    security = pod_spec.get("securityContext")
    if not security:
        return ()
    own = security.get("fsGroup")
    return (*((own,) if own is not None else ()), *(security.get("supplementalGroups") or ()))


def _identity(
    image: LocalImage | None, security: Mapping[str, Any]
) -> tuple[int | None, int | None, tuple[int, ...]]:
    """User, group and further groups, as containerd takes them from the pod, then from the image.

    Raises ConfigError for a user that the image does not know.
    """
    user, group = security.get("runAsUser"), security.get("runAsGroup")
    if image is None:
        return user, group, ()
    known = accounts_of(image.root)
    if user is not None:
        return user, known.primary_group(user) if group is None else group, known.groups(user)
    if image.config is None or not image.config.user:
        return user, group, ()
    try:
        found = known.identity(image.config.user)
    except UnknownUser as error:
        raise ConfigError(str(error)) from None
    return found.user, found.group if group is None else group, found.groups


def _refuse_root(pod: Pod, name: str, security: Mapping[str, Any], of_image: str | None) -> None:
    """ConfigError when the container must not run as root and would, by itself or as its image says
    (verifyRunAsNonRoot).
    """
    if not security.get("runAsNonRoot"):
        return
    user = security.get("runAsUser")
    which = f'(pod: "{pod.full_name}", container: {name})'
    if user == 0:
        raise ConfigError(f"container's runAsUser breaks non-root policy {which}")
    if user is not None:
        return
    named = (of_image or "").partition(":")[0]
    if named and not named.isdecimal():
        raise ConfigError(
            f"container has runAsNonRoot and image has non-numeric user ({named}), cannot verify user is "
            f"non-root {which}"
        )
    if int(named or os.geteuid()) == 0:
        raise ConfigError(f"container has runAsNonRoot and image will run as root {which}")


RETRY_SECONDS = 2.0
"""Seconds until something that was missing is looked for again."""
PROBES = frozenset(("startupProbe", "livenessProbe", "readinessProbe"))


def start_container(context: KubeletContext, pod: Pod, container: Container, now: float) -> None:
    """Start a waiting container, if it is time and nothing is missing."""
    if now < container.not_before:
        show_back_off(pod, container, now)
        return
    image = container.spec.get("image", "")
    if image and (why := image_name_error(image)) is not None:
        _refuse_name(pod, container, image, why)
        return
    pull_error = context.image_pull_error(image)
    if pull_error is not None:
        _refuse(pod, container, "ImagePullBackOff", pull_error, "ImagePullBackOff")
        container.not_before = NEVER
        return
    if context.pulls is not None:
        ask = partial(_ask, context, pod)
        if not context.pulls.ready(pod, container, ask, now):
            return
    restart = container.restart + (container.key is not None)
    try:
        launch = container_config(context, pod, container.spec, restart)
        if needs_message_file(container.spec, context.isolates):
            container.message_file = context.messages.acquire(launch.user, context.isolates)
            launch.mounts = [
                *launch.mounts,
                Mount(container.message_file, container.spec["terminationMessagePath"]),
            ]
        if launch.cwd is None and not context.isolates:
            launch.cwd = container.work_folder = context.work.acquire(launch.user)
        if launch.user is not None and launch.user != os.geteuid() and not context.isolates:
            pod.files.let_others_pass()
    except (ConfigError, OSError, ValueError) as error:
        _refuse(pod, container, "CreateContainerConfigError", str(error), str(error))
        container.not_before = now + RETRY_SECONDS
        pod.wake_at(container.not_before)
        return
    if container.terminated is not None:
        container.backoff.restarted(now)
    found = context.image(image)
    container.image_id = "" if found is None else found.id
    container.restart, container.key, container.state = restart, launch.key, State.STARTING
    container.reason = container.message = None
    lifecycle = container.spec.get("lifecycle")
    container.held = bool(lifecycle and lifecycle.get("postStart"))
    if lifecycle or context.attachable or not PROBES.isdisjoint(container.spec):
        container.launch = launch
    context.launched[launch.key] = (pod.uid, container)
    context.processes.start(launch)
    if context.attachable:
        pod.record_event("Normal", "Pulled", f'Container image "{launch.image}" already present on machine')
        pod.record_event("Normal", "Created", "Container created")


def _ask(context: KubeletContext, pod: Pod, attempt: PullAttempt) -> None:
    """Have the engine asked for an image."""
    context.launched[attempt.launch.key] = (pod.uid, attempt)
    context.processes.start(attempt.launch)


def _refuse_name(pod: Pod, container: Container, image: str, why: str) -> None:
    """No image can have this name (applyDefaultImageTag of pkg/kubelet/images)."""
    message = f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": {why}'
    if container.message != message:
        pod.record_event("Warning", "InspectFailed", message)
    _refuse(pod, container, "InvalidImageName", message, "InvalidImageName")
    container.not_before = NEVER


def _refuse(pod: Pod, container: Container, reason: str, message: str, event: str) -> None:
    """A container cannot be started for now: tell it, unless it was told."""
    if (container.reason, container.message) != (reason, message):
        container.reason, container.message = reason, message
        pod.record_event("Warning", "Failed", f"Error: {event}")
        pod.mark_status_changed()
