"""Addresses and node ports of Services, given when one is created and when its type changes.

pkg/registry/core/service decides: ``patchAllocatedValues`` of its storage, ``dropTypeDependentFields`` of its
strategy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address, ip_network
from typing import Any, Final

from expander.local.store.database import Object
from expander.validate.finding import Finding
from expander.validate.rules.field import invalid
from expander.validate.rules.service import NODE_PORTS, WITH_NODE_PORTS

Listed = Callable[[str], Iterable[Object]]
"""Gives the objects of a kind that are there."""

CLUSTER_ADDRESSES: Final = "10.0.0.0/16"
"""The addresses that Services can have."""

_ADDRESS: Final = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
_OF_TYPES: Final = {
    "allocateLoadBalancerNodePorts": ("LoadBalancer",),
    "loadBalancerClass": ("LoadBalancer",),
}
"""Fields that go with the types that have them, unless the client changes them."""


def prepare_service(service: Object, listed: Listed) -> None:
    """A new Service gets an address of its own unless it is headless, and its ports ports of the node."""
    _allocate(service, listed)
    service["status"] = {"loadBalancer": {}}


def prepare_service_update(service: Object, old: Object, listed: Listed) -> None:
    """A changed Service keeps what it was given, and has what its type needs and no more."""
    spec, before = service["spec"], old["spec"]
    if _has_address(before) and _has_address(spec):
        if not spec.get("clusterIP"):
            spec["clusterIP"] = before["clusterIP"]
        if not spec.get("clusterIPs") and spec["clusterIP"] == before["clusterIP"]:
            spec["clusterIPs"] = before["clusterIPs"]
    elif _has_address(before):
        _drop_unchanged(spec, before, _ADDRESS)
    if _has_node_ports(before) and _has_node_ports(spec):
        _keep_node_ports(spec, before)
    elif _has_node_ports(before) and _node_ports(spec) == _node_ports(before):
        for port in spec.get("ports") or ():
            port.pop("nodePort", None)
    if spec["type"] not in WITH_NODE_PORTS and not spec.get("externalIPs"):
        _drop_unchanged(spec, before, ["externalTrafficPolicy"])
    for field, types in _OF_TYPES.items():
        if spec["type"] not in types and before["type"] in types:
            _drop_unchanged(spec, before, [field])
    _allocate(service, listed)


def check_allocated(service: Object, old: Object | None, listed: Listed) -> Iterator[Finding]:
    """What a Service, new or in the place of ``old``, asks for and cannot have: ``allocIPs`` and
    ``allocNodePorts`` of the storage decide, which stop at the first.
    """
    spec, before = service["spec"], old["spec"] if old else {}
    uid = service["metadata"]["uid"]
    others = [each["spec"] for each in listed("Service") if each["metadata"]["uid"] != uid]
    address = spec.get("clusterIP")
    if address not in (None, "None", before.get("clusterIP")) and ":" not in address:
        why = None
        if ip_address(address) not in ip_network(CLUSTER_ADDRESSES):
            why = "the provided network does not match the current range"
        elif any(address == each.get("clusterIP") for each in others):
            why = "provided IP is already allocated"
        if why is not None:
            detail = f"failed to allocate IP {address}: {why}"
            yield invalid("spec.clusterIPs", spec["clusterIPs"], detail)
            return
    taken = set[int]().union(*map(_node_ports, others)) - _node_ports(before)
    for index, port in enumerate(spec.get("ports") or ()):
        if port.get("nodePort") in taken:
            detail = "provided port is already allocated"
            yield invalid(f"spec.ports[{index}].nodePort", port["nodePort"], detail)
            return


def _has_address(spec: Object) -> bool:
    return bool(spec["type"] != "ExternalName")


def _has_node_ports(spec: Object) -> bool:
    return spec["type"] in WITH_NODE_PORTS and spec.get("allocateLoadBalancerNodePorts") is not False


def _drop_unchanged(spec: Object, before: Object, fields: Iterable[str]) -> None:
    for field in fields:
        if spec.get(field) == before.get(field):
            spec.pop(field, None)


def _node_ports(spec: Object) -> set[int]:
    return {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}


def _keep_node_ports(spec: Object, before: Object) -> None:
    """A port without one has that of the port of its name, unless another has it now."""
    held = {port.get("name"): port.get("nodePort") for port in before.get("ports") or ()}
    used = _node_ports(spec)
    for port in spec.get("ports") or ():
        number = held.get(port.get("name"))
        if not port.get("nodePort") and number and number not in used:
            port["nodePort"] = number
            used.add(number)


def _allocate(service: Object, listed: Listed) -> None:
    spec: dict[str, Any] = service["spec"]
    missing = _has_node_ports(spec) and [each for each in spec.get("ports") or () if not each.get("nodePort")]
    if _has_address(spec):
        if not spec.get("clusterIP"):
            spec["clusterIP"] = _free_address({each["spec"].get("clusterIP") for each in listed("Service")})
        spec.setdefault("clusterIPs", [spec["clusterIP"]])
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
    if missing:
        by_port = {each["port"]: each["nodePort"] for each in spec["ports"] if each.get("nodePort")}
        taken = _node_ports(spec).union(*(_node_ports(each["spec"]) for each in listed("Service")))
        free = (number for number in NODE_PORTS if number not in taken)
        for each in missing:  # one port number of two protocols has one port of the node
            number = by_port.get(each.get("port")) or next(free, None)
            if number is None:
                raise ValueError("all ports of the node are taken")
            each["nodePort"] = by_port[each.get("port")] = number


def _free_address(taken: set[str | None]) -> str:
    """The first of `CLUSTER_ADDRESSES` behind those of the cluster itself that nobody has."""
    for number in range(10, 65536):
        address = f"10.0.{number >> 8}.{number & 255}"
        if address not in taken:
            return address
    raise ValueError("all addresses for Services are taken")
