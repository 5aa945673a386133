"""API objects as plain mappings in the API's JSON form: selections, changes, owners, container statuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.named_tuple import NamedTuple
from expander.kube.time import unix
from expander.kube.wellknown import INDEX, number

Object = Mapping[str, Any]
MutableObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Selection:
    """The objects of ``namespace`` (None: of all) that the label ``selector`` selects."""

    namespace: str | None
    selector: str


class Change(NamedTuple):
    """A Job or pod that is new, changed or gone; ``type`` is ADDED, MODIFIED or DELETED."""

    type: str
    object: Object


def job_spec_of(obj: Object) -> tuple[str, Object] | None:
    """The JobSpec of a Job, or of those that a CronJob creates, and its path; None for others."""
    if obj.get("kind") not in ("Job", "CronJob"):
        return None
    names = ("spec",) if obj["kind"] == "Job" else ("spec", "jobTemplate", "spec")
    spec: Any = obj
    for name in names:
        spec = spec.get(name)
        if not isinstance(spec, Mapping):
            return None
    return ".".join(names), spec


def with_string_data(secret: Object) -> MutableObject:
    """A Secret as the server has it once it is decoded: ``stringData`` is in ``data``, and over it."""
    from base64 import b64encode

    texts = secret.get("stringData") or {}
    data = {
        name: b64encode(str(text or "").encode("utf-8", "surrogatepass")).decode()
        for name, text in texts.items()
    }
    found = {name: value for name, value in secret.items() if name != "stringData"}
    return {**found, "data": {**(secret.get("data") or {}), **data}} if data else found


def value_at(obj: Any, path: str) -> Any:
    """The value at a path of fields such as ``spec.replicas``; None where there is none."""
    for step in path.split("."):
        obj = obj.get(step) if isinstance(obj, dict) else None
    return obj


def namespaced_name(obj: Object) -> tuple[str, str]:
    """The namespace and name of an object in a namespace."""
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


ENDED: Final = ("Succeeded", "Failed")
"""The phases of pods of which no container will run again."""


def pod_has_ended(pod: Object) -> bool:
    """Whether no container of the pod will run again (its phase, which the kubelet decides)."""
    return (pod.get("status") or {}).get("phase") in ENDED


def uid_of(obj: Object) -> str:
    """The uid of an object that a server has."""
    return str(obj["metadata"]["uid"])


def owner_of(obj: Object) -> str:
    """The uid of the controller of an object, as metav1.GetControllerOf finds it; empty without one."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            return str(owner["uid"])
    return ""


def mark_of(obj: Object) -> Object:
    """So much of an object as tells which it was, for when it is gone."""
    metadata = obj["metadata"]
    wanted = ("name", "namespace", "uid", "labels", "ownerReferences")
    kept = {key: metadata[key] for key in wanted if key in metadata}
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": kept}


def completion_index(pod: Object) -> int:
    """The completion index of a pod; -1 when it has none."""
    metadata = pod["metadata"]
    return number(metadata.get("annotations"), INDEX, number(metadata.get("labels"), INDEX, -1))


def statuses_of(pod: Object) -> list[Object]:
    """The container statuses of a pod, those of init containers first; ephemeral containers do not count."""
    status = pod.get("status") or {}
    init, main = status.get("initContainerStatuses"), status.get("containerStatuses") or []
    return [*init, *main] if init else main


def container_status(pod: Object, container: str) -> Object:
    """The status of one container; empty when there is none yet."""
    ephemeral = (pod.get("status") or {}).get("ephemeralContainerStatuses") or ()
    return next((each for each in (*statuses_of(pod), *ephemeral) if each["name"] == container), {})


def start_count(status: Object) -> int:
    """How often a container was started, by its status; a start that was refused counts too."""
    state = status.get("state") or {}
    begun = "running" in state or "terminated" in state or bool(status.get("lastState"))
    return int(status.get("restartCount") or 0) + begun


def first_start(pod: Object) -> float | None:
    """When the first container of a pod started (Unix seconds); None before that.

    A status knows the last two starts of a container: of one that was restarted more often the time at which
    the kubelet took the pod stands for the first.
    """
    starts = []
    for container in statuses_of(pod):
        for step in (container.get("state"), container.get("lastState")):
            for part in step.values() if step else ():  # one of terminated, running, waiting
                if part and (text := part.get("startedAt")):
                    starts.append(unix(text))
        if (container.get("restartCount") or 0) > 1 and (text := pod["status"].get("startTime")):
            starts.append(unix(text))
    return min(starts, default=None)
