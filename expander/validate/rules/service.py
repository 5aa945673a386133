"""Services (``ValidateService`` of pkg/apis/core/validation, and what the registry checks before it)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.kube.versions import Release
from expander.kube.wellknown import TOPOLOGY_HINTS, TOPOLOGY_MODE
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.addresses import cidr_rule, ip_rule, ordinary_ip, parse_ip
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    duplicate,
    each,
    forbidden,
    invalid,
    invalid_each,
    key,
    not_supported,
    required,
    texts,
)
from expander.validate.rules.metadata import check_labels, check_metadata
from expander.validate.rules.pod.containers import PROTOCOLS

Spec = Mapping[str, Any]

TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
WITH_NODE_PORTS: Final = ("LoadBalancer", "NodePort")
AFFINITIES: Final = ("ClientIP", "None")
POLICIES: Final = ("Cluster", "Local")
FAMILIES: Final = ("IPv4", "IPv6")
FAMILY_POLICIES: Final = ("PreferDualStack", "RequireDualStack", "SingleStack")
NEAR: Final = ("PreferClose", "PreferSameNode", "PreferSameZone")
MAX_AFFINITY_SECONDS: Final = 86_400
NODE_PORTS: Final = range(30_000, 32_768)
"""What ``--service-node-port-range`` of the API server is unless it is set."""

_RANGES: Final = "service.beta.kubernetes.io/load-balancer-source-ranges"
_ONLY_BALANCED: Final = "may only be used when `type` is 'LoadBalancer'"


def check_service(service: Mapping[str, Any], release: Release) -> list[Finding]:
    """What the API server would refuse in a new Service with its defaults.

    Addresses and ports are allocated first: what is wrong there is all that the server says.
    """
    spec = service.get("spec") or EMPTY
    return [*_check_allocation(spec, release)] or _check_rest(service, spec, release)


def _check_rest(service: Mapping[str, Any], spec: Spec, release: Release) -> list[Finding]:
    metadata = service.get("metadata") or EMPTY
    annotations = metadata.get("annotations") or EMPTY
    relaxed = release.has("RelaxedServiceNameValidation")
    name_rule = formats.dns_label if relaxed else formats.dns_1035_label
    return [
        *check_metadata(metadata, name_rule, keeps_generation=True),
        *_check_annotations(annotations),
        *_check_type(spec),
        *_check_ports(spec),
        *_check_affinity(spec),
        *_check_external_addresses(spec, ip_rule(release)),
        *_check_balancer(spec, annotations, cidr_rule(release)),
        *_check_policies(spec),
        *_check_distribution(spec.get("trafficDistribution"), release),
    ]


def _addresses(spec: Spec) -> Sequence[str]:
    """The cluster's addresses of the Service; one that is given by itself is the first."""
    first = spec.get("clusterIP")
    return spec.get("clusterIPs") or ([first] if first else [])


def _is_headless(spec: Spec) -> bool:
    return list(_addresses(spec)) == ["None"]


def _check_allocation(spec: Spec, release: Release) -> Findings:
    kind = spec.get("type") or ""
    wrong = [] if kind == "ExternalName" else [*_check_cluster_addresses(spec, ip_rule(release))]
    if kind != "ExternalName" and not wrong:
        wrong = [*_check_families_agree(spec)]
    if kind in WITH_NODE_PORTS and not wrong:
        wrong = [*_check_node_ports(spec)][:1]
    yield from wrong


def _check_cluster_addresses(spec: Spec, rule: formats.Rule) -> Findings:
    addresses, first, where = _addresses(spec), spec.get("clusterIP") or "", "spec.clusterIPs"
    found: list[Finding] = []
    if first and addresses[0] != first:
        found.append(invalid(where, addresses, "first value must match `clusterIP`"))
    elif not first and addresses:
        found.append(invalid(where, addresses, "must be empty when `clusterIP` is not specified"))
    found += _check_families(spec)
    malformed: list[Finding] = []
    for index, address in enumerate(addresses):
        if index == 0 and address == "None":
            if len(addresses) > 1:
                malformed.append(invalid(where, addresses, "'None' must be the first and only value"))
        else:
            malformed += invalid_each(f"{where}[{index}]", address or "", rule(address or ""))
    found += malformed
    if len(addresses) > 2:
        found.append(invalid(where, addresses, "may only hold up to 2 values"))
    if not malformed and len(addresses) > 1:
        versions = [parse_ip(address).version for address in addresses]
        if len(addresses) > 2 or len(set(versions)) < 2:
            found.append(invalid(where, addresses, "may specify no more than one IP for each IP family"))
    yield from found
    if not found and not _is_headless(spec):
        yield from _check_versions(addresses, spec.get("ipFamilies") or ())


