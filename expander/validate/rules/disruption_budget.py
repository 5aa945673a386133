"""PodDisruptionBudgets (``ValidatePodDisruptionBudget`` of pkg/apis/policy/validation)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.field import EMPTY, Findings, invalid, not_supported
from expander.validate.rules.metadata import check_label_selector, check_metadata
from expander.validate.rules.workloads import check_amount, check_at_most_all

EVICTION_POLICIES: Final = ("AlwaysAllow", "IfHealthyBudget")


def check_disruption_budget(obj: Mapping[str, Any], release: Release) -> list[Finding]:
    """A new PodDisruptionBudget; its metadata is looked at when its spec is right, and its name is free."""
    found = [*_check_spec(obj.get("spec") or EMPTY)]
    return found or check_metadata(obj.get("metadata") or EMPTY, formats.path_segment)


def _check_spec(spec: Mapping[str, Any]) -> Findings:
    amounts = {field: spec.get(field) for field in ("minAvailable", "maxUnavailable")}
    if None not in amounts.values():
        yield invalid("spec", _printed(spec), "minAvailable and maxUnavailable cannot be both set")
    for field, value in amounts.items():
        if value is not None:
            yield from check_amount(value, f"spec.{field}")
            yield from check_at_most_all(value, f"spec.{field}")
    yield from check_label_selector(spec.get("selector"), "spec.selector")
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in EVICTION_POLICIES:
        yield not_supported("spec.unhealthyPodEvictionPolicy", policy, EVICTION_POLICIES)


def _printed(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec as the server prints its own struct."""
    fields = ("minAvailable", "selector", "maxUnavailable", "unhealthyPodEvictionPolicy")
    return {field[0].upper() + field[1:]: spec.get(field) for field in fields}
