"""What clusters are tested with and what they refuse, and which batches come near it.

The figures and where they are from:

- pods of a cluster, pods on a node: "Considerations for large clusters" of the Kubernetes documentation
- pods of a namespace: ``sig-scalability/configs-and-limits/thresholds.md`` of kubernetes/community, which has
  no figure for Jobs; reports of trouble begin at some thousands of them (kubernetes/kubernetes#95492)
- bytes of a request and of everything: "System limits" of etcd, its defaults; the API server takes bodies of
  twice the former (kubernetes/kubernetes#105863), because it stores protobuf, which is shorter than JSON
- pods that have ended: ``--terminated-pod-gc-threshold`` of kube-controller-manager, its default
- pods made in a second: ``--kube-api-qps`` of kube-controller-manager, its default
- Indexed Jobs: ``WarningsForJobSpec`` in pkg/api/job of Kubernetes
- ConfigMaps, Secrets, annotations: validation refuses them above their limits
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from expander.plan.plan import Plan

MIB: Final = 1 << 20
LARGEST_BODY: Final = 3 * MIB
LARGEST_REQUEST: Final = 3 * MIB // 2
LARGEST_DATA: Final = MIB
LARGEST_ANNOTATIONS: Final = 256 << 10
NEAR: Final = 0.8
"""From this part of a limit on, an object is near it."""

STORE: Final = 2 << 30
MANY_JOBS: Final = 3_000
MANY_PODS: Final = 3_000
PODS_OF_CLUSTER: Final = 150_000
PODS_ON_NODE: Final = 110
ENDED_PODS: Final = 12_500
CONTROLLER_QPS: Final = 20
SLOW_START: Final = 300
"""Seconds that the Job controller may take to make all pods before it is worth a word."""

MANY_COMPLETIONS, MANY_AT_ONCE = 100_000, 10_000
OTHER_SHAPES: Final = "--as indexed makes one Job of all items, --as chunks=N fewer and larger ones"


def near_limits(tree: Mapping[str, Any], size: int) -> str:
    """What a single large object comes near to; empty for nothing. ``size`` is its JSON as stored."""
    data = sum(_length(tree.get(part)) for part in ("data", "binaryData", "stringData"))
    metadata = tree.get("metadata")
    annotations = _length(metadata.get("annotations")) if isinstance(metadata, Mapping) else 0
    if size > LARGEST_REQUEST:
        return "has more than the 1.5 MiB that etcd takes in one request by default"
    if data > NEAR * LARGEST_DATA:
        return "has nearly the 1 MiB of data that a ConfigMap or Secret may hold"
    if annotations > NEAR * LARGEST_ANNOTATIONS:
        return "has nearly the 256 KiB of annotations that an object may have"
    if size > NEAR * LARGEST_REQUEST:
        return "has nearly the 1.5 MiB that etcd takes in one request by default"
    return ""


def _length(texts: object) -> int:
    """The characters of a mapping's keys and values."""
    return (
        sum(len(str(key)) + len(str(value)) for key, value in texts.items())
        if isinstance(texts, Mapping)
        else 0
    )


def warnings_of(plan: Plan) -> list[str]:
    """What the size of the whole batch makes worth saying, each with what can be done."""
    jobs, active = plan.objects.get("Job", 0), plan.rate.max_active
    found = []
    if jobs > MANY_JOBS and (active is None or active > MANY_JOBS):
        found.append(
            f"{jobs:,} Jobs at a time: Kubernetes is tested with no number of them, and reports of trouble "
            f"begin at some thousands; --max-active 500 sends them as others finish, {OTHER_SHAPES}"
        )
    pods = plan.pods_at_once
    if pods > PODS_OF_CLUSTER:
        found.append(f"{pods:,} pods at a time: a cluster is tested with {PODS_OF_CLUSTER:,} at most")
    most = max(plan.pods_by_namespace.values(), default=0)
    if most > MANY_PODS:
        found.append(
            f"{most:,} pods at a time in one namespace: Kubernetes is tested with {MANY_PODS:,}; they need "
            f"{ceil(most / PODS_ON_NODE):,} nodes at the usual {PODS_ON_NODE} pods on each"
        )
    if plan.pods_in_all > ENDED_PODS and not plan.expires:
        found.append(
            f"{plan.pods_in_all:,} pods in all: when {ENDED_PODS:,} have ended in the cluster, the oldest "
            "are deleted, and their logs with them; --max-active with --delete-finished collects them before"
        )
    if plan.pods_in_all / CONTROLLER_QPS > max(SLOW_START, plan.seconds):
        found.append(
            f"the Job controller makes {CONTROLLER_QPS} requests a second by default: to start "
            f"{plan.pods_in_all:,} pods takes it at least {minutes(plan.pods_in_all / CONTROLLER_QPS)}"
        )
    if plan.etcd_bytes > STORE / 10:
        found.append(
            f"{plan.etcd_bytes / MIB:,.0f} MiB of objects: etcd holds {STORE // MIB:,} MiB by default, and "
            "keeps what every change replaced until it is compacted"
        )
    return found


def indexed_warning(completions: int, parallelism: int) -> str:
    """What the server warns of in an Indexed Job; empty for nothing."""
    if completions > MANY_COMPLETIONS and parallelism > MANY_AT_ONCE:
        return (
            f"spec.completions: above {MANY_COMPLETIONS:,}, with a parallelism above {MANY_AT_ONCE:,}, the "
            "Job may lose track of its completed indexes when many fail"
        )
    return ""


def minutes(seconds: float) -> str:
    """A time for people: ``45 s``, ``3 min 20 s``, ``1 h 23 min``."""
    whole = ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"
