"""Kinds of other projects: Volcano, Kueue, JobSet, and what Kueue takes. Rows of the table in `scheme`."""

from __future__ import annotations

from typing import Final

from expander.kube.api_resource import (
    ALL_VERBS,
    DEFAULTS,
    NAMES,
    RULES,
    PrinterColumn,
    Resource,
    guess_plural,
    status_of,
)

_CUSTOM_STRATEGY: Final = "expander.local.apiserver.strategy:CustomKindStrategy"
_VOLCANO: Final = "expander.local.controllers.volcano.queues:"


def _queue(kind: str, plural: str, *, namespaced: bool = False, rules: str) -> Resource:
    return Resource(
        group="kueue.x-k8s.io",
        version="v1beta2",
        older=("v1beta1",),
        kind=kind,
        plural=plural,
        namespaced=namespaced,
        rules=RULES + rules,
    )


def _workload(kind: str, group: str, version: str, *place: str) -> Resource:
    """A workload of another project that Kueue takes; ``place`` is where it can be suspended."""
    return Resource(
        group=group, version=version, kind=kind, plural=guess_plural(kind), suspend=place, queued=True
    )


CUSTOM: Final = (
    Resource(
        group="batch.volcano.sh",
        version="v1alpha1",
        kind="Job",
        plural="jobs",
        decoded=True,
        defaults=DEFAULTS + "custom:volcano_job",
        rules=RULES + "volcano_job:check_volcano_job",
        name_rule=NAMES + "volcano_job_name",
        short_names=("vcjob", "vj"),
        verbs=ALL_VERBS,
        subresources=(status_of("Job"),),
        strategy=_CUSTOM_STRATEGY,
        has_generation=True,
        admit=(_VOLCANO + "admit_job",),
        columns=(
            PrinterColumn("STATUS", ".status.state.phase"),
            PrinterColumn("minAvailable", ".status.minAvailable", "integer"),
            PrinterColumn("RUNNINGS", ".status.running", "integer"),
            PrinterColumn("AGE", ".metadata.creationTimestamp", "date"),
            PrinterColumn("QUEUE", ".spec.queue", priority=1),
        ),
        shares_kind=True,
        runs_here=True,
    ),
    Resource(
        group="bus.volcano.sh",
        version="v1alpha1",
        kind="Command",
        plural="commands",
        verbs=ALL_VERBS,
        strategy=_CUSTOM_STRATEGY,
        rules=RULES + "metadata:check_named",
        schema="expander.kube.schemas:EVERYTHING",
        columns=(PrinterColumn("AGE", ".metadata.creationTimestamp", "date"),),
    ),
    Resource(
        group="scheduling.volcano.sh",
        version="v1beta1",
        kind="PodGroup",
        plural="podgroups",
        short_names=("pg", "podgroup-v1beta1"),
        verbs=ALL_VERBS,
        decoded=True,
        strategy=_CUSTOM_STRATEGY,
        rules=RULES + "metadata:check_named",
        columns=(
            PrinterColumn("STATUS", ".status.phase"),
            PrinterColumn("minMember", ".spec.minMember", "integer"),
            PrinterColumn("RUNNINGS", ".status.running", "integer"),
            PrinterColumn("AGE", ".metadata.creationTimestamp", "date"),
            PrinterColumn("QUEUE", ".spec.queue", priority=1),
        ),
    ),
    Resource(
        group="scheduling.volcano.sh",
        version="v1beta1",
        kind="Queue",
        plural="queues",
        namespaced=False,
        short_names=("q", "queue-v1beta1"),
        verbs=ALL_VERBS,
        subresources=(status_of("Queue"),),
        decoded=True,
        strategy=_CUSTOM_STRATEGY,
        has_generation=True,
        rules=RULES + "metadata:check_cluster_wide",
        prepare=_VOLCANO + "prepare_queue",
        admit_delete=(_VOLCANO + "check_queue_deletion",),
        initial=_VOLCANO + "initial_queues",
        columns=(
            PrinterColumn("PARENT", ".spec.parent"),
            PrinterColumn("STATE", ".status.state", priority=1),
        ),
    ),
    _queue("LocalQueue", "localqueues", namespaced=True, rules="metadata:check_named"),
    _queue("ClusterQueue", "clusterqueues", rules="kueue:check_cluster_queue"),
    _queue("ResourceFlavor", "resourceflavors", rules="kueue:check_flavor"),
    _queue("WorkloadPriorityClass", "workloadpriorityclasses", rules="metadata:check_cluster_wide"),
    _queue("AdmissionCheck", "admissionchecks", rules="metadata:check_cluster_wide"),
    Resource(
        group="jobset.x-k8s.io",
        version="v1alpha2",
        kind="JobSet",
        plural="jobsets",
        decoded=True,
        defaults=DEFAULTS + "custom:jobset",
        rules=RULES + "jobset:check_jobset",
        name_rule=NAMES + "jobset_name",
        suspend=("spec",),
        queued=True,
    ),
    _workload("TrainJob", "trainer.kubeflow.org", "v1alpha1", "spec"),
    _workload("RayJob", "ray.io", "v1", "spec"),
    _workload("RayCluster", "ray.io", "v1", "spec"),
    _workload("MPIJob", "kubeflow.org", "v2beta1", "spec", "runPolicy"),
    _workload("PyTorchJob", "kubeflow.org", "v1", "spec", "runPolicy"),
    _workload("TFJob", "kubeflow.org", "v1", "spec", "runPolicy"),
    _workload("XGBoostJob", "kubeflow.org", "v1", "spec", "runPolicy"),
    _workload("PaddleJob", "kubeflow.org", "v1", "spec", "runPolicy"),
    _workload("JAXJob", "kubeflow.org", "v1", "spec", "runPolicy"),
    _workload("AppWrapper", "workload.codeflare.dev", "v1beta2"),
    _workload("LeaderWorkerSet", "leaderworkerset.x-k8s.io", "v1"),
    _workload("SparkApplication", "sparkoperator.k8s.io", "v1beta2"),
)
