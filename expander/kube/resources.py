"""Resource lists: what a pod requests, and sums of quantities.

k8s.io/component-helpers/resource decides: a pod requests what its containers request together, or its largest
init container if that is more; sidecars count for both. Sums keep the form of the first amount that is not
zero (``resource.Quantity.Add``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Final, Literal

from expander.base.named_tuple import NamedTuple
from expander.kube.objects import MutableObject as Object
from expander.kube.quantity import Form, Quantity, parse, quantity

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
        if resources := container.get("resources"):
            main = main.plus(_request(resources))
    whole = main if start is NONE else _larger(main.plus(sidecars), start)
    overall = (spec.get("resources") or _NOTHING).get("requests")
    if overall:
        own = _request(spec["resources"])
        whole = Request(
            own.cpu if "cpu" in overall else whole.cpu, own.memory if "memory" in overall else whole.memory
        )
    overhead = spec.get("overhead")
    return whole.plus(_amounts(overhead)) if overhead else whole


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


Amounts = dict[str, Quantity]

ZERO: Final = Quantity(Fraction(0), Form.DECIMAL_SI)
ONE: Final = Quantity(Fraction(1), Form.DECIMAL_SI)


def read(texts: Mapping[str, Any] | None) -> Amounts:
    """The amounts of a list in an object."""
    return {name: quantity(str(text)) for name, text in (texts or {}).items()}


def written(amounts: Amounts) -> dict[str, str]:
    """The list as it stands in an object."""
    return {name: str(amount) for name, amount in sorted(amounts.items())}


def listed(amounts: Amounts) -> str:
    """The list as messages have it: ``cpu=1,pods=2``."""
    return ",".join(f"{name}={amount}" for name, amount in sorted(amounts.items()))


def total(lists: Iterable[Amounts]) -> Amounts:
    """All together."""
    found: Amounts = {}
    for amounts in lists:
        for name, amount in amounts.items():
            found[name] = plus(found[name], amount) if name in found else amount
    return found


def plus(one: Quantity, other: Quantity, times: int = 1) -> Quantity:
    """``one`` and ``times`` the ``other``."""
    return Quantity(one.value + times * other.value, other.form if one.value == 0 else one.form)


def largest(one: Amounts, other: Amounts) -> Amounts:
    """Of each resource the larger amount."""
    found = dict(one)
    for name, amount in other.items():
        if name not in found or found[name].value < amount.value:
            found[name] = amount
    return found


def of_pod(spec: Mapping[str, Any], field: str) -> Amounts:
    """What a pod asks for altogether; ``field`` is ``requests`` or ``limits``.

    k8s.io/component-helpers/resource decides: the containers and sidecars together, or what an init
    container needs beside the sidecars before it; the pod's own amounts come first; overhead is added, to
    limits only where there is one.
    """
    whole = _of_containers(spec, field) | _of(spec, field)
    overhead = read(spec.get("overhead"))
    if field == "limits":
        overhead = {name: amount for name, amount in overhead.items() if name in whole}
    return total((whole, overhead))


def _of_containers(spec: Mapping[str, Any], field: str) -> Amounts:
    """What the containers of a pod ask for altogether."""
    main = total(_of(container, field) for container in spec.get("containers") or ())
    sidecars: Amounts = {}
    start: Amounts = {}
    for container in spec.get("initContainers") or ():
        own = _of(container, field)
        if container.get("restartPolicy") == "Always":
            sidecars = total((sidecars, own))
            start = largest(start, sidecars)
        else:
            start = largest(start, total((sidecars, own)))
    return largest(total((main, sidecars)), start)


def with_requests(spec: Object) -> Object:
    """The spec of a new pod in which a resource that has a limit and no request is requested to that limit.

    SetDefaults_Pod and defaultPodRequests (pkg/apis/core/v1) decide: what the pod as a whole requests is,
    where it has limits, first what its containers request together. ``spec`` is not changed.
    """
    made = spec
    for kind in ("containers", "initContainers"):
        parts = spec.get(kind) or ()
        if any(map(_lacks_requests, parts)):
            made = {**made, kind: [_requesting(part) if _lacks_requests(part) else part for part in parts]}
    if _lacks_requests(spec):
        defaults = {**spec["resources"]["limits"], **written(_of_containers(made, "requests"))}
        made = _requesting(made, {name: defaults[name] for name in defaults if _is_pod_level(name)})
    return made


def _is_pod_level(resource: str) -> bool:
    """Whether a pod may ask for the resource as a whole."""
    return resource in ("cpu", "memory") or resource.startswith("hugepages-")


def _lacks_requests(holder: Object) -> bool:
    """Whether a container, or a pod as a whole, limits what it does not request."""
    resources = holder.get("resources") or _NOTHING
    limits = resources.get("limits") or _NOTHING
    return bool(limits) and not limits.keys() <= (resources.get("requests") or _NOTHING).keys()


def _requesting(holder: Object, defaults: Mapping[str, Any] | None = None) -> Object:
    resources = holder["resources"]
    defaults = resources["limits"] if defaults is None else defaults
    requests = {**defaults, **(resources.get("requests") or _NOTHING)}
    return {**holder, "resources": {**resources, "requests": requests}}


def _of(holder: Mapping[str, Any], field: str) -> Amounts:
    return read((holder.get("resources") or {}).get(field))


QOS_RESOURCES: Final = ("cpu", "memory")
"""The resources that count for the quality-of-service class."""


def qos_class(spec: Mapping[str, Any]) -> Literal["BestEffort", "Burstable", "Guaranteed"]:
    """The class: by what all containers request, and whether each limits cpu and memory to just that.

    ComputePodQOS (pkg/apis/core/v1/helper/qos) decides.
    """
    guaranteed, asks = True, False
    for container in [*spec["containers"], *(spec.get("initContainers") or ())]:
        resources = container.get("resources")
        limits, requests = (resources.get("limits"), resources.get("requests")) if resources else (None, None)
        if not limits and not requests:
            guaranteed = False
            continue
        limits = _positive(limits)
        requests = limits | _positive(requests)
        asks = asks or bool(requests)
        guaranteed = guaranteed and len(limits) == len(QOS_RESOURCES) and limits == requests
    if not asks:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _positive(amounts: Mapping[str, Any] | None) -> dict[str, Any]:
    found = {name: parse(str(amounts[name])) for name in QOS_RESOURCES if amounts and name in amounts}
    return {name: amount for name, amount in found.items() if amount > 0}
