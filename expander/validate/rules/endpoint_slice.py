"""EndpointSlices and Endpoints (``ValidateEndpointSlice`` of pkg/apis/discovery/validation, and
``ValidateEndpoints`` of pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.addresses import ip_address, ip_rule, ordinary_ip, parse_ip
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    duplicate,
    each,
    immutable,
    invalid,
    invalid_each,
    not_supported,
    required,
    texts,
    too_many,
)
from expander.validate.rules.metadata import check_metadata
from expander.validate.rules.pod.containers import PROTOCOLS

Object = Mapping[str, Any]

TYPES: Final = ("FQDN", "IPv4", "IPv6")
MAX_ENDPOINTS: Final = 1000
MAX_ADDRESSES: Final = 100
MAX_PORTS: Final = 20_000
MAX_HINTS: Final = 8
ADDRESSES: Final = ("addresses", "notReadyAddresses")
"""Of a subset of Endpoints."""


def fill(obj: dict[str, Any]) -> None:
    """The defaults of its ports."""
    for port in obj.get("ports", ()):
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def check_endpoint_slice(obj: Object, release: Release) -> list[Finding]:
    """A new EndpointSlice with its defaults."""
    kind = obj.get("addressType") or ""
    found = check_metadata(obj.get("metadata") or EMPTY)
    if not kind:
        found.append(required("addressType"))
    elif kind not in TYPES:
        found.append(not_supported("addressType", kind, TYPES))
    return [*found, *_check_endpoints(obj, kind, ip_rule(release)), *_check_ports(obj)]


def fill_endpoints(obj: dict[str, Any]) -> None:
    """The protocol of the ports of Endpoints."""
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            port.setdefault("protocol", "TCP")


def check_endpoints(obj: Object, release: Release) -> list[Finding]:
    """New Endpoints with their defaults."""
    found = check_metadata(obj.get("metadata") or EMPTY)
    rule = ip_rule(release)
    for at, subset in each(obj.get("subsets"), "subsets"):
        if not any(subset.get(field) for field in ADDRESSES):
            found.append(required(at, f"must specify `{ADDRESSES[0]}` or `{ADDRESSES[1]}`"))
        for field in ADDRESSES:
            for address_at, address in each(subset.get(field), f"{at}.{field}"):
                found += _check_endpoint_address(address, address_at, rule)
        ports = subset.get("ports") or ()
        for port_at, port in each(ports, f"{at}.ports"):
            found += _check_endpoint_port(port, port_at, named=len(ports) > 1)
    return found


def check_slice_changes(new: Object, old: Object, release: Release) -> Findings:
    """The type of the addresses stays."""
    if new.get("addressType") != old.get("addressType"):
        yield immutable("addressType", new.get("addressType"))


def _check_endpoints(obj: Object, kind: str, rule: formats.Rule) -> Findings:
    endpoints = obj.get("endpoints") or ()
    if len(endpoints) > MAX_ENDPOINTS:
        yield too_many("endpoints", len(endpoints), MAX_ENDPOINTS)
        return
    for at, endpoint in each(endpoints, "endpoints"):
        addresses = endpoint.get("addresses") or ()
        if not addresses:
            yield required(f"{at}.addresses", "must contain at least 1 address")
        elif len(addresses) > MAX_ADDRESSES:
            yield too_many(f"{at}.addresses", len(addresses), MAX_ADDRESSES)
        for address_at, address in texts(addresses, f"{at}.addresses"):
            yield from _check_address(address, kind, address_at, rule)
        if node := endpoint.get("nodeName"):
            yield from invalid_each(f"{at}.nodeName", node, formats.dns_subdomain(node))
        hostname = endpoint.get("hostname")
        if hostname is not None:
            yield from invalid_each(f"{at}.hostname", hostname, formats.dns_label(hostname))
        yield from _check_hints(endpoint.get("hints") or EMPTY, f"{at}.hints")


def _check_address(address: str, kind: str, where: str, rule: formats.Rule) -> Findings:
    if kind == "FQDN":
        yield from _check_domain(address, where)
    elif kind in ("IPv4", "IPv6"):
        yield from invalid_each(where, address, rule(address))
        if ip_address(address):
            return
        if parse_ip(address).version != int(kind[-1]):
            yield invalid(where, address, f"must be an {kind} address")
        yield from invalid_each(where, address, ordinary_ip(address))


def _check_endpoint_address(address: Object, where: str, rule: formats.Rule) -> Findings:
    ip, hostname, node = address.get("ip") or "", address.get("hostname"), address.get("nodeName")
    yield from invalid_each(f"{where}.ip", ip, rule(ip))
    if hostname:
        yield from invalid_each(f"{where}.hostname", hostname, formats.dns_label(hostname))
    if node is not None:
        yield from invalid_each(f"{where}.nodeName", node, formats.dns_subdomain(node))
    if not ip_address(ip):
        yield from invalid_each(f"{where}.ip", ip, ordinary_ip(ip))


def _check_endpoint_port(port: Object, where: str, *, named: bool) -> Findings:
    name, number, protocol = port.get("name") or "", port.get("port") or 0, port.get("protocol") or ""
    if named and not name:
        yield required(f"{where}.name")
    elif name:
        yield from invalid_each(f"{where}.name", name, formats.dns_label(name))
    yield from invalid_each(f"{where}.port", number, formats.port_number(number))
    yield from _check_protocols(port, protocol, where)


def _check_protocols(port: Object, protocol: str, where: str) -> Findings:
    if protocol not in PROTOCOLS:
        yield not_supported(f"{where}.protocol", protocol, PROTOCOLS)
    application = port.get("appProtocol")
    if application is not None:
        yield from invalid_each(f"{where}.appProtocol", application, formats.qualified_name(application))


def _check_domain(name: str, where: str) -> Findings:
    """A domain name of two labels or more (``IsFullyQualifiedDomainName``)."""
    text = name.removesuffix(".")
    if not name:
        yield required(where)
    elif wrong := formats.dns_subdomain(text):
        yield invalid(where, text, ",".join(wrong))
    elif "." not in text:
        yield invalid(where, text, "should be a domain with at least two segments separated by dots")
    else:
        for label in text.split("."):
            if wrong := formats.dns_label(label):
                yield invalid(where, label, ",".join(wrong))
                return


def _check_hints(hints: Object, where: str) -> Findings:
    for field, rule in (("forZones", formats.label_value), ("forNodes", formats.dns_subdomain)):
        entries, seen = hints.get(field) or (), set()
        if len(entries) > MAX_HINTS:
            yield too_many(f"{where}.{field}", len(entries), MAX_HINTS)
            continue
        for at, entry in each(entries, f"{where}.{field}"):
            name = entry.get("name") or ""
            if name in seen:
                yield duplicate(f"{at}.name", name)
            seen.add(name)
            yield from invalid_each(f"{at}.name", name, rule(name))


def _check_ports(obj: Object) -> Findings:
    ports, names = obj.get("ports") or (), set()
    if len(ports) > MAX_PORTS:
        yield too_many("ports", len(ports), MAX_PORTS)
        return
    for at, port in each(ports, "ports"):
        name, protocol = port.get("name") or "", port.get("protocol")
        if name:
            yield from invalid_each(f"{at}.name", name, formats.dns_label(name))
        if name in names:
            yield duplicate(f"{at}.name", name)
        names.add(name)
        yield from _check_protocols(port, protocol, at)
