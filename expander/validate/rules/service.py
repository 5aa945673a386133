"""Services (``ValidateService`` of pkg/apis/core/validation): what a batch's own Services use of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    between,
    duplicate,
    each,
    forbidden,
    invalid,
    invalid_each,
    not_supported,
    required,
    texts,
)
from expander.validate.rules.metadata import check_labels, check_metadata

Spec = Mapping[str, Any]

TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
AFFINITIES: Final = ("ClientIP", "None")
PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
POLICIES: Final = ("Cluster", "Local")
FAMILY_POLICIES: Final = ("PreferDualStack", "RequireDualStack", "SingleStack")
MAX_AFFINITY_SECONDS: Final = 86_400


def check_service(service: Mapping[str, Any], release: Release) -> list[Finding]:
    """What the API server would refuse in a new Service with its defaults."""
    spec = service.get("spec") or EMPTY
    relaxed = release.has("RelaxedServiceNameValidation")
    name_rule = formats.dns_label if relaxed else formats.dns_1035_label
    return [
        *check_metadata(service.get("metadata") or EMPTY, name_rule, keeps_generation=True),
        *_check_type(spec),
        *_check_ports(spec),
        *_check_affinity(spec),
        *_check_addresses(spec, formats.ip_rule(release)),
        *_check_policies(spec),
    ]


def _check_type(spec: Spec) -> Findings:
    kind, addresses = spec.get("type") or "", spec.get("clusterIPs") or [spec.get("clusterIP")]
    headless = addresses[0] == "None"
    if not spec.get("ports") and not headless and kind != "ExternalName":
        yield required("spec.ports")
    if kind in ("LoadBalancer", "NodePort") and headless:
        yield invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services")
    if kind == "ExternalName":
        name = (spec.get("externalName") or "").removesuffix(".")
        if spec.get("clusterIP"):
            yield forbidden("spec.clusterIPs", "may not be set for ExternalName services")
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
        protocol = port.get("protocol") or "TCP"
        if (protocol, number) in taken:
            yield duplicate(at, {"protocol": protocol, "port": number})
        taken.add((protocol, number))
        if port.get("nodePort") and spec.get("type") in ("ClusterIP", "ExternalName"):
            yield forbidden(f"{at}.nodePort", "may not be used when `type` is 'ClusterIP'")


def _check_port_target(port: Mapping[str, Any], where: str) -> Findings:
    protocol, target = port.get("protocol") or "TCP", port.get("targetPort")
    if protocol not in PROTOCOLS:
        yield not_supported(f"{where}.protocol", protocol, PROTOCOLS)
    if isinstance(target, str):
        yield from invalid_each(f"{where}.targetPort", target, formats.port_name(target))
    elif target is not None:
        yield from invalid_each(f"{where}.targetPort", target, formats.port_number(target))
    if name := port.get("appProtocol"):
        yield from invalid_each(f"{where}.appProtocol", name, formats.qualified_name(name))


def _check_affinity(spec: Spec) -> Findings:
    affinity = spec.get("sessionAffinity") or "None"
    if affinity not in AFFINITIES:
        yield not_supported("spec.sessionAffinity", affinity, AFFINITIES)
    config = spec.get("sessionAffinityConfig")
    if affinity == "ClientIP":
        seconds = ((config or EMPTY).get("clientIP") or EMPTY).get("timeoutSeconds")
        where = "spec.sessionAffinityConfig.clientIP.timeoutSeconds"
        if seconds is not None and not 0 < seconds <= MAX_AFFINITY_SECONDS:
            detail = f"must be greater than 0 and less than {MAX_AFFINITY_SECONDS}"
            yield invalid(where, seconds, detail)
    elif affinity == "None" and config is not None:
        detail = "must not be set when session affinity is None"
        yield forbidden("spec.sessionAffinityConfig", detail)


def _check_addresses(spec: Spec, ip_rule: formats.Rule) -> Findings:
    for index, address in enumerate(spec.get("clusterIPs") or filter(None, [spec.get("clusterIP")])):
        if address != "None":
            yield from invalid_each(f"spec.clusterIPs[{index}]", address, ip_rule(address))
    for at, address in texts(spec.get("externalIPs"), "spec.externalIPs"):
        yield from invalid_each(at, address, ip_rule(address))
    health = spec.get("healthCheckNodePort") or 0
    if health:
        yield from between(health, 1, 65535, "spec.healthCheckNodePort")


def _check_policies(spec: Spec) -> Findings:
    for field, allowed in (
        ("externalTrafficPolicy", POLICIES),
        ("internalTrafficPolicy", POLICIES),
        ("ipFamilyPolicy", FAMILY_POLICIES),
    ):
        value = spec.get(field)
        if value and value not in allowed:
            yield not_supported(f"spec.{field}", value, allowed)
    external = spec.get("type") in ("LoadBalancer", "NodePort") or spec.get("externalIPs")
    if spec.get("externalTrafficPolicy") and not external:
        detail = "may only be set for externally-accessible services"
        yield invalid("spec.externalTrafficPolicy", spec["externalTrafficPolicy"], detail)
    for field in ("loadBalancerIP", "loadBalancerClass", "loadBalancerSourceRanges"):
        if field != "loadBalancerIP" and spec.get(field) and spec.get("type") != "LoadBalancer":
            yield forbidden(f"spec.{field}", "may only be used when `type` is 'LoadBalancer'")
