"""What an object counts for in a ResourceQuota (pkg/quota/v1/evaluator of Kubernetes decides).

Every object counts as one of its kind, under ``count/RESOURCE.GROUP`` and, for some kinds, the short name.
A pod counts with what it asks for, but only until it has ended.
"""

from __future__ import annotations

from typing import Final

from expander.local.admission.refused import full_resource, resource_of
from expander.local.store.encoding import Object
from expander.manifests.amounts import ONE, Amounts, of_pod, plus, read

SHORT: Final = frozenset(
    ("ConfigMap", "PersistentVolumeClaim", "ReplicationController", "ResourceQuota", "Secret", "Service")
)
"""Kinds that are also counted under their plain name; pods are, while they run."""

STANDARD: Final = ("cpu", "memory", "ephemeral-storage")


def usage(obj: Object) -> Amounts:
    """What ``obj`` counts for now."""
    kind = obj["kind"]
    found: Amounts = {f"count/{full_resource(kind)}": ONE}
    if kind in SHORT:
        found[resource_of(kind)] = ONE
    if kind == "Pod" and (obj.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
        found |= _running(obj)
    elif kind == "PersistentVolumeClaim":
        _claim(obj, found)
    elif kind == "Service":
        _service(obj, found)
    return found


def _running(pod: Object) -> Amounts:
    found: Amounts = {"pods": ONE}
    for name, amount in of_pod(pod["spec"], "requests").items():
        found[f"requests.{name}"] = amount
        if name in STANDARD or name.startswith("hugepages-"):
            found[name] = amount
    for name, amount in of_pod(pod["spec"], "limits").items():
        if name in STANDARD:
            found[f"limits.{name}"] = amount
    return found


def _claim(claim: Object, found: Amounts) -> None:
    storage = read((claim["spec"].get("resources") or {}).get("requests")).get("storage")
    kind = claim["spec"].get("storageClassName")
    prefixes = ["", f"{kind}.storageclass.storage.k8s.io/"] if kind else [""]
    for prefix in prefixes:
        found[f"{prefix}persistentvolumeclaims"] = ONE
        if storage is not None:
            found[f"{prefix}requests.storage"] = storage


def _service(service: Object, found: Amounts) -> None:
    spec = service["spec"]
    kind = spec.get("type")
    ports = len(spec.get("ports") or ())
    if kind == "LoadBalancer":
        found["services.loadbalancers"] = ONE
        if spec.get("allocateLoadBalancerNodePorts") is False:
            ports = sum(1 for port in spec.get("ports") or () if port.get("nodePort"))
    if kind in ("LoadBalancer", "NodePort") and ports:
        found["services.nodeports"] = plus(ONE, ONE, ports - 1)
