"""What a pod gets of its RuntimeClass (plugin RuntimeClass of the API server decides).

Which runtime starts the pod here does not depend on it.
"""

from __future__ import annotations

from typing import Any

from expander.kube.quota import forbidden
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore


def admit_pod(store: ObjectStore, pod: Object) -> Object:
    """A new pod with the overhead, the node selector and the tolerations of its class.

    Raises `AdmissionError` for a class that is not there, and for what contradicts it.
    """
    spec: dict[str, Any] = {**pod["spec"]}
    overhead = None
    scheduling: dict[str, Any] = {}
    if name := spec.get("runtimeClassName"):
        found = store.get("RuntimeClass", "", name)
        if found is None:
            raise forbidden(pod, f'pod rejected: RuntimeClass "{name}" not found')
        overhead = (found.get("overhead") or {}).get("podFixed")
        scheduling = found.get("scheduling") or {}
    if spec.get("overhead") and spec["overhead"] != overhead:
        if overhead is None:
            words = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
            raise forbidden(pod, words)
        raise forbidden(pod, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
    if overhead:
        spec["overhead"] = overhead
    if selector := scheduling.get("nodeSelector"):
        own = spec.get("nodeSelector") or {}
        for key, value in selector.items():
            if own.get(key, value) != value:
                wanted = f"runtimeClass.scheduling.nodeSelector[{key}] = {value}"
                words = f"conflict: {wanted}; pod.spec.nodeSelector[{key}] = {own[key]}"
                raise forbidden(pod, words)
        spec["nodeSelector"] = {**own, **selector}
    if tolerations := scheduling.get("tolerations"):
        own = spec.get("tolerations") or []
        spec["tolerations"] = [*own, *(each for each in tolerations if each not in own)]
    return {**pod, "spec": spec}
