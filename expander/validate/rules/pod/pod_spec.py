"""The rules of a pod spec, in the order in which the server applies them.

A pod template, and a Pod: their spec, and what of their metadata concerns it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from expander.base.late_module import late_module
from expander.kube.versions import Release
from expander.kube.wellknown import PREEMPTION_POLICIES
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    between,
    each,
    forbidden,
    invalid_each,
    not_supported,
    required,
)
from expander.validate.rules.metadata import check_annotations, check_labels, check_metadata
from expander.validate.rules.pod.containers import (
    check_containers,
    check_ephemeral_containers,
    check_host_network_ports,
    check_image_spaces,
    check_init_containers,
)
from expander.validate.rules.pod.references import (
    TEMPLATE,
    ClaimOwner,
    PodFacts,
    gather,
    has_container_with,
)

if TYPE_CHECKING:
    from expander.validate.rules.pod import (
        annotations as pod_annotations,
    )
    from expander.validate.rules.pod import (
        env,
        network,
        resources,
        scheduling,
        security,
        volumes,
        windows,
    )
else:  # rules of fields that most pods do without
    pod_annotations = late_module("expander.validate.rules.pod.annotations")
    env = late_module("expander.validate.rules.pod.env")
    network = late_module("expander.validate.rules.pod.network")
    resources = late_module("expander.validate.rules.pod.resources")
    scheduling = late_module("expander.validate.rules.pod.scheduling")
    security = late_module("expander.validate.rules.pod.security")
    volumes = late_module("expander.validate.rules.pod.volumes")
    windows = late_module("expander.validate.rules.pod.windows")

Spec = Mapping[str, Any]

_RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
_DNS_POLICIES: Final = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_MAX_DEADLINE: Final = 2**31 - 1  # seconds


def check_pod_spec(spec: Spec, where: str, release: Release, owner: ClaimOwner = TEMPLATE) -> list[Finding]:
    """What the API server would refuse in ``spec``, the pod spec at the path ``where``.

    ``spec`` passed the schema; fields the server would set by default may be there or left out. ``owner``
    says whether it belongs to a Pod, and of what name, or to a template. Decided by ``ValidatePodSpec``
    of pkg/apis/core/validation.
    """
    sound: Mapping[str, Any] = EMPTY
    found: list[Finding] = []
    if given := spec.get("volumes"):
        sound, found = volumes.check_volumes(given, f"{where}.volumes", owner)
    pod = gather(spec, release, sound, bare=owner.bare)
    found += _check_running_parts(spec, where, pod)
    found += _check_surroundings(spec, where, pod)
    found += _check_names(spec, where, release)
    found += _check_placement(spec, where)
    return found


def _check_running_parts(spec: Spec, where: str, pod: PodFacts) -> Findings:
    if claims := spec.get("resourceClaims"):
        yield from scheduling.check_resource_claims(claims, f"{where}.resourceClaims")
    yield from check_containers(spec, where, pod)
    if spec.get("initContainers"):
        yield from check_init_containers(spec, where, pod)
    if spec.get("ephemeralContainers"):
        yield from check_ephemeral_containers(spec, where, pod)
    if spec.get("resources") is not None:
        yield from resources.check_pod_resources(spec, f"{where}.resources", pod.claims)
    if spec.get("hostNetwork"):
        containers = spec.get("containers") or ()
        yield from check_host_network_ports(containers, f"{where}.containers", bare=pod.bare)
    if pod.restart_policy not in _RESTART_POLICIES:
        yield not_supported(f"{where}.restartPolicy", pod.restart_policy, _RESTART_POLICIES)


def _check_surroundings(spec: Spec, where: str, pod: PodFacts) -> Findings:
    get = spec.get
    dns_policy = get("dnsPolicy") or "ClusterFirst"
    if dns_policy not in _DNS_POLICIES:
        yield not_supported(f"{where}.dnsPolicy", dns_policy, _DNS_POLICIES)
    if selector := get("nodeSelector"):
        yield from check_labels(selector, f"{where}.nodeSelector")
    if context := get("securityContext"):
        yield from security.check_pod_security(context, f"{where}.securityContext", spec, pod.release)
    if get("shareProcessNamespace"):
        yield from network.check_shared_processes(spec, f"{where}.securityContext")
    if affinity := get("affinity"):
        yield from scheduling.check_affinity(affinity, f"{where}.affinity", pod.release)
    config = get("dnsConfig")
    if config is not None or dns_policy == "None":
        yield from network.check_dns_config(config, dns_policy, f"{where}.dnsConfig", pod.release)
    if gates := get("readinessGates"):
        yield from scheduling.check_readiness_gates(gates, f"{where}.readinessGates")
    if gates := get("schedulingGates"):
        yield from scheduling.check_scheduling_gates(gates, f"{where}.schedulingGates")
    if constraints := get("topologySpreadConstraints"):
        yield from scheduling.check_spread(constraints, f"{where}.topologySpreadConstraints", pod.release)
    if context or has_container_with("securityContext", spec):
        yield from windows.check_host_process(spec, where)
    if get("hostUsers") is False:
        yield from network.check_own_users(spec, where, pod.release)
    override = get("hostnameOverride")
    if override is not None:
        yield from network.check_hostname_override(override, f"{where}.hostnameOverride", spec)


def _check_names(spec: Spec, where: str, release: Release) -> Findings:
    get = spec.get
    if account := get("serviceAccountName") or get("serviceAccount"):
        yield from invalid_each(f"{where}.serviceAccountName", account, formats.dns_subdomain(account))
    if node := get("nodeName"):
        yield from invalid_each(f"{where}.nodeName", node, formats.dns_subdomain(node))
    deadline = get("activeDeadlineSeconds")
    if deadline is not None:
        yield from between(deadline, 1, _MAX_DEADLINE, f"{where}.activeDeadlineSeconds")
    for field in ("hostname", "subdomain"):
        if name := get(field):
            yield from invalid_each(f"{where}.{field}", name, formats.dns_label(name))
    if tolerations := get("tolerations"):
        yield from scheduling.check_tolerations(tolerations, f"{where}.tolerations", release)
    if aliases := get("hostAliases"):
        yield from network.check_host_aliases(aliases, f"{where}.hostAliases", release)


def _check_placement(spec: Spec, where: str) -> Findings:
    get = spec.get
    if priority := get("priorityClassName"):
        yield from invalid_each(f"{where}.priorityClassName", priority, formats.dns_subdomain(priority))
    runtime = get("runtimeClassName")
    if runtime is not None:
        yield from invalid_each(f"{where}.runtimeClassName", runtime, formats.dns_subdomain(runtime))
    preemption = get("preemptionPolicy")
    if preemption == "":
        yield required(f"{where}.preemptionPolicy")
    elif preemption is not None and preemption not in PREEMPTION_POLICIES:
        yield not_supported(f"{where}.preemptionPolicy", preemption, PREEMPTION_POLICIES)
    if overhead := get("overhead"):
        yield from resources.check_resources({"limits": overhead}, f"{where}.overhead")
    if get("os") is not None:
        yield from windows.check_os(spec, where)
    if has_container_with("env", spec):
        yield from env.check_file_volumes(spec, where)


def check_pod_template(template: Mapping[str, Any], where: str, release: Release) -> list[Finding]:
    """What the API server would refuse in a pod template at the path ``where``.

    Findings on labels and annotations are at ``template.labels`` and ``template.annotations``, without
    ``metadata``, as the server has them. Decided by ``ValidatePodTemplateSpec`` of pkg/apis/core/validation.
    """
    spec: Mapping[str, Any] = template.get("spec") or EMPTY
    metadata: Mapping[str, Any] = template.get("metadata") or EMPTY
    found: list[Finding] = []
    if labels := metadata.get("labels"):
        found += check_labels(labels, f"{where}.labels")
    given = metadata.get("annotations")
    if given:
        found += check_annotations(given, f"{where}.annotations")
        found += pod_annotations.check_pod_annotations(given, f"{where}.annotations", spec, release)
    found += check_pod_spec(spec, f"{where}.spec", release)
    if given:
        found += pod_annotations.check_profiles_agree(given, spec, f"{where}.spec")
    if spec.get("ephemeralContainers"):
        at = f"{where}.spec.ephemeralContainers"
        found.append(forbidden(at, "ephemeral containers not allowed in pod template"))
    return found


def check_pod(pod: Mapping[str, Any], release: Release) -> list[Finding]:
    """What the API server would refuse in a new Pod, its general metadata apart.

    Decided by ``ValidatePodCreate`` of pkg/apis/core/validation.
    """
    spec: Mapping[str, Any] = pod.get("spec") or EMPTY
    metadata: Mapping[str, Any] = pod.get("metadata") or EMPTY
    given: Mapping[str, Any] = metadata.get("annotations") or EMPTY
    owner = ClaimOwner(metadata.get("name") or "", bare=True)
    return [
        *pod_annotations.check_pod_annotations(given, "metadata.annotations", spec, release),
        *check_pod_spec(spec, "spec", release, owner),
        *_check_bare(spec),
        *pod_annotations.check_profiles_agree(given, spec, "spec"),
    ]


def _check_bare(spec: Mapping[str, Any]) -> Findings:
    """Rules for which a template is too early: images without spaces, no node yet.

    That a pod with a token names its account cannot fail: the ServiceAccount plugin names it before.
    """
    for field in ("containers", "initContainers"):
        for at, container in each(spec.get(field), f"spec.{field}"):
            yield from check_image_spaces(container, at)
    if spec.get("ephemeralContainers"):
        yield forbidden("spec.ephemeralContainers", "cannot be set on create")
    if spec.get("nodeName") and spec.get("schedulingGates"):
        yield forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared")


def check_whole_pod(pod: Mapping[str, Any], release: Release) -> list[Finding]:
    """A Pod object."""
    return check_metadata(pod.get("metadata") or EMPTY) + check_pod(pod, release)


def check_template_object(obj: Mapping[str, Any], release: Release) -> list[Finding]:
    """A PodTemplate object."""
    found = check_metadata(obj.get("metadata") or EMPTY)
    return found + check_pod_template(obj.get("template") or EMPTY, "template", release)
