"""Whether the ResourceQuotas of a namespace have room for one more object (plugin ResourceQuota decides).

What is used is read from the status of the quotas, which `controllers.quotas` keeps.

A request that admission refuses, as the API's Status says it.

Which objects a ResourceQuota with scopes is about (pkg/quota/v1/evaluator/core decides).

Scopes are about pods; a quota that has any says nothing about other kinds.

What an object counts for in a ResourceQuota (pkg/quota/v1/evaluator of Kubernetes decides).

Every object counts as one of its kind, under ``count/RESOURCE.GROUP`` and, for some kinds, the short name.
A pod counts with what it asks for, but only until it has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from expander.base.errors import AdmissionError
from expander.kube.api_resource import guess_plural
from expander.kube.objects import MutableObject as Object
from expander.kube.objects import pod_has_ended
from expander.kube.resources import ONE, ZERO, Amounts, listed, of_pod, plus, read
from expander.kube.scheme import load, of_object


def full_resource(obj: Object) -> str:
    """The resource of an object with its group: ``jobs.batch``, ``pods``."""
    if (row := of_object(obj)) is not None:
        return row.full_name
    if "." in obj["kind"]:  # as the store has custom resources
        return str(obj["kind"])
    group = str(obj.get("apiVersion") or "").rpartition("/")[0]
    plural = guess_plural(obj["kind"])
    return f"{plural}.{group}" if group else plural


def forbidden(obj: Object, why: str, causes: list[Mapping[str, str]] | None = None) -> AdmissionError:
    """A refusal of ``obj`` with code 403."""
    name, full = obj["metadata"].get("name", ""), full_resource(obj)
    plural, _, group = full.partition(".")
    details: dict[str, Any] = {"name": name} if name else {}
    if group:
        details["group"] = group
    details["kind"] = plural
    if causes:
        details["causes"] = causes
    subject = f'{full} "{name}"' if name else full
    return AdmissionError(403, "Forbidden", f"{subject} is forbidden: {why}", details)


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


STANDARD: Final = ("cpu", "memory", "ephemeral-storage")


def usage(obj: Object) -> Amounts:
    """What ``obj`` counts for now."""
    row = of_object(obj)
    if row is None:
        return {f"count/{full_resource(obj)}": ONE}
    found: Amounts = dict.fromkeys(row.quota_names, ONE)
    if row.quota:
        load(row.quota)(obj, found)
    return found


def count_pod(pod: Object, found: Amounts) -> None:
    """Add what a pod asks for, until it has ended."""
    if pod_has_ended(pod):
        return
    found["pods"] = ONE
    for name, amount in of_pod(pod["spec"], "requests").items():
        found[f"requests.{name}"] = amount
        if name in STANDARD or name.startswith("hugepages-"):
            found[name] = amount
    for name, amount in of_pod(pod["spec"], "limits").items():
        if name in STANDARD:
            found[f"limits.{name}"] = amount


def count_claim(claim: Object, found: Amounts) -> None:
    """Add the storage of a claim, in all and of its class."""
    storage = read((claim["spec"].get("resources") or {}).get("requests")).get("storage")
    kind = claim["spec"].get("storageClassName")
    prefixes = ["", f"{kind}.storageclass.storage.k8s.io/"] if kind else [""]
    for prefix in prefixes:
        found[f"{prefix}persistentvolumeclaims"] = ONE
        if storage is not None:
            found[f"{prefix}requests.storage"] = storage


def count_service(service: Object, found: Amounts) -> None:
    """Add the load balancer and the node ports of a Service."""
    spec = service["spec"]
    kind = spec.get("type")
    ports = len(spec.get("ports") or ())
    if kind == "LoadBalancer":
        found["services.loadbalancers"] = ONE
        if spec.get("allocateLoadBalancerNodePorts") is False:
            ports = sum(1 for port in spec.get("ports") or () if port.get("nodePort"))
    if kind in ("LoadBalancer", "NodePort") and ports:
        found["services.nodeports"] = plus(ONE, ONE, ports - 1)


ASKED_FOR: Final = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
"""Resources that every container must name where a quota counts them."""


def check(quotas: Iterable[Object], obj: Object) -> None:
    """Raises `AdmissionError` when a quota has no room for ``obj``, or cannot count it."""
    asked: Amounts | None = None
    for quota in quotas:
        if not concerns(quota, obj):
            continue
        name, status = quota["metadata"]["name"], quota.get("status") or {}
        hard, used = read(quota["spec"].get("hard")), read(status.get("used"))
        if obj["kind"] == "Pod" and (missing := _unnamed(obj["spec"], hard)):
            raise forbidden(obj, f"failed quota: {name}: must specify {missing}")
        asked = usage(obj) if asked is None else asked
        wanted = {each: amount for each, amount in asked.items() if each in hard and amount.value}
        over = {
            each: amount
            for each, amount in wanted.items()
            if plus(used.get(each, ZERO), amount).value > hard[each].value
        }
        if over:
            there = {each: used.get(each, ZERO) for each in over}
            limits = {each: hard[each] for each in over}
            raise forbidden(
                obj,
                f"exceeded quota: {name}, requested: {listed(over)}, used: {listed(there)}, "
                f"limited: {listed(limits)}",
            )


def _unnamed(spec: Object, hard: Amounts) -> str:
    """Which containers do not say how much of a counted resource they need; empty when all do."""
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    words = []
    for resource in sorted(each for each in ASKED_FOR if each in hard):
        if _names(spec, resource):
            continue
        without = sorted({each["name"] for each in containers if not _names(each, resource)})
        if without:
            words.append(f"{resource} for: {','.join(without)}")
    return "; ".join(words)


def _names(holder: dict[str, Any], resource: str) -> bool:
    """Whether the pod or container says how much of ``resource``, such as ``limits.cpu``, it needs."""
    field, _, name = resource.rpartition(".")
    return name in ((holder.get("resources") or {}).get(field or "requests") or {})
