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

from expander.base.option_names import option

if TYPE_CHECKING:
    from expander.plan.plan import Plan

MIB: Final = 1 << 20
MAX_BODY_BYTES: Final = 3 * MIB
MAX_ETCD_REQUEST_BYTES: Final = 3 * MIB // 2
MAX_DATA_BYTES: Final = MIB
MAX_ANNOTATION_BYTES: Final = 256 << 10
NEAR_LIMIT: Final = 0.8
"""From this part of a limit on, an object is near it."""

ETCD_BYTES: Final = 2 << 30
TESTED_JOBS: Final = 3_000
TESTED_NAMESPACE_PODS: Final = 3_000
TESTED_CLUSTER_PODS: Final = 150_000
DEFAULT_NODE_PODS: Final = 110
POD_GC_THRESHOLD: Final = 12_500
CONTROLLER_QPS: Final = 20
SLOW_START_SECONDS: Final = 300
"""Seconds that the Job controller may take to make all pods before it is worth a word."""

MAX_TRACKED_COMPLETIONS, MAX_TRACKED_PARALLELISM = 100_000, 10_000


def _other_shapes() -> str:
    one, fewer = option("--as indexed"), option("--as chunks=N")
    return f"{one} makes one Job of all items, {fewer} fewer and larger ones"


def near_size_limit(tree: Mapping[str, Any], size: int) -> str:
    """Which size limit a single object is near; empty for none. ``size`` is its JSON as stored, in bytes."""
    data = sum(_length(tree.get(part)) for part in ("data", "binaryData", "stringData"))
    metadata = tree.get("metadata")
    annotations = _length(metadata.get("annotations")) if isinstance(metadata, Mapping) else 0
    if size > MAX_ETCD_REQUEST_BYTES:
        return "exceeds etcd's default request limit of 1.5 MiB"
    if data > NEAR_LIMIT * MAX_DATA_BYTES:
        return "is close to the 1 MiB of data a ConfigMap or Secret may hold"
    if annotations > NEAR_LIMIT * MAX_ANNOTATION_BYTES:
        return "is close to the 256 KiB of annotations an object may have"
    if size > NEAR_LIMIT * MAX_ETCD_REQUEST_BYTES:
        return "is close to etcd's default request limit of 1.5 MiB"
    return ""


def _length(texts: object) -> int:
    """The characters of a mapping's keys and values."""
    if not isinstance(texts, Mapping):
        return 0
    return sum(len(str(key)) + len(str(value)) for key, value in texts.items())


def warnings_of(plan: Plan) -> list[str]:
    """What the size of the whole batch makes worth a warning, each with what can be done about it."""
    jobs, active = plan.objects.get("Job", 0), plan.rate.max_active
    found = []
    if jobs > TESTED_JOBS and (active is None or active > TESTED_JOBS):
        found.append(
            f"{jobs:,} Jobs at once: Kubernetes publishes no tested limit, and trouble starts at a few "
            f"thousand; {option('--max-active 500')} sends Jobs as others finish, {_other_shapes()}"
        )
    pods = plan.pods_at_once
    if pods > TESTED_CLUSTER_PODS:
        found.append(f"{pods:,} pods at once: clusters are tested with up to {TESTED_CLUSTER_PODS:,}")
    most = max(plan.pods_by_namespace.values(), default=0)
    if most > TESTED_NAMESPACE_PODS:
        found.append(
            f"{most:,} pods at once in one namespace: Kubernetes is tested with {TESTED_NAMESPACE_PODS:,}; "
            f"they need {ceil(most / DEFAULT_NODE_PODS):,} nodes at {DEFAULT_NODE_PODS} pods each"
        )
    if plan.pods_in_all > POD_GC_THRESHOLD and not plan.expires:
        found.append(
            f"{plan.pods_in_all:,} pods in total: once {POD_GC_THRESHOLD:,} have ended in the cluster, the "
            "oldest are deleted together with their logs; "
            f"{option('--max-active')} with {option('--delete-finished', True)} collects them first"
        )
    if plan.pods_in_all / CONTROLLER_QPS > max(SLOW_START_SECONDS, plan.seconds):
        found.append(
            f"the Job controller sends {CONTROLLER_QPS} requests a second by default: starting "
            f"{plan.pods_in_all:,} pods takes at least {minutes(plan.pods_in_all / CONTROLLER_QPS)}"
        )
    if plan.etcd_bytes > ETCD_BYTES / 10:
        found.append(
            f"{plan.etcd_bytes / MIB:,.0f} MiB of objects: etcd holds {ETCD_BYTES // MIB:,} MiB by default, "
            "including old versions until compaction"
        )
    return found


def indexed_warning(completions: int, parallelism: int) -> str:
    """The API server's warning about a large Indexed Job (WarningsForJobSpec); empty for none."""
    if completions > MAX_TRACKED_COMPLETIONS and parallelism > MAX_TRACKED_PARALLELISM:
        return (
            f"spec.completions: above {MAX_TRACKED_COMPLETIONS:,}, with a parallelism above "
            f"{MAX_TRACKED_PARALLELISM:,}, the Job may lose track of its completed indexes when many fail"
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
