"""Where the pods behind a Service listen (``FindPort`` of pkg/api/v1/pod decides)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def target_ports(port: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> Iterator[int]:
    """The numbers at which pods listen for a port of their Service; a name is that of a port of theirs."""
    target, protocol = port.get("targetPort") or port["port"], port.get("protocol") or "TCP"
    if not isinstance(target, str):
        yield target
        return
    for pod in pods:
        for container in pod["spec"]["containers"]:
            for each in container.get("ports") or ():
                if each.get("name") == target and (each.get("protocol") or "TCP") == protocol:
                    yield each["containerPort"]
