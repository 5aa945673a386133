"""The quality-of-service class of a pod (ComputePodQOS in pkg/apis/core/v1/helper/qos)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from expander.kube.quantity import parse

QUALITIES = ("cpu", "memory")
"""The resources that count."""


def quality(spec: Mapping[str, Any]) -> Literal["BestEffort", "Burstable", "Guaranteed"]:
    """The class: by what all containers request, and whether each limits cpu and memory to just that."""
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
        guaranteed = guaranteed and len(limits) == len(QUALITIES) and limits == requests
    if not asks:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _positive(amounts: Mapping[str, Any] | None) -> dict[str, Any]:
    found = {name: parse(str(amounts[name])) for name in QUALITIES if amounts and name in amounts}
    return {name: amount for name, amount in found.items() if amount > 0}
