"""Requests and limits of the pod as a whole (``spec.resources``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from expander.kube.quantity import Quantity
from expander.validate.rules.amounts import amount
from expander.validate.rules.checks import Findings, each, forbidden, invalid, key
from expander.validate.rules.pod.resource_names import check_pod_resource, is_huge_pages
from expander.validate.rules.pod.resources import check_resources

_NANO: Final = 10**9

Spec = Mapping[str, Any]


def check_pod_resources(spec: Spec, where: str) -> Findings:
    """What the pod asks for covers what its containers ask for; ``where`` is the path of ``resources``."""
    resources: Spec = spec["resources"]
    if (spec.get("os") or {}).get("name") == "windows":
        yield forbidden(where, "may not be set for a windows pod")
        return
    if resources.get("claims") is not None:
        yield forbidden(f"{where}.claims", "claims may not be set for Resources at pod-level")
    yield from check_resources(resources, where, name_rule=check_pod_resource)
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
