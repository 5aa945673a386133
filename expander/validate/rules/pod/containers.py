"""The three lists of containers: what all share, and what each kind may not say.

When an image is pulled.

Ports of containers.

When a container is restarted, and what a resize does to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from expander.base.late_module import late_module
from expander.kube.versions import Release
from expander.validate.rules import formats
from expander.validate.rules.field import (
    Findings,
    duplicate,
    each,
    forbidden,
    invalid,
    invalid_each,
    not_found,
    not_supported,
    required,
    too_long,
    too_many,
)
from expander.validate.rules.pod.references import PodFacts

if TYPE_CHECKING:
    from expander.validate.rules.pod import env, mounts, probes, resources, security
else:  # rules of fields that many containers do without
    env = late_module("expander.validate.rules.pod.env")
    mounts = late_module("expander.validate.rules.pod.mounts")
    probes = late_module("expander.validate.rules.pod.probes")
    resources = late_module("expander.validate.rules.pod.resources")
    security = late_module("expander.validate.rules.pod.security")

_PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")


def check_pull_policy(policy: str | None, where: str) -> Findings:
    """A known policy; one that is left out is set by the server from the tag."""
    if policy and policy not in _PULL_POLICIES:
        yield not_supported(where, policy, _PULL_POLICIES)


PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
Containers = Sequence[Mapping[str, Any] | None]


def check_ports(ports: Sequence[Any], where: str) -> Findings:
    """The ports of one container: numbers in range, names well formed and unique, a known protocol."""
    names: set[str] = set()
    for at, port in each(ports, where):
        if name := port.get("name"):
            wrong = formats.port_name(name)
            if not wrong and name in names:
                yield duplicate(f"{at}.name", name)
            yield from invalid_each(f"{at}.name", name, wrong)
            if not wrong:
                names.add(name)
        number = port.get("containerPort") or 0
        if number == 0:
            yield required(f"{at}.containerPort")
        else:
            yield from invalid_each(f"{at}.containerPort", number, formats.port_number(number))
        if host := port.get("hostPort"):
            yield from invalid_each(f"{at}.hostPort", host, formats.port_number(host))
        protocol = port.get("protocol") or "TCP"
        if protocol not in PROTOCOLS:
            yield not_supported(f"{at}.protocol", protocol, PROTOCOLS)


def check_host_ports(containers: Containers, where: str) -> Findings:
    """A port of the node is taken once by protocol, address and number among ``containers``."""
    taken: set[str] = set()
    for at, container in each(containers, where):
        for port_at, port in each(container.get("ports"), f"{at}.ports"):
            if not port.get("hostPort"):
                continue
            key = f"{port.get('protocol') or 'TCP'}/{port.get('hostIP') or ''}/{port['hostPort']}"
            if key in taken:
                yield duplicate(f"{port_at}.hostPort", key)
            taken.add(key)


def check_host_network_ports(containers: Containers, where: str, *, bare: bool) -> Findings:
    """On the node's network a host port is the container's port; a template may leave it out."""
    for at, container in each(containers, where):
        for port_at, port in each(container.get("ports"), f"{at}.ports"):
            host = port.get("hostPort") or 0
            if bare and not host:
                continue  # the server sets it in a Pod that leaves it out
            if host and host != (port.get("containerPort") or 0):
                detail = "must match `containerPort` when `hostNetwork` is true"
                yield invalid(f"{port_at}.hostPort", host, detail)


_POLICIES: Final = ("Always", "Never", "OnFailure")
_ACTIONS: Final = ("Restart", "RestartAllContainers")
_SIDECAR: Final = "Always"
_OPERATORS: Final = ("In", "NotIn")
_MAX_RULES: Final = 20
_MAX_EXIT_CODES: Final = 255
_RESIZED: Final = ("cpu", "memory")
_RESIZE_POLICIES: Final = ("NotRequired", "RestartContainer")


def check_restart_policy(
    container: Mapping[str, Any], where: str, release: Release, *, init: bool = False
) -> Findings:
    """``restartPolicy`` of the container itself, and the rules that go before it.

    The server does not look at the rules of an init container that has no policy.
    """
    policy, rules = container.get("restartPolicy"), container.get("restartPolicyRules") or ()
    if not release.has("ContainerRestartRules"):
        yield from _check_only_sidecars(policy, f"{where}.restartPolicy", init=init)
        return
    if policy is not None and policy not in _POLICIES:
        yield not_supported(f"{where}.restartPolicy", policy, _POLICIES)
    if policy is None and rules:
        yield required(f"{where}.restartPolicy", "must specify restartPolicy when restart rules are used")
        if init:
            return
    actions = _ACTIONS if release.has("RestartAllContainersOnContainerExits") else _ACTIONS[:1]
    if init and policy == _SIDECAR and rules and actions is not _ACTIONS:
        detail = "restartPolicyRules are not allowed for init containers with restart policy Always"
        yield forbidden(f"{where}.restartPolicyRules", detail)
        return
    yield from _check_length(rules, _MAX_RULES, f"{where}.restartPolicyRules", release)
    for at, rule in each(rules, f"{where}.restartPolicyRules"):
        yield from _check_rule(rule, at, actions, release)


def _check_only_sidecars(policy: str | None, where: str, *, init: bool) -> Findings:
    """Releases whose only policy of a container is that of a sidecar."""
    if policy is not None and not init:
        yield forbidden(where, "may not be set for non-init containers")
    elif policy not in (None, _SIDECAR):
        yield not_supported(where, policy, (_SIDECAR,))


def _check_length(entries: Sequence[Any], limit: int, where: str, release: Release) -> Findings:
    """At most ``limit`` entries; 1.35 takes them for bytes."""
    if len(entries) > limit:
        yield too_many(where, len(entries), limit) if release >= (1, 36) else too_long(where, limit)


def _check_rule(rule: Mapping[str, Any], where: str, actions: Sequence[str], release: Release) -> Findings:
    action, codes = rule.get("action") or "", rule.get("exitCodes")
    if action not in actions:
        yield not_supported(f"{where}.action", action, actions)
    if codes is None:
        yield required(f"{where}.exitCodes", "must be specified")
        return
    operator, values = codes.get("operator") or "", codes.get("values") or ()
    if operator not in _OPERATORS:
        yield not_supported(f"{where}.exitCodes.operator", operator, _OPERATORS)
    yield from _check_length(values, _MAX_EXIT_CODES, f"{where}.exitCodes.values", release)


def check_resize_policy(policies: Sequence[Any], where: str, pod: PodFacts) -> Findings:
    """One policy for cpu and one for memory; in a pod that never restarts none may ask for a restart."""
    whose = "pod `restartPolicy`" if pod.release >= (1, 36) else "`restartPolicy`"
    seen: set[str] = set()
    for at, policy in each(policies, where):
        resource, restart = policy.get("resourceName") or "", policy.get("restartPolicy") or ""
        if resource in seen:
            yield duplicate(at, resource)
        seen.add(resource)
        yield from _check_choice(resource, _RESIZED, where)
        yield from _check_choice(restart, _RESIZE_POLICIES, where)
        if pod.restart_policy == "Never" and restart != "NotRequired":
            yield invalid(where, restart, f"must be 'NotRequired' when {whose} is 'Never'")


def _check_choice(value: str, allowed: tuple[str, ...], where: str) -> Findings:
    if not value:
        yield required(where)
    elif value not in allowed:
        yield not_supported(where, value, allowed)


Container = Mapping[str, Any]

_TERMINATION_POLICIES: Final = ("File", "FallbackToLogsOnError")
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_RUNNING_FIELDS: Final = ("lifecycle", *_PROBES)
_NOT_EPHEMERAL: Final = (
    *("ports", "resizePolicy", "restartPolicy", "restartPolicyRules"),
    *(*_PROBES, "lifecycle"),
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
        yield from check_restart_policy(container, at, pod.release)
    yield from check_host_ports(containers, where)


def check_init_containers(spec: Mapping[str, Any], where: str, pod: PodFacts) -> Findings:
    """Names differ from those of containers too; only sidecars, which keep running, have hooks and probes."""
    names = {(container or {}).get("name") or "" for container in spec.get("containers") or ()}
    where = f"{where}.initContainers"
    for at, container in each(spec.get("initContainers"), where):
        yield from _check_container(container, at, pod)
        yield from check_restart_policy(container, at, pod.release, init=True)
        name = container.get("name") or ""
        if name in names:
            yield duplicate(f"{at}.name", name)
        elif name:
            names.add(name)
        yield from check_host_ports([container], where)
        if container.get("restartPolicy") == "Always":
            yield from _check_running(container, at, pod)
        else:
            yield from _check_not_running(container, at, pod.release)


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
        yield from env.check_env(variables, f"{where}.env", pod.release)
    if sources := get("envFrom"):
        yield from env.check_env_from(sources, f"{where}.envFrom", pod.release)
    if get("volumeMounts"):
        yield from mounts.check_mounts(container, where, pod)
    if get("volumeDevices"):
        yield from mounts.check_devices(container, where, pod)
    yield from check_pull_policy(get("imagePullPolicy"), f"{where}.imagePullPolicy")
    if amounts := get("resources"):
        yield from resources.check_resources(amounts, f"{where}.resources", pod.claims)
    if policies := get("resizePolicy"):
        yield from check_resize_policy(policies, f"{where}.resizePolicy", pod)
    if context := get("securityContext"):
        yield from security.check_container_security(context, f"{where}.securityContext", pod)


def _check_running(container: Container, where: str, pod: PodFacts) -> Findings:
    if (lifecycle := container.get("lifecycle")) is not None:
        yield from probes.check_lifecycle(lifecycle, f"{where}.lifecycle", pod)
    if any(container.get(probe) is not None for probe in _PROBES):
        yield from probes.check_probes(container, where, pod)


def _check_not_running(container: Container, where: str, release: Release) -> Findings:
    for field in _RUNNING_FIELDS:
        if container.get(field) is not None:
            yield forbidden(
                f"{where}.{field}", "may not be set for init containers without restartPolicy=Always"
            )
    for at, policy in each(container.get("resizePolicy"), f"{where}.resizePolicy"):
        if release >= (1, 36) and policy.get("restartPolicy") == "RestartContainer":
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
