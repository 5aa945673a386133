"""The status of one container as the kubelet writes it (convertToAPIContainerStatuses)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expander.kube.time import api_time
from expander.local.kubelet.container import Container, State

ID = "expander://"
"""Containers have ids of this scheme, as those of a container engine have ids of its own."""


def container_status(part: Container, waits_for_init: bool) -> dict[str, Any]:
    """The status.

    ``waits_for_init``: the pod has init containers, and that is what untouched ones wait for.
    """
    if part.constant is None:
        part.constant = _constant(part.spec)
    if part.terminated is not None and part.state is not State.WAITING:
        state, last = {"terminated": part.terminated}, part.last
    else:
        state, last = _state(part, waits_for_init), part.terminated or part.last
    status: dict[str, Any] = {
        "name": part.name,
        "state": state,
        "lastState": {"terminated": last} if last else {},
        "ready": part.ready,
        "restartCount": part.restart - (part.terminated is not None and part.state is State.STARTING),
        **part.constant,
        "started": part.started,
    }
    if part.terminated is not None:
        status["containerID"] = part.terminated["containerID"]
    elif part.key is not None:
        status["containerID"] = container_id(part.key)
    return status


def container_id(key: str) -> str:
    """The id of the container that was launched as ``key``."""
    return ID + key.replace("/", ".")


def _state(part: Container, waits_for_init: bool) -> dict[str, Any]:
    if part.state is State.RUNNING and not part.held:
        return {"running": {"startedAt": api_time(part.started_at)}}
    waiting = {"reason": part.reason or ("PodInitializing" if waits_for_init else "ContainerCreating")}
    if part.message:
        waiting["message"] = part.message
    return {"waiting": waiting}


def _constant(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What of the status comes from the spec alone."""
    found: dict[str, Any] = {"image": spec.get("image", ""), "imageID": ""}
    resources = spec.get("resources") or {}
    if resources.get("requests"):
        found["allocatedResources"] = resources["requests"]
    found["resources"] = {field: resources[field] for field in ("limits", "requests") if resources.get(field)}
    if spec.get("volumeMounts"):
        found["volumeMounts"] = [_mount(mount) for mount in spec["volumeMounts"]]
    return found


def _mount(mount: Mapping[str, Any]) -> dict[str, Any]:
    found = {"name": mount["name"], "mountPath": mount["mountPath"]}
    return found | {"readOnly": True, "recursiveReadOnly": "Disabled"} if mount.get("readOnly") else found
