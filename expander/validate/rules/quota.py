"""ResourceQuotas (``ValidateResourceQuota`` of pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules.core import amount, check_quantity, is_whole
from expander.validate.rules.field import (
    EMPTY,
    NOT_NEGATIVE,
    Findings,
    each,
    invalid,
    key,
    required,
    texts,
)
from expander.validate.rules.metadata import check_metadata
from expander.validate.rules.pod.resources import COUNTED_OBJECTS, check_resource_name, is_counted

Spec = Mapping[str, Any]

MEASURED: Final = frozenset(
    "cpu memory ephemeral-storage requests.cpu requests.memory requests.storage requests.ephemeral-storage "
    "limits.cpu limits.memory limits.ephemeral-storage".split()
)
_HUGE_PAGES: Final = ("hugepages-", "requests.hugepages-")
_OF_PODS: Final = frozenset("pods cpu memory limits.cpu limits.memory requests.cpu requests.memory".split())
SCOPES: Final[Mapping[str, frozenset[str]]] = {
    "BestEffort": frozenset(("pods",)),
    "CrossNamespacePodAffinity": _OF_PODS,
    "NotBestEffort": _OF_PODS,
    "NotTerminating": _OF_PODS,
    "PriorityClass": _OF_PODS,
    "Terminating": _OF_PODS,
    "VolumeAttributesClass": frozenset(("persistentvolumeclaims", "requests.storage")),
}
"""The resources that a scope fits."""
_EXISTS_ONLY: Final = SCOPES.keys() - {"PriorityClass", "VolumeAttributesClass"}
_CONFLICTS: Final = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})


def check_resource_quota(quota: Mapping[str, Any], release: Release) -> list[Finding]:
    """What the API server would refuse in a new ResourceQuota."""
    spec = quota.get("spec") or EMPTY
    known = SCOPES.keys() - (() if release.has("VolumeAttributesClass") else {"VolumeAttributesClass"})
    return [
        *check_metadata(quota.get("metadata") or EMPTY, keeps_generation=True),
        *_check_hard(spec.get("hard") or EMPTY),
        *_check_scopes(spec, known),
        *_check_scope_selector(spec, known),
    ]


def _check_hard(hard: Spec) -> Findings:
    for name, text in hard.items():
        at = key("spec.hard", name)
        yield from check_resource_name(name, at)
        if "/" not in name and not _is_standard(name):
            yield invalid(at, name, "must be a standard resource for quota")
        yield from check_quantity(text, at)
        found = amount(text)
        if found.value < 0:
            yield invalid(at, str(found), NOT_NEGATIVE)
        if is_counted(name) and not is_whole(found):
            yield invalid(at, found, "must be an integer")


def _is_standard(name: str) -> bool:
    return name in COUNTED_OBJECTS or name in MEASURED or name.startswith(_HUGE_PAGES)


def _unfit(spec: Spec, scope: str) -> list[str]:
    """The resources of the quota that ``scope`` does not fit."""
    hard = spec.get("hard") or ()
    return [name for name in hard if _is_standard(name) and name not in SCOPES.get(scope, hard)]


def _check_scopes(spec: Spec, known: frozenset[str] | set[str]) -> Findings:
    scopes = spec.get("scopes") or ()
    for _, scope in texts(scopes, "spec.scopes"):
        if scope not in known:
            yield invalid("spec.scopes", scopes, "unsupported scope")
        for _ in _unfit(spec, scope):
            yield invalid("spec.scopes", scopes, "unsupported scope applied to resource")
    for pair in _CONFLICTS:
        if pair <= set(scopes):
            yield invalid("spec.scopes", scopes, "conflicting scopes")


def _check_scope_selector(spec: Spec, known: frozenset[str] | set[str]) -> Findings:
    where = "spec.scopeSelector.matchExpressions"
    selector = spec.get("scopeSelector") or EMPTY
    scopes: set[str] = set()
    for _, expression in each(selector.get("matchExpressions"), where):
        scope = expression.get("scopeName") or ""
        if scope not in known:
            yield invalid(f"{where}.scopeName", scope, "unsupported scope")
        for _ in _unfit(spec, scope):
            yield invalid(where, _printed(selector), "unsupported scope applied to resource")
        yield from _check_operator(scope, expression, where)
        scopes.add(scope)
    for pair in _CONFLICTS:
        if pair <= scopes:
            yield invalid(where, spec.get("scopes"), "conflicting scopes")


def _check_operator(scope: str, expression: Spec, where: str) -> Findings:
    operator, values = expression.get("operator") or "", expression.get("values")
    if scope in _EXISTS_ONLY and operator != "Exists":
        detail = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, "
        detail += "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
        detail += "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
        yield invalid(f"{where}.operator", operator, detail)
    if operator in ("In", "NotIn"):
        if not values:
            detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            yield required(f"{where}.values", detail)
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
            yield invalid(f"{where}.values", values, detail)
    else:
        yield invalid(f"{where}.operator", operator, "not a valid selector operator")


def _printed(selector: Spec) -> dict[str, Any]:
    """The selector as the server prints its own struct."""
    return {
        "MatchExpressions": [
            {
                "ScopeName": each.get("scopeName") or "",
                "Operator": each.get("operator") or "",
                "Values": each.get("values"),
            }
            for each in selector.get("matchExpressions") or ()
        ]
    }
