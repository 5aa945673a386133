"""The priority of pods, by their class (plugin Priority decides), and the classes every cluster has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from expander.base.late_module import late_module
from expander.kube.generated_names import new_uid
from expander.kube.wellknown import PREEMPTION_POLICIES, SYSTEM_CLASSES
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore

if TYPE_CHECKING:
    from expander.kube import quota as quotas
else:  # what a refusal says
    quotas = late_module("expander.kube.quota")

_DESCRIPTIONS: Final = {
    "system-cluster-critical": (
        "Used for system critical pods that must run in the cluster, but can be moved to another node if "
        "necessary."
    ),
    "system-node-critical": ("Used for system critical pods that must not be moved from their current node."),
}


def admit_pod(store: ObjectStore, pod: Object) -> Object:
    """A new pod with the priority and the preemption policy of its class.

    Raises `AdmissionError` for a class that is not there, and for a priority of the pod's own that differs.
    """
    spec: dict[str, Any] = {**pod["spec"]}
    if name := spec.get("priorityClassName"):
        found = store.get("PriorityClass", "", name)
        if found is None:
            raise quotas.forbidden(pod, f"no PriorityClass with name {name} was found")
    else:
        found = _default(store)
    priority, policy = 0, PREEMPTION_POLICIES[0]
    if found is not None:
        spec["priorityClassName"] = found["metadata"]["name"]
        priority, policy = found.get("value") or 0, found.get("preemptionPolicy") or PREEMPTION_POLICIES[0]
    for field, words, value in (
        ("priority", "integer value of priority", priority),
        ("preemptionPolicy", "string value of PreemptionPolicy", policy),
    ):
        own = spec.setdefault(field, value)
        if own != value:
            computed = f"priority admission controller computed {value} from the given PriorityClass name"
            raise quotas.forbidden(pod, f"the {words} ({own}) must not be provided in pod spec; {computed}")
    return {**pod, "spec": spec}


def job_priority(store: ObjectStore, job: Object) -> int:
    """The priority of the pods of a Job, or of a Volcano Job, as `spec_priority` has it."""
    spec = job["spec"]
    return spec_priority(store, (spec.get("template") or {}).get("spec") or spec)


def spec_priority(store: ObjectStore, spec: Object) -> int:
    """The priority of a pod: its own, or that of its class; 0 for a class that only some cluster has."""
    if (own := spec.get("priority")) is not None:
        return int(own)
    if not (name := spec.get("priorityClassName")):
        return 0
    found = store.get("PriorityClass", "", name)
    return SYSTEM_CLASSES.get(name, 0) if found is None else found.get("value") or 0


def _default(store: ObjectStore) -> Object | None:
    """The class of pods that name none: the lowest, should there be several."""
    found = [each for each in store.all_of("PriorityClass") if each.get("globalDefault")]
    return min(found, key=lambda each: each.get("value") or 0, default=None)


def check_default(store: ObjectStore, priority_class: Object) -> Object:
    """Raises `AdmissionError` when another class is the default already."""
    if priority_class.get("globalDefault"):
        there = _default(store)
        if there is not None and there["metadata"]["name"] != priority_class["metadata"]["name"]:
            name = there["metadata"]["name"]
            words = f"PriorityClass {name} is already marked as default. Only one default can exist"
            raise quotas.forbidden(priority_class, words)
    return priority_class


def check_deletion(priority_class: Object) -> None:
    """Raises `AdmissionError` for a class that every cluster has."""
    if priority_class["metadata"]["name"] in SYSTEM_CLASSES:
        raise quotas.forbidden(priority_class, "this is a system priority class and cannot be deleted")


def initial_classes(now: str) -> Iterator[Object]:
    """The classes that every cluster has, created ``now`` (API form)."""
    for name, value in SYSTEM_CLASSES.items():
        yield {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name, "uid": new_uid(), "creationTimestamp": now, "generation": 1},
            "value": value,
            "description": _DESCRIPTIONS[name],
            "preemptionPolicy": PREEMPTION_POLICIES[0],
        }
