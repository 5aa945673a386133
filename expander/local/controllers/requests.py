"""What a pod asks for: what its containers request together, or its largest init container if that is more.

k8s.io/component-helpers/resource decides; sidecars count for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final, NamedTuple

from expander.base.quantity import parse
from expander.local.store.encoding import Object

_NOTHING: Final[Mapping[str, Any]] = {}


class Request(NamedTuple):
    """What a pod asks for: CPU in thousandths of a core, memory in bytes."""

    cpu: int
    memory: int

    def plus(self, other: Request) -> Request:
        """Both together."""
        return Request(self.cpu + other.cpu, self.memory + other.memory)


NONE: Final = Request(0, 0)


def pod_request(spec: Object) -> Request:
    """What the pod asks for altogether."""
    main, start, sidecars = NONE, NONE, NONE
    for container in spec.get("initContainers") or ():
        request = _request(container.get("resources"))
        if container.get("restartPolicy") == "Always":
            sidecars = sidecars.plus(request)
            start = _larger(start, sidecars)
        else:
            start = _larger(start, sidecars.plus(request))
    for container in spec["containers"]:
        main = main.plus(_request(container.get("resources")))
    whole = _larger(main.plus(sidecars), start)
    overall = (spec.get("resources") or _NOTHING).get("requests")
    if overall:
        own = _request(spec["resources"])
        whole = Request(
            own.cpu if "cpu" in overall else whole.cpu, own.memory if "memory" in overall else whole.memory
        )
    return whole.plus(_amounts(spec.get("overhead")))


def _request(resources: Mapping[str, Any] | None) -> Request:
    return _amounts(resources.get("requests")) if resources else NONE


def _amounts(amounts: Mapping[str, str] | None) -> Request:
    if not amounts:
        return NONE
    cpu: Fraction | int = parse(amounts["cpu"]) * 1000 if "cpu" in amounts else 0
    memory: Fraction | int = parse(amounts["memory"]) if "memory" in amounts else 0
    return Request(_up(cpu), _up(memory))


def _up(value: Fraction | int) -> int:
    return -int(-value // 1)


def _larger(one: Request, other: Request) -> Request:
    return Request(max(one.cpu, other.cpu), max(one.memory, other.memory))
