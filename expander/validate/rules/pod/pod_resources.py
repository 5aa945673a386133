"""Requests and limits of the pod as a whole (``spec.resources``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from expander.validate.rules.checks import Findings, each, forbidden, invalid, key
from expander.validate.rules.pod.resource_names import check_pod_resource
from expander.validate.rules.pod.resources import check_resources
from expander.validate.rules.quantities import Quantity, parse_or_zero


def check_pod_resources(spec: Mapping[str, Any], where: str) -> Findings:
    """What the pod asks for covers what its containers ask for, resource by resource."""
    resources: Mapping[str, Any] = spec["resources"]
    if resources.get("claims") is not None:
        yield forbidden(f"{where}.claims", "claims cannot be set for Resources at pod-level")
    yield from check_resources(resources, where, name_rule=check_pod_resource)
    requests: Mapping[str, Any] = resources.get("requests") or {}
    for name, total in _aggregate_requests(spec).items():
        if name in requests and total > parse_or_zero(requests[name]).nanos:
            amount = Quantity(total, parse_or_zero(requests[name]).family)
            detail = f"must be greater than or equal to aggregate container requests of {amount}"
            yield invalid(key(f"{where}.requests", name), str(parse_or_zero(requests[name])), detail)
    yield from _check_container_limits(spec, resources.get("limits") or {}, where)


def _check_container_limits(spec: Mapping[str, Any], limits: Mapping[str, Any], where: str) -> Findings:
    for at, container in each(spec.get("containers"), f"{where}.containers"):
        for name, text in ((container.get("resources") or {}).get("limits") or {}).items():
            if name in limits and parse_or_zero(text).nanos > parse_or_zero(limits[name]).nanos:
                detail = f"must be less than or equal to pod limits of {parse_or_zero(limits[name])}"
                yield invalid(f"{key(at, name)}.limits", str(parse_or_zero(text)), detail)


def _aggregate_requests(spec: Mapping[str, Any]) -> Counter[str]:
    """Billionths of each resource at the pod's busiest moment.

    Containers and sidecars run together; an init container runs beside the sidecars started before it.
    """
    total: Counter[str] = Counter()
    for _, container in each(spec.get("containers"), ""):
        total += _requests(container)
    sidecars: Counter[str] = Counter()
    peak: Counter[str] = Counter()
    for _, container in each(spec.get("initContainers"), ""):
        if container.get("restartPolicy") == "Always":
            sidecars += _requests(container)
            peak |= sidecars
        else:
            peak |= sidecars + _requests(container)
    return (total + sidecars) | peak


def _requests(container: Mapping[str, Any]) -> Counter[str]:
    amounts = (container.get("resources") or {}).get("requests") or {}
    return Counter({name: parse_or_zero(text).nanos for name, text in amounts.items()})
