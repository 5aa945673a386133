"""Kinds of scheduling.k8s.io and node.k8s.io: rows of the table in `scheme`."""

from __future__ import annotations

from typing import Final

from expander.kube.api_resource import AGE, ALL_VERBS, RULES, PrinterColumn, Resource

_GROUP: Final = "scheduling.k8s.io"
_ADMISSION: Final = "expander.local.admission.priority:"


def _grouped(kind: str, plural: str, *, defaults: str = "", rules: str) -> Resource:
    """A kind of workload-aware scheduling, which servers have where GenericWorkload is on."""
    return Resource(
        group=_GROUP,
        version="v1beta1",
        older=("v1alpha3",),
        kind=kind,
        plural=plural,
        decoded=True,
        defaults=defaults,
        rules=f"{RULES}pod_group:check_{rules}",
        update_rules=f"{RULES}pod_group:check_{rules}_changes",
    )


CLASSES: Final = (
    Resource(
        group=_GROUP,
        kind="PriorityClass",
        plural="priorityclasses",
        namespaced=False,
        short_names=("pc",),
        verbs=ALL_VERBS,
        decoded=True,
        defaults=RULES + "priority_class:fill",
        rules=RULES + "priority_class:check_priority_class",
        update_rules=RULES + "priority_class:check_priority_class_changes",
        has_generation=True,
        admit=(_ADMISSION + "check_default",),
        admit_update=(_ADMISSION + "check_default",),
        admit_delete=(_ADMISSION + "check_deletion",),
        initial=_ADMISSION + "initial_classes",
        columns=(
            PrinterColumn("Value", "value", "integer", "The priority of the pods that name it."),
            PrinterColumn(
                "Global-Default", "globalDefault", "boolean", "Whether pods that name none get it."
            ),
            AGE,
            PrinterColumn(
                "PreemptionPolicy", "preemptionPolicy", description="Whether its pods evict others."
            ),
        ),
        created_first=True,
        runs_here=True,
    ),
    Resource(
        group="node.k8s.io",
        kind="RuntimeClass",
        plural="runtimeclasses",
        namespaced=False,
        verbs=ALL_VERBS,
        decoded=True,
        rules=RULES + "runtime_class:check_runtime_class",
        update_rules=RULES + "runtime_class:check_runtime_class_changes",
        columns=(
            PrinterColumn("Handler", "handler", description="The configuration of the runtime on nodes."),
            AGE,
        ),
        created_first=True,
    ),
)
GROUPS: Final = (
    _grouped("PodGroup", "podgroups", defaults=RULES + "pod_group:fill", rules="pod_group"),
    _grouped("Workload", "workloads", rules="workload"),
)
