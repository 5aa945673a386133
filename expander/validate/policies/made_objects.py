"""What controllers make of an object: the pods of workloads, the Jobs of CronJobs.

They go through admission as the object did, later, where nobody sees it refused. Names, labels and defaults
are those that the controllers and the plugins before the validating ones give (pkg/controller/job,
plugin/pkg/admission/serviceaccount).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from expander.kube import limit_ranges
from expander.kube.pod_counts import Read, jobs_of, pod_counts
from expander.kube.resources import with_requests
from expander.kube.scheme import find
from expander.kube.volcano import is_volcano
from expander.kube.workloads import JOBSET_PREFIX
from expander.validate.policies.tracking import Leaf, Unknown

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
_JOBSET_LABELS: Final = (
    "global-replicas",
    "job-global-index",
    "job-index",
    "job-key",
    "jobset-uid",
    "replicatedjob-replicas",
    "restart-attempt",
)
"""What the labels of a JobSet's Jobs and pods tell beside the names."""

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
    own = dict.fromkeys(("name", "uid", "creationTimestamp", "managedFields"), SERVER)
    metadata, row = {**own, **obj["metadata"]}, find(*_kind(obj))
    if row is None or row.has_generation or is_workload(obj):
        metadata["generation"] = 1
    obj = {**obj, "metadata": metadata}
    if _kind(obj) == ("v1", "Pod"):
        status = {"phase": "Pending", "qosClass": SERVER}
        return {**obj, "metadata": {**metadata, "generation": SERVER}, "status": status}
    if _kind(obj) != ("batch/v1", "Job") or obj["spec"].get("manualSelector"):
        return obj
    template = obj["spec"]["template"]
    own = {**dict.fromkeys(_UID_LABELS, SERVER), **dict.fromkeys(_NAME_LABELS, metadata["name"])}
    labels = {**(template["metadata"].get("labels") or {}), **own}
    template = {**template, "metadata": {**template["metadata"], "labels": labels}}
    selector = {"matchLabels": {_UID_LABELS[0]: SERVER}}
    return {**obj, "spec": {**obj["spec"], "selector": selector, "template": template}}


def pods(obj: Object, namespace: str, ranges: Sequence[Object]) -> Iterator[tuple[str, Object]]:
    """A pod of each template of a workload as it is created, with the path of the template."""
    if obj["kind"] == "PodTemplate" or not is_workload(obj):
        return
    children = [*jobs(obj, namespace)]
    for where, job in children:
        yield from ((f"{where}.{below}", pod) for below, pod in pods(job, namespace, ranges))
    for where, template in () if children else templates(as_created(obj)):
        own = template.get("metadata") or {}
        metadata = {each: own[each] for each in ("labels", "annotations") if each in own}
        metadata |= {"generateName": _stem(obj), "namespace": namespace, "ownerReferences": [_owner(obj)]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        yield where, admitted_pod(pod, ranges)


def _owner(obj: Object) -> Object:
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "name": obj["metadata"].get("name", SERVER),
        "uid": SERVER,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _stem(obj: Object) -> Any:
    name = obj["metadata"].get("name", SERVER)
    if type(name) is Leaf:
        return Leaf(lambda row: f"{name.of(row)}-", name.columns, f"{name.first}-")
    return name if type(name) is Unknown else f"{name}-"


def jobs(obj: Object, namespace: str) -> Iterator[tuple[str, Object]]:
    """The Jobs that a CronJob or a JobSet makes, one of each template, with its path."""
    made: list[tuple[str, Object, Object]] = []
    if _kind(obj) == ("batch/v1", "CronJob"):
        made.append(("spec.jobTemplate", obj["spec"]["jobTemplate"], {}))
    elif obj["kind"] == "JobSet":
        for number, part in enumerate(obj["spec"].get("replicatedJobs") or ()):
            known = {"jobset-name": obj["metadata"].get("name", SERVER), "replicatedjob-name": part["name"]}
            labels = {**dict.fromkeys(_JOBSET_LABELS, SERVER), **known}
            made.append((f"spec.replicatedJobs[{number}].template", part["template"], labels))
    for where, template, labels in made:
        own = template.get("metadata") or {}
        metadata = {each: own[each] for each in ("labels", "annotations") if each in own}
        spec = template["spec"]
        if labels:
            labels = {f"{JOBSET_PREFIX}{name}": value for name, value in labels.items()}
            metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
            inner = spec["template"].get("metadata") or {}
            inner = {**inner, "labels": {**(inner.get("labels") or {}), **labels}}
            spec = {**spec, "template": {**spec["template"], "metadata": inner}}
        metadata |= {"namespace": namespace, "ownerReferences": [_owner(obj)]}
        yield (
            where,
            {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec, "status": {}},
        )


def admitted_pod(pod: Object, ranges: Iterable[Object]) -> Object:
    """A pod with the defaults of pods, and those of the LimitRanges of its namespace."""
    spec = {**with_requests(pod["spec"])}
    account = spec.get("serviceAccountName") or "default"
    spec |= {"serviceAccountName": account, "serviceAccount": account}
    return limit_ranges.applied(ranges, {**pod, "spec": spec})


def at_a_time(obj: Mapping[str, Any], read: Read) -> dict[str, int]:
    """How many pods and Jobs there are at a time, by the path of their template; ``read`` reads values.

    Of a CronJob those of one run; templates of which nobody says how many are not there.
    """
    spec = obj.get("spec") or {}
    if read(spec.get("suspend")):
        return {}
    found = {each.path: each.at_once for each in pod_counts(obj, read)}
    if obj["kind"] == "JobSet":
        for number, part in enumerate(spec.get("replicatedJobs") or ()):
            found[f"spec.replicatedJobs[{number}].template"] = jobs_of(part, read)
    elif _kind(obj) == ("batch/v1", "CronJob"):
        found["spec.jobTemplate"] = 1
        if read(spec["jobTemplate"]["spec"].get("suspend")):
            del found["spec.jobTemplate.spec.template"]
    elif not found and _kind(obj) in WORKLOADS and "replicas" in spec:
        found["spec.template"] = int(read(spec["replicas"]))
    return found
