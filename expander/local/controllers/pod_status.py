"""What happens to the status of a pod that several write: the kubelet, the scheduler, clients."""

from __future__ import annotations

from typing import Final

from expander.local.store.encoding import Object

ENDED: Final = ("Succeeded", "Failed")
"""The phases of a pod of which no container will run again."""

PASSING: Final = (None, "ContainerCreating", "PodInitializing")
"""Reasons to wait that pass by themselves."""

KUBELETS: Final = frozenset(
    ("PodScheduled", "Initialized", "Ready", "ContainersReady", "PodReadyToStartContainers")
)
"""The conditions that the kubelet writes anew each time; those of others stay."""


def is_stuck(status: Object) -> bool:
    """Whether a container waits for something that may never come: an image, a ConfigMap, its next try."""
    for kind in ("initContainerStatuses", "containerStatuses"):
        for part in status.get(kind) or ():
            waiting = part["state"].get("waiting")
            if waiting is not None and waiting.get("reason") not in PASSING:
                return True
    return False


def following(before: Object, status: Object) -> Object:
    """``status``, the kubelet's word, with the conditions that others had written into the one ``before``."""
    foreign = [each for each in before.get("conditions") or () if each["type"] not in KUBELETS]
    if not foreign:
        return status
    own = {each["type"] for each in status.get("conditions") or ()}
    kept = [each for each in foreign if each["type"] not in own]
    return {**status, "conditions": [*(status.get("conditions") or ()), *kept]}


def with_condition(status: Object, condition: Object) -> Object:
    """The status with this condition in the place of the one of its type."""
    others = [each for each in status.get("conditions") or () if each["type"] != condition["type"]]
    return {**status, "conditions": [*others, condition]}


def unschedulable(status: Object, message: str, at: str) -> Object:
    """The status of a pod that found no place ``at`` a time, with why."""
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "lastProbeTime": None,
        "lastTransitionTime": at,
        "reason": "Unschedulable",
        "message": message,
    }
    return {**with_condition(status, condition), "phase": "Pending"}
