"""What controllers make of an object: the pods of workloads, the Jobs of CronJobs.

They go through admission as the object did, later, where nobody sees it refused. Names, labels and defaults
are those that the controllers and the plugins before the validating ones give (pkg/controller/job,
plugin/pkg/admission/serviceaccount).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from expander.kube import limit_ranges
from expander.kube.volcano import is_volcano
from expander.validate.defaults.core import requests_from_limits
from expander.validate.policies.tracking import Leaf, Unknown
from expander.validate.warnings import pods_of

Object = dict[str, Any]

SERVER: Final = Unknown("only the server knows")
WORKLOADS: Final = frozenset(
    (
        ("apps/v1", "DaemonSet"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "ReplicaSet"),
        ("apps/v1", "StatefulSet"),
        ("batch/v1", "CronJob"),
        ("batch/v1", "Job"),
        ("v1", "PodTemplate"),
        ("v1", "ReplicationController"),
    )
)
"""The kinds whose templates Pod Security looks at."""

_UID_LABELS: Final = ("batch.kubernetes.io/controller-uid", "controller-uid")
_NAME_LABELS: Final = ("batch.kubernetes.io/job-name", "job-name")


def is_workload(obj: Mapping[str, Any]) -> bool:
    """Whether pods are made from a template in the object."""
    return _kind(obj) in WORKLOADS or is_volcano(obj) or obj["kind"] == "JobSet"


def _kind(obj: Mapping[str, Any]) -> tuple[str, str]:
    return obj.get("apiVersion") or "", obj.get("kind") or ""


def templates(obj: Mapping[str, Any]) -> Iterator[tuple[str, Object]]:
    """The pod templates of a workload, with their paths."""
    if obj["kind"] == "PodTemplate":
        yield "template", obj["template"]
    elif isinstance(obj.get("spec"), dict):
        yield from _below(obj["spec"], "spec")


def _below(spec: Object, where: str) -> Iterator[tuple[str, Object]]:
    for field in ("jobTemplate", "template"):
        template = spec.get(field)
        if not isinstance(template, dict) or not isinstance(inner := template.get("spec"), dict):
            continue
        if "containers" in inner:
            yield f"{where}.{field}", template
        else:
            yield from _below(inner, f"{where}.{field}.spec")
    for field in ("tasks", "replicatedJobs"):
        for number, part in enumerate(spec.get(field) or ()):
            yield from _below(part, f"{where}.{field}[{number}]")


def as_created(obj: Object) -> Object:
    """The object with what the registry gives it before policies see it."""
    metadata = {"name": SERVER, "uid": SERVER, "creationTimestamp": SERVER, **obj["metadata"]}
    obj = {**obj, "metadata": metadata}
    if _kind(obj) != ("batch/v1", "Job") or obj["spec"].get("manualSelector"):
        return obj
    template = obj["spec"]["template"]
    own = {**dict.fromkeys(_UID_LABELS, SERVER), **dict.fromkeys(_NAME_LABELS, metadata["name"])}
    labels = {**(template["metadata"].get("labels") or {}), **own}
    template = {**template, "metadata": {**template["metadata"], "labels": labels}}
    selector = {"matchLabels": {_UID_LABELS[0]: SERVER}}
    return {**obj, "spec": {**obj["spec"], "selector": selector, "template": template}}


def pods(obj: Object, namespace: str, ranges: Iterable[Object]) -> Iterator[tuple[str, Object]]:
    """A pod of each template of a workload as it is created, with the path of the template."""
    if obj["kind"] == "PodTemplate" or not is_workload(obj):
        return
    for where, template in templates(as_created(obj)):
        own = template.get("metadata") or {}
        metadata = {each: own[each] for each in ("labels", "annotations") if each in own}
        owner = {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "name": obj["metadata"].get("name", SERVER),
            "uid": SERVER,
            "controller": True,
            "blockOwnerDeletion": True,
        }
        metadata |= {"generateName": _stem(obj), "namespace": namespace, "ownerReferences": [owner]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        pod["status"] = {"phase": "Pending"}
        yield where, admitted_pod(pod, ranges)


def _stem(obj: Object) -> Any:
    name = obj["metadata"].get("name", SERVER)
    if type(name) is Leaf:
        return Leaf(lambda row: f"{name.of(row)}-", name.columns, f"{name.first}-")
    return name if type(name) is Unknown else f"{name}-"


def jobs(obj: Object, namespace: str) -> Iterator[tuple[str, Object]]:
    """The Job that a CronJob makes, with the path of its template."""
    if _kind(obj) != ("batch/v1", "CronJob"):
        return
    template = obj["spec"]["jobTemplate"]
    own = template["metadata"]
    metadata = {each: own[each] for each in ("labels", "annotations") if each in own}
    yield (
        "spec.jobTemplate",
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {**metadata, "namespace": namespace},
            "spec": template["spec"],
            "status": {},
        },
    )


def admitted_pod(pod: Object, ranges: Iterable[Object]) -> Object:
    """A pod with the defaults of pods, and those of the LimitRanges of its namespace."""
    spec = {**pod["spec"]}
    for field in ("containers", "initContainers"):
        if spec.get(field):
            spec[field] = [_with_requests(each) for each in spec[field]]
    account = spec.get("serviceAccountName") or "default"
    spec |= {"serviceAccountName": account, "serviceAccount": account}
    return limit_ranges.applied(ranges, {**pod, "spec": spec})


def _with_requests(container: Object) -> Object:
    resources = {**(container.get("resources") or {})}
    requests_from_limits(resources)
    return {**container, "resources": resources}


def pods_at_a_time(obj: Mapping[str, Any], read: Any) -> int | None:
    """How many pods of a workload there are at a time; None where nobody says. ``read`` reads values."""
    spec = obj.get("spec") or {}
    if _kind(obj) == ("batch/v1", "Job"):
        found = {each: read(spec[each]) for each in ("parallelism", "completions") if each in spec}
        return 0 if spec.get("suspend") else pods_of(found)[0]
    if _kind(obj) in WORKLOADS and "replicas" in spec:
        return int(read(spec["replicas"]))
    return None
