"""The admission chain of new objects, and what a pod gets there.

The API server's plugins ServiceAccount and DefaultTolerationSeconds decide, and its defaults of whole
pods, which templates do not have.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from expander.kube import limit_ranges, quota
from expander.kube.quota import forbidden
from expander.kube.resources import ZERO, qos_class, read, with_requests
from expander.kube.scheme import load, of_object
from expander.kube.wellknown import DEFAULT_CLASS
from expander.local.admission import namespace_lifecycle
from expander.local.admission.service_account import with_token
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore

_DEFAULT_TOLERATIONS: Final = tuple(
    {
        "key": f"node.kubernetes.io/{taint}",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 300,
    }
    for taint in ("not-ready", "unreachable")
)
"""How long a pod stays on a node that is lost."""


_GATED: Final = {
    "type": "PodScheduled",
    "status": "False",
    "lastProbeTime": None,
    "lastTransitionTime": None,
    "reason": "SchedulingGated",
    "message": "Scheduling is blocked due to non-empty scheduling gates",
}
"""What a pod with gates is told (applySchedulingGatedCondition of the pod strategy)."""


def with_pod_defaults(store: ObjectStore, pod: Object) -> Object:
    """The pod as it is to be stored; what it has already stays. Raises `AdmissionError` if it is to run as a
    service account that is not there."""
    spec: dict[str, Any] = {**with_requests(pod["spec"])}
    account = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    namespace = pod["metadata"]["namespace"]
    found = store.get("ServiceAccount", namespace, account)
    if found is None:
        words = (
            f'error looking up service account {namespace}/{account}: serviceaccount "{account}" not found'
        )
        raise forbidden(pod, words)
    spec["serviceAccountName"] = spec["serviceAccount"] = account
    spec = with_token(spec, found)
    spec.setdefault("enableServiceLinks", True)
    own = spec.get("tolerations") or []
    added = [
        dict(each)
        for each in _DEFAULT_TOLERATIONS
        if not any(_covers(toleration, each) for toleration in own)
    ]
    if own or added:
        spec["tolerations"] = [*own, *added]
    return {**pod, "metadata": {"generation": 1, **pod["metadata"]}, "spec": spec}


def _covers(toleration: Object, other: Object) -> bool:
    """Whether the pod has its own word on what ``other`` tolerates."""
    key, effect = toleration.get("key") or "", toleration.get("effect") or ""
    return key in ("", other["key"]) and effect in ("", other["effect"])


def admit_pod(store: ObjectStore, pod: Object) -> Object:
    """A new pod with what a cluster and the LimitRanges of its namespace give it."""
    ranges = store.all_of("LimitRange", pod["metadata"]["namespace"])
    pod = limit_ranges.applied(ranges, with_pod_defaults(store, pod))
    limit_ranges.check(ranges, pod)
    status = {**pod["status"], "qosClass": qos_class(pod["spec"])}
    if pod["spec"].get("schedulingGates"):
        status["conditions"] = [dict(_GATED)]
    return {**pod, "status": status}


def with_default_class(store: ObjectStore, claim: Object) -> Object:
    """A new claim that names no class, of the default one (plugin DefaultStorageClass)."""
    if claim["spec"].get("storageClassName") is not None:
        return claim
    for found in store.all_of("StorageClass"):
        if (found["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true":
            return {**claim, "spec": {**claim["spec"], "storageClassName": found["metadata"]["name"]}}
    return claim


def admit_claim(store: ObjectStore, claim: Object) -> Object:
    """A new claim, held against the LimitRanges of its namespace."""
    limit_ranges.check(store.all_of("LimitRange", claim["metadata"]["namespace"]), claim)
    return claim


def check_resize(store: ObjectStore, claim: Object) -> Object:
    """Raises `AdmissionError` for a claim that may not grow (plugin PersistentVolumeClaimResize)."""
    metadata, spec = claim["metadata"], claim["spec"]
    held = store.get("PersistentVolumeClaim", metadata["namespace"], metadata["name"])
    if held is None or _storage(claim) <= _storage(held):
        return claim
    if (held.get("status") or {}).get("phase") != "Bound":
        raise forbidden(claim, "Only bound persistent volume claims can be expanded")
    named = store.get("StorageClass", "", spec.get("storageClassName") or "")
    if named is None or not named.get("allowVolumeExpansion"):
        words = (
            "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc "
        )
        raise forbidden(claim, words + "must support resize")
    return claim


def _storage(claim: Object) -> Fraction:
    requests = (claim["spec"].get("resources") or {}).get("requests")
    return read(requests).get("storage", ZERO).value


def admit(store: ObjectStore, obj: Object) -> Object:
    """``obj``, a new object with its name, namespace and defaults, as it is to be stored.

    Nothing is changed and nothing counted: that it is in the store is told to `controllers.quotas`. Raises
    `AdmissionError` with code 403 or 404.
    """
    namespace_lifecycle.check_creation(store, obj)
    row = of_object(obj)
    for plugin in row.admit if row is not None else ():
        obj = load(plugin)(store, obj)
    if namespace := obj["metadata"].get("namespace"):
        quota.check(store.all_of("ResourceQuota", namespace), obj)
    return obj


def admit_update(store: ObjectStore, obj: Object) -> None:
    """Raises `AdmissionError` when ``obj`` may not take the place of what is stored under its name."""
    row = of_object(obj)
    for plugin in row.admit_update if row is not None else ():
        load(plugin)(store, obj)


def admit_delete(obj: Object) -> None:
    """Raises `AdmissionError` when ``obj`` may not be deleted."""
    row = of_object(obj)
    for plugin in row.admit_delete if row is not None else ():
        load(plugin)(obj)