def _check_families(spec: Spec) -> Findings:
    seen: set[str] = set()
    for at, family in texts(spec.get("ipFamilies"), "spec.ipFamilies"):
        if family not in FAMILIES:
            yield not_supported(at, family, FAMILIES)
        if family in seen:
            yield duplicate(at, family)
        seen.add(family)
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in FAMILY_POLICIES:
        yield not_supported("spec.ipFamilyPolicy", policy, FAMILY_POLICIES)


def _check_versions(addresses: Sequence[str], families: Sequence[str]) -> Findings:
    for index, (address, family) in enumerate(zip(addresses, families, strict=False)):
        if parse_ip(address).version != int(family[-1]):
            detail = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            yield invalid(f"spec.clusterIPs[{index}]", address, detail)


def _check_families_agree(spec: Spec) -> Findings:
    """A Service of one family does not ask for two."""
    if spec.get("ipFamilyPolicy") != "SingleStack":
        return
    for field, values in (("clusterIPs", _addresses(spec)), ("ipFamilies", spec.get("ipFamilies") or ())):
        if len(values) == 2:
            detail = f"must be RequireDualStack or PreferDualStack when multiple '{field}' are specified"
            yield invalid("spec.ipFamilyPolicy", "SingleStack", detail)


def _check_node_ports(spec: Spec) -> Findings:
    """Ports of nodes are in their range and taken once; the first that is not is the one that is named."""
    taken: dict[int, int] = {}
    for at, port in each(spec.get("ports"), "spec.ports"):
        number, own = port.get("nodePort") or 0, port.get("port") or 0
        if number and number not in NODE_PORTS:
            span = f"{NODE_PORTS.start}-{NODE_PORTS.stop - 1}"
            detail = f"provided port is not in the valid range. The range of valid ports is {span}"
            yield invalid(f"{at}.nodePort", number, detail)
        elif number and taken.setdefault(number, own) != own:
            yield invalid(f"{at}.nodePort", number, "provided port is already allocated")


def _check_annotations(annotations: Mapping[str, Any]) -> Findings:
    hints, mode = annotations.get(TOPOLOGY_HINTS), annotations.get(TOPOLOGY_MODE)
    if hints is not None and mode is not None and hints != mode:
        detail = f"must match annotations[{TOPOLOGY_HINTS}] when both are specified"
        yield invalid(key("metadata.annotations", TOPOLOGY_MODE), mode, detail)


def _check_type(spec: Spec) -> Findings:
    kind, headless = spec.get("type") or "", _is_headless(spec)
    if not spec.get("ports") and not headless and kind != "ExternalName":
        yield required("spec.ports")
    if kind in WITH_NODE_PORTS and headless:
        yield invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services")
    if kind == "ExternalName":
        for field in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            given = _addresses(spec) if field == "clusterIPs" else spec.get(field)
            if given or (given is not None and field == "ipFamilyPolicy"):
                yield forbidden(f"spec.{field}", "may not be set for ExternalName services")
        name = (spec.get("externalName") or "").removesuffix(".")
        if name:
            yield from invalid_each("spec.externalName", name, formats.dns_subdomain(name))
        else:
            yield required("spec.externalName")
    if not kind:
        yield required("spec.type")
    elif kind not in TYPES:
        yield not_supported("spec.type", kind, TYPES)
    if selector := spec.get("selector"):
        yield from check_labels(selector, "spec.selector")


def _check_ports(spec: Spec) -> Findings:
    ports: Sequence[Mapping[str, Any]] = spec.get("ports") or ()
    names: set[str] = set()
    taken: set[tuple[str, int]] = set()
    on_nodes: set[tuple[str, int]] = set()
    for at, port in each(ports, "spec.ports"):
        name, number = port.get("name") or "", port.get("port") or 0
        if name:
            yield from invalid_each(f"{at}.name", name, formats.dns_label(name))
            if name in names:
                yield duplicate(f"{at}.name", name)
            names.add(name)
        elif len(ports) > 1:
            yield required(f"{at}.name")
        yield from invalid_each(f"{at}.port", number, formats.port_number(number))
        yield from _check_port_target(port, at)
        protocol, node = port.get("protocol") or "TCP", port.get("nodePort") or 0
        if node and spec.get("type") == "ClusterIP":
            yield forbidden(f"{at}.nodePort", "may not be used when `type` is 'ClusterIP'")
        if node and (protocol, node) in on_nodes:
            yield duplicate(f"{at}.nodePort", node)
        on_nodes.add((protocol, node))
        if (protocol, number) in taken:
            yield duplicate(at, _printed_port(protocol, number))
        taken.add((protocol, number))


