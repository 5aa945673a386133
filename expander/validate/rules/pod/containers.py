"""The three lists of containers: what all share, and what each kind may not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.validate.rules import formats
from expander.validate.rules.checks import (
    Findings,
    duplicate,
    each,
    forbidden,
    invalid,
    invalid_each,
    not_found,
    not_supported,
    required,
)
from expander.validate.rules.pod.env import check_env, check_env_from
from expander.validate.rules.pod.facts import PodFacts
from expander.validate.rules.pod.images import check_pull_policy
from expander.validate.rules.pod.mounts import check_devices, check_mounts
from expander.validate.rules.pod.ports import check_host_ports, check_ports
from expander.validate.rules.pod.probes import check_lifecycle, check_probes
from expander.validate.rules.pod.resources import check_resources
from expander.validate.rules.pod.restarts import check_resize_policy, check_restart_policy
from expander.validate.rules.pod.security import check_container_security

Container = Mapping[str, Any]

_TERMINATION_POLICIES: Final = ("File", "FallbackToLogsOnError")
_RUNNING_FIELDS: Final = ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe")
_NOT_EPHEMERAL: Final = (
    *("ports", "resizePolicy", "restartPolicy", "restartPolicyRules"),
    *("livenessProbe", "readinessProbe", "startupProbe", "lifecycle"),
)


def check_containers(spec: Mapping[str, Any], where: str, pod: PodFacts) -> Findings:
    """At least one, with names of their own; ports of the node are taken once among them."""
    containers, where = spec.get("containers"), f"{where}.containers"
    if not containers:
        yield required(where)
        return
    names: set[str] = set()
    for at, container in each(containers, where):
        yield from _check_container(container, at, pod)
        name = container.get("name") or ""
        if name in names:
            yield duplicate(f"{at}.name", name)
        names.add(name)
        yield from _check_running(container, at, pod)
        yield from check_restart_policy(container, at)
    yield from check_host_ports(containers, where)


def check_init_containers(spec: Mapping[str, Any], where: str, pod: PodFacts) -> Findings:
    """Names differ from those of containers too; only sidecars, which keep running, have hooks and probes."""
    names = {(container or {}).get("name") or "" for container in spec.get("containers") or ()}
    where = f"{where}.initContainers"
    for at, container in each(spec.get("initContainers"), where):
        yield from _check_container(container, at, pod)
        yield from check_restart_policy(container, at, init=True)
        name = container.get("name") or ""
        if name in names:
            yield duplicate(f"{at}.name", name)
        elif name:
            names.add(name)
        yield from check_host_ports([container], where)
        if container.get("restartPolicy") == "Always":
            yield from _check_running(container, at, pod)
        else:
            yield from _check_not_running(container, at)


def check_ephemeral_containers(spec: Mapping[str, Any], where: str, pod: PodFacts) -> Findings:
    """Containers for looking into a pod: no ports, probes or resources, and a target that is there."""
    others = {
        (container or {}).get("name") or ""
        for field in ("containers", "initContainers")
        for container in spec.get(field) or ()
    }
    names = set(others)
    for at, container in each(spec.get("ephemeralContainers"), f"{where}.ephemeralContainers"):
        yield from _check_container(container, at, pod)
        yield from check_image_spaces(container, at)
        name, target = container.get("name") or "", container.get("targetContainerName")
        if name in names:
            yield duplicate(f"{at}.name", name)
        names.add(name)
        if target and target not in others:
            yield not_found(f"{at}.targetContainerName", target)
        yield from _check_only_ephemeral(container, at)


def check_image_spaces(container: Container, where: str) -> Findings:
    """No space around the image; templates are not held to it."""
    image = container.get("image") or ""
    if image != image.strip():
        yield invalid(f"{where}.image", image, "must not have leading or trailing whitespace")


def _check_container(container: Container, where: str, pod: PodFacts) -> Findings:
    get = container.get
    name = get("name") or ""
    if not name:
        yield required(f"{where}.name")
    elif wrong := formats.dns_label(name):
        yield from invalid_each(f"{where}.name", name, wrong)
    if not get("image"):
        yield required(f"{where}.image")
    policy = get("terminationMessagePolicy")
    if policy and policy not in _TERMINATION_POLICIES:
        yield not_supported(f"{where}.terminationMessagePolicy", policy, _TERMINATION_POLICIES)
    if ports := get("ports"):
        yield from check_ports(ports, f"{where}.ports")
    if variables := get("env"):
        yield from check_env(variables, f"{where}.env")
    if sources := get("envFrom"):
        yield from check_env_from(sources, f"{where}.envFrom")
    if get("volumeMounts"):
        yield from check_mounts(container, where, pod)
    if get("volumeDevices"):
        yield from check_devices(container, where, pod)
    yield from check_pull_policy(get("imagePullPolicy"), f"{where}.imagePullPolicy")
    if resources := get("resources"):
        yield from check_resources(resources, f"{where}.resources", pod.claims)
    if policies := get("resizePolicy"):
        yield from check_resize_policy(policies, f"{where}.resizePolicy", pod)
    if context := get("securityContext"):
        yield from check_container_security(context, f"{where}.securityContext", pod)


def _check_running(container: Container, where: str, pod: PodFacts) -> Findings:
    if (lifecycle := container.get("lifecycle")) is not None:
        yield from check_lifecycle(lifecycle, f"{where}.lifecycle", pod)
    yield from check_probes(container, where, pod)


def _check_not_running(container: Container, where: str) -> Findings:
    for field in _RUNNING_FIELDS:
        if container.get(field) is not None:
            yield forbidden(
                f"{where}.{field}", "may not be set for init containers without restartPolicy=Always"
            )
    for at, policy in each(container.get("resizePolicy"), f"{where}.resizePolicy"):
        if policy.get("restartPolicy") == "RestartContainer":
            detail = "must not be set to 'RestartContainer' for non-sidecar initContainers"
            yield invalid(f"{at}.restartPolicy", "RestartContainer", detail)


def _check_only_ephemeral(container: Container, where: str) -> Findings:
    detail = "cannot be set for an Ephemeral Container"
    for field in _NOT_EPHEMERAL:
        if container.get(field) is not None:
            yield forbidden(f"{where}.{field}", detail)
    if any(value is not None for value in (container.get("resources") or {}).values()):
        yield forbidden(f"{where}.resources", detail)
    for at, mount in each(container.get("volumeMounts"), f"{where}.volumeMounts"):
        for field in ("subPath", "subPathExpr"):
            if mount.get(field):
                yield forbidden(f"{at}.{field}", detail)
