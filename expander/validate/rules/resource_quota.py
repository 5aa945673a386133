"""ResourceQuotas (``ValidateResourceQuota`` of pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.amounts import amount, check_quantity, is_whole
from expander.validate.rules.checks import (
    EMPTY,
    NOT_NEGATIVE,
    Findings,
    each,
    invalid,
    invalid_each,
    key,
    not_supported,
    texts,
)
from expander.validate.rules.metadata import check_metadata

COUNTED: Final = frozenset(
    "pods services replicationcontrollers resourcequotas secrets configmaps persistentvolumeclaims "
    "services.nodeports services.loadbalancers".split()
)
MEASURED: Final = frozenset(
    "cpu memory ephemeral-storage requests.cpu requests.memory requests.storage requests.ephemeral-storage "
    "limits.cpu limits.memory limits.ephemeral-storage".split()
)
SCOPES: Final = (
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
    "VolumeAttributesClass",
)
OPERATORS: Final = ("In", "NotIn", "Exists", "DoesNotExist")
_EXISTS_ONLY: Final = frozenset(SCOPES) - {"PriorityClass", "VolumeAttributesClass"}
_CONFLICTS: Final = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})


def check_resource_quota(quota: Mapping[str, Any]) -> list[Finding]:
    """What the API server would refuse in a new ResourceQuota."""
    spec = quota.get("spec") or EMPTY
    return [
        *check_metadata(quota.get("metadata") or EMPTY, keeps_generation=True),
        *_check_hard(spec.get("hard") or EMPTY),
        *_check_scopes(spec),
        *_check_scope_selector(spec.get("scopeSelector") or EMPTY),
    ]


def _check_hard(hard: Mapping[str, Any]) -> Findings:
    for name, text in hard.items():
        at = key("spec.hard", name)
        yield from invalid_each(at, name, formats.qualified_name(name))
        if "/" not in name and name not in COUNTED | MEASURED:
            yield invalid(at, name, "must be a standard resource for quotas")
        yield from check_quantity(text, at)
        found = amount(text)
        if found.value < 0:
            yield invalid(at, found, NOT_NEGATIVE)
        if name in COUNTED and not is_whole(found):
            yield invalid(at, found, "must be an integer")


def _check_scopes(spec: Mapping[str, Any]) -> Findings:
    scopes = set(spec.get("scopes") or ())
    for _, scope in texts(spec.get("scopes"), "spec.scopes"):
        if scope not in SCOPES:
            yield invalid("spec.scopes", spec["scopes"], "unsupported scope")
    for pair in _CONFLICTS:
        if pair <= scopes:
            yield invalid("spec.scopes", spec["scopes"], "conflicting scopes")


def _check_scope_selector(selector: Mapping[str, Any]) -> Findings:
    where = "spec.scopeSelector.matchExpressions"
    for _, expression in each(selector.get("matchExpressions"), where):
        scope, operator = expression.get("scopeName") or "", expression.get("operator") or ""
        values = expression.get("values")
        if scope not in SCOPES:
            yield invalid(f"{where}.scopeName", scope, "unsupported scope")
        if scope in _EXISTS_ONLY and operator != "Exists":
            detail = "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, "
            detail += "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
            detail += "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
            yield invalid(f"{where}.operator", operator, detail)
        if operator not in OPERATORS:
            yield not_supported(f"{where}.operator", operator, OPERATORS)
        elif operator in ("In", "NotIn") and not values:
            detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            yield invalid(f"{where}.values", values, detail)
        elif operator in ("Exists", "DoesNotExist") and values:
            detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
            yield invalid(f"{where}.values", values, detail)