def _printed_port(protocol: str, number: int) -> dict[str, Any]:
    """What the server compares of a port, as it prints its own struct."""
    return {
        **{"Name": "", "Protocol": protocol, "AppProtocol": None},
        **{"Port": number, "TargetPort": 0, "NodePort": 0},
    }


def _check_port_target(port: Mapping[str, Any], where: str) -> Findings:
    protocol, target = port.get("protocol") or "TCP", port.get("targetPort")
    application = port.get("appProtocol")
    if protocol not in PROTOCOLS:
        yield not_supported(f"{where}.protocol", protocol, PROTOCOLS)
    if isinstance(target, str):
        yield from invalid_each(f"{where}.targetPort", target, formats.port_name(target))
    elif target is not None:
        yield from invalid_each(f"{where}.targetPort", target, formats.port_number(target))
    if application is not None:
        yield from invalid_each(f"{where}.appProtocol", application, formats.qualified_name(application))


def _check_affinity(spec: Spec) -> Findings:
    affinity = spec.get("sessionAffinity") or "None"
    if affinity not in AFFINITIES:
        yield not_supported("spec.sessionAffinity", affinity, AFFINITIES)
    if affinity == "ClientIP":
        config = spec.get("sessionAffinityConfig") or EMPTY
        seconds = (config.get("clientIP") or EMPTY).get("timeoutSeconds")
        where = "spec.sessionAffinityConfig.clientIP.timeoutSeconds"
        if seconds is not None and not 0 < seconds <= MAX_AFFINITY_SECONDS:
            detail = f"must be greater than 0 and less than {MAX_AFFINITY_SECONDS}"
            yield invalid(where, seconds, detail)


def _check_external_addresses(spec: Spec, rule: formats.Rule) -> Findings:
    for at, address in texts(spec.get("externalIPs"), "spec.externalIPs"):
        yield from invalid_each(at, address, rule(address) or ordinary_ip(address))


def _check_balancer(spec: Spec, annotations: Mapping[str, Any], rule: formats.Rule) -> Findings:
    """What a load balancer lets in, and which one it is; findings on ranges are at a path of their own."""
    balanced = spec.get("type") == "LoadBalancer"
    ranges, written = spec.get("loadBalancerSourceRanges"), annotations.get(_RANGES)
    where = "spec.LoadBalancerSourceRanges" if ranges else key("metadata.annotations", _RANGES)
    if (ranges or written is not None) and not balanced:
        yield forbidden(where, _ONLY_BALANCED)
    if ranges:
        for at, text in texts(ranges, where):
            yield from invalid_each(at, text.strip(), rule(text.strip()))
    elif written and written.strip():
        for text in map(str.strip, written.strip().split(",")):
            yield from invalid_each(where, text, rule(text))
    if spec.get("allocateLoadBalancerNodePorts") is not None and not balanced:
        yield forbidden("spec.allocateLoadBalancerNodePorts", _ONLY_BALANCED)
    name = spec.get("loadBalancerClass")
    if name is not None:
        if balanced:
            yield from invalid_each("spec.loadBalancerClass", name, formats.qualified_name(name))
        else:
            yield forbidden("spec.loadBalancerClass", _ONLY_BALANCED)


def _check_policies(spec: Spec) -> Findings:
    kind, policy = spec.get("type"), spec.get("externalTrafficPolicy") or ""
    external = kind in WITH_NODE_PORTS or (kind == "ClusterIP" and spec.get("externalIPs"))
    if policy and not external:
        detail = "may only be set for externally-accessible services"
        yield invalid("spec.externalTrafficPolicy", policy, detail)
    elif policy and policy not in POLICIES:
        yield not_supported("spec.externalTrafficPolicy", policy, POLICIES)
    health, where = spec.get("healthCheckNodePort") or 0, "spec.healthCheckNodePort"
    if kind == "LoadBalancer" and policy == "Local":
        if health:
            yield from invalid_each(where, health, formats.port_number(health))
    elif health:
        detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        yield invalid(where, health, detail)
    internal = spec.get("internalTrafficPolicy")
    if internal is not None and internal not in POLICIES:
        yield not_supported("spec.internalTrafficPolicy", internal, POLICIES)


def _check_distribution(name: str | None, release: Release) -> Findings:
    known = NEAR if release.has("PreferSameTrafficDistribution") else NEAR[:1]
    if name is not None and name not in known:
        yield not_supported("spec.trafficDistribution", name, known)
