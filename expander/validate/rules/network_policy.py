"""NetworkPolicies (``ValidateNetworkPolicy`` of pkg/apis/networking/validation)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.addresses import cidr, cidr_rule, parse_cidr
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    each,
    forbidden,
    invalid,
    invalid_each,
    not_supported,
    required,
    texts,
)
from expander.validate.rules.metadata import check_label_selector, check_metadata

Object = Mapping[str, Any]

_PEERS: Final = ("podSelector", "namespaceSelector", "ipBlock")
PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
POLICY_TYPES: Final = ("Ingress", "Egress")
SIDES: Final = {"ingress": "from", "egress": "to"}
"""The directions of traffic, and the field of a rule that has the other side."""


def fill(obj: dict[str, Any]) -> None:
    """The defaults: TCP, and the directions that rules are about."""
    spec = obj["spec"]
    for side in SIDES:
        for rule in spec.get(side, ()):
            for port in rule.get("ports", ()):
                port.setdefault("protocol", "TCP")
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def check_network_policy(obj: Object, release: Release) -> list[Finding]:
    """A new NetworkPolicy with its defaults."""
    spec = obj.get("spec") or EMPTY
    found = check_metadata(obj.get("metadata") or EMPTY)
    found += check_label_selector(spec.get("podSelector") or EMPTY, "spec.podSelector")
    for side, others in SIDES.items():
        for at, rule in each(spec.get(side), f"spec.{side}"):
            for port_at, port in each(rule.get("ports"), f"{at}.ports"):
                found += _check_port(port, port_at)
            for peer_at, peer in each(rule.get(others), f"{at}.{others}"):
                found += _check_peer(peer, peer_at, cidr_rule(release))
    return [*found, *_check_types(spec)]


def _check_types(spec: Object) -> Findings:
    types = spec.get("policyTypes") or ()
    if len(types) > len(POLICY_TYPES):
        yield invalid("spec.policyTypes", types, "may not specify more than two policyTypes")
        return
    for at, name in texts(types, "spec.policyTypes"):
        if name not in POLICY_TYPES:
            yield not_supported(at, name, POLICY_TYPES)


def _check_port(rule: Object, where: str) -> Findings:
    protocol, port, end = rule.get("protocol"), rule.get("port"), rule.get("endPort")
    if protocol is not None and protocol not in PROTOCOLS:
        yield not_supported(f"{where}.protocol", protocol, PROTOCOLS)
    if isinstance(port, int):
        yield from invalid_each(f"{where}.port", port, formats.port_number(port))
        if end is not None:
            if end < port:
                yield invalid(f"{where}.endPort", end, "must be greater than or equal to `port`")
            yield from invalid_each(f"{where}.endPort", end, formats.port_number(end))
        return
    if end is not None:
        state = "not specified" if port is None else "non-numeric"
        yield invalid(f"{where}.endPort", end, f"may not be specified when `port` is {state}")
    if port is not None:
        yield from invalid_each(f"{where}.port", port, formats.port_name(port))


def _check_peer(peer: Object, where: str, rule: formats.Rule) -> Findings:
    given = [field for field in _PEERS if peer.get(field) is not None]
    for field in given:
        if field == "ipBlock":
            yield from _check_block(peer[field], f"{where}.ipBlock", rule)
        else:
            yield from check_label_selector(peer[field], f"{where}.{field}")
    if not given:
        yield required(where, "must specify a peer")
    elif len(given) > 1 and "ipBlock" in given:
        yield forbidden(where, "may not specify both ipBlock and another peer")


def _check_block(block: Object, where: str, rule: formats.Rule) -> Findings:
    whole = block.get("cidr") or ""
    if not whole:
        yield required(f"{where}.cidr")
        return
    yield from invalid_each(f"{where}.cidr", whole, rule(whole))
    if cidr(whole):
        return
    outer = parse_cidr(whole)
    for at, text in texts(block.get("except"), f"{where}.except"):
        yield from invalid_each(at, text, rule(text))
        if cidr(text):
            continue
        inner = parse_cidr(text)
        if inner.version != outer.version or inner == outer or not inner.subnet_of(outer):  # type: ignore[arg-type]
            yield invalid(at, text, "must be a strict subset of `cidr`")
