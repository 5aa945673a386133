"""Ports of containers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.validate.rules import formats
from expander.validate.rules.checks import (
    Findings,
    duplicate,
    each,
    invalid,
    invalid_each,
    not_supported,
    required,
)

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
