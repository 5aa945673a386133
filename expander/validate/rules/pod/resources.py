"""Requests and limits of containers.

Names of resources: which are Kubernetes' own, which a device plugin may add, how each is counted.

Requests and limits of the pod as a whole (``spec.resources``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from expander.kube.quantity import Quantity
from expander.validate.rules import formats
from expander.validate.rules.core import amount, check_quantity, is_whole, whole_units
from expander.validate.rules.field import (
    NOT_NEGATIVE,
    Findings,
    duplicate,
    each,
    forbidden,
    invalid,
    invalid_each,
    key,
    not_found,
    not_supported,
    required,
)

CONTAINER_RESOURCES: Final = frozenset(("cpu", "memory", "ephemeral-storage"))
_HUGE_PAGES: Final = "hugepages-"
COUNTED_OBJECTS: Final = frozenset(
    (
        "pods",
        "services",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    )
)
_STANDARD: Final = (
    CONTAINER_RESOURCES
    | COUNTED_OBJECTS
    | {f"{part}.{name}" for part in ("requests", "limits") for name in CONTAINER_RESOURCES}
    | {"storage", "requests.storage"}
)


def is_huge_pages(name: str) -> bool:
    """``hugepages-2Mi`` and its like."""
    return name.startswith(_HUGE_PAGES)


def is_native(name: str) -> bool:
    """A resource of Kubernetes itself: no prefix, or one of ``kubernetes.io``."""
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    """A resource of a device plugin, ``vendor.example/device``."""
    return (
        not is_native(name)
        and not name.startswith("requests.")
        and not formats.qualified_name(f"requests.{name}")
    )


def is_counted(name: str) -> bool:
    """Resources that come in whole numbers: counts of objects and extended resources."""
    return name in COUNTED_OBJECTS or is_extended(name)


def may_overcommit(name: str) -> bool:
    """Resources of which a container may request less than its limit."""
    return is_native(name) and not is_huge_pages(name)


def fits_huge_pages(name: str, given: Quantity) -> bool:
    """The amount is a multiple of the size of page in the name."""
    page = amount(name.removeprefix(_HUGE_PAGES))
    return page.value > 0 and is_whole(page) and whole_units(given) % whole_units(page) == 0


def check_resource_name(name: str, where: str) -> Findings:
    """The name of a resource: a standard one, or one with a prefix."""
    wrong = formats.qualified_name(name)
    if wrong:
        yield from invalid_each(where, name, wrong)
    elif "/" not in name and not _is_standard(name):
        yield invalid(where, name, "must be a standard resource type or fully qualified")


def check_container_resource(name: str, where: str) -> Findings:
    """A resource a container may ask for."""
    yield from check_resource_name(name, where)
    if "/" not in name:
        if name not in CONTAINER_RESOURCES and not is_huge_pages(name):
            yield invalid(where, name, "must be a standard resource for containers")
    elif not is_native(name) and not is_extended(name):
        yield invalid(where, name, "doesn't follow extended resource name standard")


def check_pod_resource(name: str, where: str) -> Findings:
    """A resource that may be asked for by the pod as a whole."""
    wrong = formats.qualified_name(name)
    if wrong:
        yield from invalid_each(where, name, wrong)
    elif name not in ("cpu", "memory") and not is_huge_pages(name):
        yield not_supported(where, name, ("cpu", _HUGE_PAGES, "memory"))


def _is_standard(name: str) -> bool:
    return name in _STANDARD or name.startswith((_HUGE_PAGES, f"requests.{_HUGE_PAGES}"))


NameRule = Callable[[str, str], Findings]
_COMPUTE: Final = frozenset(("cpu", "memory"))


def check_resources(
    resources: Mapping[str, Any],
    where: str,
    claims: frozenset[str] = frozenset(),
    name_rule: NameRule = check_container_resource,
) -> Findings:
    """Amounts are of known resources and not negative, and a request is at most its limit.

    ``claims`` are the names a ``claims`` entry may use, ``name_rule`` decides which resources are known.
    """
    limits: Mapping[str, Any] = resources.get("limits") or {}
    requests: Mapping[str, Any] = resources.get("requests") or {}
    for name, text in limits.items():
        at = key(f"{where}.limits", name)
        yield from name_rule(name, at)
        yield from check_quantity(text, at)
        yield from check_amount(name, amount(text), at)
    for name, text in requests.items():
        at, request = key(f"{where}.requests", name), amount(text)
        yield from name_rule(name, at)
        yield from check_quantity(text, at)
        yield from check_amount(name, request, at)
        yield from _check_against_limit(name, request, limits, where)
    names = (*limits, *requests)
    if _COMPUTE.isdisjoint(names) and any(map(is_huge_pages, names)):
        yield forbidden(where, "HugePages require cpu or memory")
    if used := resources.get("claims"):
        yield from _check_claims(used, f"{where}.claims", claims)


def check_amount(name: str, given: Quantity, where: str) -> Findings:
    """The amount of one resource: not negative, whole where the resource is, whole pages of huge pages."""
    if given.value < 0:
        yield invalid(where, str(given), NOT_NEGATIVE)
    if is_counted(name) and not is_whole(given):
        yield invalid(where, given, "must be an integer")
    if is_huge_pages(name) and not fits_huge_pages(name, given):
        yield invalid(where, str(given), f"{given} is not positive integer multiple of {name}")


def _check_against_limit(name: str, request: Quantity, limits: Mapping[str, Any], where: str) -> Findings:
    exact = not may_overcommit(name)
    if name not in limits:
        if exact:
            yield required(f"{where}.limits", "Limit must be set for non overcommitable resources")
        return
    limit = amount(limits[name])
    if exact and request.value != limit.value:
        yield invalid(f"{where}.requests", str(request), f"must be equal to {name} limit of {limit}")
    elif request.value > limit.value:
        detail = f"must be less than or equal to {name} limit of {limit}"
        yield invalid(f"{where}.requests", str(request), detail)


def _check_claims(claims: Sequence[Any], where: str, known: frozenset[str]) -> Findings:
    """A claim of the pod is used once, as a whole or by one request of it at a time."""
    used: set[str] = set()
    for at, claim in each(claims, where):
        name, request = claim.get("name") or "", claim.get("request") or ""
        if not name:
            yield required(at)
            continue
        if name in used:
            yield duplicate(at, name)
        else:
            if request:
                yield from invalid_each(f"{at}.request", request, formats.dns_label(request))
            use = f"{name}/{request}" if request else name
            parts = sum(1 for other in used if other.startswith(f"{name}/"))
            if use in used:
                yield duplicate(at, use)
            elif not request:
                yield from (duplicate(at, name) for _ in range(parts))
            used.add(use)
        if name not in known:
            names = f": {', '.join(sorted(known))}" if known else " which is empty"
            yield not_found(at, name, f"must be one of the names in pod.spec.resourceClaims{names}")


_NANO: Final = 10**9

Spec = Mapping[str, Any]


def check_pod_resources(spec: Spec, where: str, claims: frozenset[str]) -> Findings:
    """What the pod asks for covers what its containers ask for; ``where`` is the path of ``resources``."""
    resources: Spec = spec["resources"]
    if (spec.get("os") or {}).get("name") == "windows":
        yield forbidden(where, "may not be set for a windows pod")
        return
    if resources.get("claims") is not None:
        yield forbidden(f"{where}.claims", "claims may not be set for Resources at pod-level")
    yield from check_resources(resources, where, claims, check_pod_resource)
    yield from _check_covers(spec, "requests", where)
    yield from _check_covers(spec, "limits", where)
    yield from _check_container_limits(spec, resources.get("limits") or {}, where)


def _check_covers(spec: Spec, kind: str, where: str) -> Findings:
    """Requests of any resource, and limits of huge pages, are at least those of all containers together."""
    given: Spec = spec["resources"].get(kind) or {}
    for name, total in _aggregate(spec, kind).items():
        if name not in given or (kind == "limits" and not is_huge_pages(name)):
            continue
        pod = amount(given[name])
        if total > _nanos(pod):
            needed = Quantity(Fraction(total, _NANO), pod.form)
            detail = f"must be greater than or equal to aggregate container {kind} of {needed}"
            yield invalid(key(f"{where}.{kind}", name), str(pod), detail)


def _check_container_limits(spec: Spec, limits: Spec, where: str) -> Findings:
    for at, container in each(spec.get("containers"), f"{where}.containers"):
        for name, text in ((container.get("resources") or {}).get("limits") or {}).items():
            if name in limits and amount(text).value > amount(limits[name]).value:
                detail = f"must be less than or equal to pod limits of {amount(limits[name])}"
                yield invalid(f"{key(at, name)}.limits", str(amount(text)), detail)


def _aggregate(spec: Spec, kind: str) -> Counter[str]:
    """Billionths of each resource at the pod's busiest moment.

    Containers and sidecars run together; an init container runs beside the sidecars started before it.
    """
    total: Counter[str] = Counter()
    for _, container in each(spec.get("containers"), ""):
        total += _amounts(container, kind)
    sidecars: Counter[str] = Counter()
    peak: Counter[str] = Counter()
    for _, container in each(spec.get("initContainers"), ""):
        if container.get("restartPolicy") == "Always":
            sidecars += _amounts(container, kind)
            peak |= sidecars
        else:
            peak |= sidecars + _amounts(container, kind)
    return (total + sidecars) | peak


def _amounts(container: Spec, kind: str) -> Counter[str]:
    given = (container.get("resources") or {}).get(kind) or {}
    return Counter({name: _nanos(amount(text)) for name, text in given.items()})


def _nanos(given: Quantity) -> int:
    return int(given.value * _NANO)
