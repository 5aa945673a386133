"""Which objects a ResourceQuota with scopes is about (pkg/quota/v1/evaluator/core decides).

Scopes are about pods; a quota that has any says nothing about other kinds.
"""

from __future__ import annotations

from typing import Any

from expander.local.store.encoding import Object


def concerns(quota: Object, obj: Object) -> bool:
    """Whether all scopes of ``quota`` hold for ``obj``."""
    wanted = _scopes(quota["spec"])
    return not wanted or (obj["kind"] == "Pod" and all(_holds(each, obj["spec"]) for each in wanted))


def _scopes(spec: dict[str, Any]) -> list[dict[str, Any]]:
    plain = [{"scopeName": scope, "operator": "Exists"} for scope in spec.get("scopes") or ()]
    return plain + list((spec.get("scopeSelector") or {}).get("matchExpressions") or ())


def _holds(scope: dict[str, Any], pod: Object) -> bool:
    match scope["scopeName"]:
        case "Terminating":
            return (pod.get("activeDeadlineSeconds") or -1) >= 0
        case "NotTerminating":
            return pod.get("activeDeadlineSeconds") is None
        case "BestEffort":
            return _asks_for_nothing(pod)
        case "NotBestEffort":
            return not _asks_for_nothing(pod)
        case "PriorityClass":
            return _in(scope, pod.get("priorityClassName") or None)
        case "CrossNamespacePodAffinity":
            return _crosses_namespaces(pod.get("affinity") or {})
    return False


def _in(scope: dict[str, Any], value: str | None) -> bool:
    match scope.get("operator"):
        case "In":
            return value in (scope.get("values") or ())
        case "NotIn":
            return value not in (scope.get("values") or ())
        case "DoesNotExist":
            return value is None
    return value is not None


def _asks_for_nothing(pod: Object) -> bool:
    holders = [pod, *(pod.get("containers") or ()), *(pod.get("initContainers") or ())]
    resources = [holder.get("resources") or {} for holder in holders]
    lists = [each.get(field) or {} for each in resources for field in ("requests", "limits")]
    return not any("cpu" in amounts or "memory" in amounts for amounts in lists)


def _crosses_namespaces(affinity: dict[str, Any]) -> bool:
    terms: list[dict[str, Any]] = []
    for kind in ("podAffinity", "podAntiAffinity"):
        own = affinity.get(kind) or {}
        terms += own.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        preferred = own.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        terms += [each["podAffinityTerm"] for each in preferred]
    return any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in terms)
