"""The table of kinds: everything that differs from kind to kind stands in one row.

Names, short names, categories and verbs are those of the registries of kube-apiserver v1.36, and of the
projects whose kinds are known beside them. What a kind needs functions for is named by a dotted path
(``package.module:name``) and imported by `load` when it is first used: the table itself imports nothing, and
may name what stands above it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import import_module
from typing import Any, Final

from expander.kube.api_resource import (
    AGE,
    ALL_VERBS,
    DEFAULTS,
    NAMES,
    PRINTERS,
    RULES,
    SCALE,
    STATUS_VERBS,
    WARNINGS,
    PrinterColumn,
    Resource,
    Subresource,
    guess_plural,
    snake_case,
    status_of,
)
from expander.kube.companions import CLASSES, COMPANIONS, EVENT, GROUPS
from expander.kube.custom_kinds import CUSTOM
from expander.kube.wellknown import RBAC

_UPDATES: Final = "expander.validate.updates:"
_STRATEGY: Final = "expander.local.apiserver.strategy:"
_FIELDS: Final = "expander.local.apiserver.field_selectors:"
_STRATEGIES: Final = "expander.local.registry:"
_ADMISSION: Final = "expander.local.admission."
_SCHEMAS: Final = "expander.local.apiserver.patch.merge_schema:"
_CANONICAL: Final = "expander.local.apiserver.patch.merge_schema:canonical_"
_QUOTA: Final = "expander.kube.quota:"
_DEFAULT_ROLES: Final = "expander.local.controllers.default_roles:"


def _replicated(
    kind: str,
    short_name: str,
    *,
    group: str = "apps",
    update_rules: str = "workloads:check_selector_changes",
    warnings: str = "named_workload",
    plain_quota: bool = False,
    queued: bool = False,
) -> Resource:
    """A workload that keeps a number of pods running."""
    snake = snake_case(kind)
    return Resource(
        group=group,
        kind=kind,
        plural=guess_plural(kind),
        short_names=(short_name,),
        categories=("all",),
        verbs=ALL_VERBS,
        subresources=(SCALE, status_of(kind)),
        decoded=True,
        defaults=f"{DEFAULTS}apps:{snake}",
        rules=f"{RULES}workloads:check_{snake}",
        update_rules=update_rules and RULES + update_rules,
        warnings=WARNINGS + warnings,
        has_generation=True,
        printer=f"{PRINTERS}apps:{snake.upper()}",
        plain_quota=plain_quota,
        queued=queued,
    )


def _role(kind: str, *, namespaced: bool = True) -> Resource:
    return Resource(
        group=RBAC,
        kind=kind,
        plural=guess_plural(kind),
        namespaced=namespaced,
        verbs=ALL_VERBS,
        decoded=True,
        defaults=RULES + "rbac:fill_role",
        rules=f"{RULES}rbac:check_{'role' if namespaced else 'cluster_role'}",
        initial="" if namespaced else _DEFAULT_ROLES + "initial_roles",
        columns=(
            PrinterColumn("Created At", "metadata.creationTimestamp", "date", "When it came into being."),
        ),
        created_first=True,
    )


def _binding(kind: str, *, namespaced: bool = True) -> Resource:
    return Resource(
        group=RBAC,
        kind=kind,
        plural=guess_plural(kind),
        namespaced=namespaced,
        verbs=ALL_VERBS,
        decoded=True,
        defaults=RULES + "rbac:fill_binding",
        rules=f"{RULES}rbac:check_{'role_binding' if namespaced else 'cluster_role_binding'}",
        update_rules=RULES + "rbac:check_binding_changes",
        initial="" if namespaced else _DEFAULT_ROLES + "initial_bindings",
        printer=PRINTERS + "rbac:BINDING",
        created_first=True,
    )


_CORE: Final = (
    Resource(
        kind="ConfigMap",
        plural="configmaps",
        short_names=("cm",),
        verbs=ALL_VERBS,
        decoded=True,
        rules=RULES + "core:check_config_map",
        update_rules=_UPDATES + "check_config_changes",
        printer=PRINTERS + "core:CONFIG_MAP",
        plain_quota=True,
        cleanup_rank=4,
        runs_here=True,
    ),
    Resource(
        kind="Event",
        plural="events",
        short_names=("ev",),
        verbs=ALL_VERBS,
        rules=RULES + "components:check_event",
        schema=_SCHEMAS + "EVENT",
        printer=PRINTERS + "core:EVENT",
        field_labels=_FIELDS + "EVENT",
    ),
    Resource(
        kind="LimitRange",
        plural="limitranges",
        short_names=("limits",),
        verbs=ALL_VERBS,
        decoded=True,
        defaults=DEFAULTS + "core:limit_range",
        rules=RULES + "limit_range:check_limit_range",
        columns=(
            PrinterColumn(
                "Created At", "metadata.creationTimestamp", "date", "When the object came into being."
            ),
        ),
        created_first=True,
    ),
    Resource(
        kind="Namespace",
        plural="namespaces",
        namespaced=False,
        short_names=("ns",),
        verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
        subresources=(Subresource("finalize", "Namespace", ("update",)), status_of("Namespace")),
        decoded=True,
        defaults=DEFAULTS + "core:namespace",
        rules=RULES + "metadata:check_namespace",
        prepare=_STRATEGIES + "prepare_namespace",
        admit_delete=(_ADMISSION + "namespace_lifecycle:check_deletion",),
        initial=_ADMISSION + "namespace_lifecycle:initial_namespaces",
        printer=PRINTERS + "core:NAMESPACE",
        field_labels=_FIELDS + "NAMESPACE",
        name_rule=NAMES + "label_name",
        created_first=True,
    ),
    Resource(
        kind="Node",
        plural="nodes",
        namespaced=False,
        short_names=("no",),
        verbs=ALL_VERBS,
        subresources=(status_of("Node"),),
        rules=RULES + "metadata:check_cluster_wide",
        schema=_SCHEMAS + "NODE",
        printer=PRINTERS + "core:NODE",
        field_labels=_FIELDS + "NODE",
    ),
    Resource(
        kind="Pod",
        plural="pods",
        short_names=("po",),
        categories=("all",),
        verbs=ALL_VERBS,
        subresources=(
            Subresource("attach", "PodAttachOptions", ("create", "get")),
            Subresource("ephemeralcontainers", "Pod", STATUS_VERBS),
            Subresource("eviction", "Eviction", ("create",), "policy", "v1"),
            Subresource("exec", "PodExecOptions", ("create", "get")),
            Subresource("log", "Pod", ("get",)),
            Subresource("portforward", "PodPortForwardOptions", ("create", "get")),
            status_of("Pod"),
        ),
        decoded=True,
        defaults=DEFAULTS + "core:pod",
        rules=RULES + "pod.pod_spec:check_whole_pod",
        warnings=WARNINGS + "bare_pod",
        update_rules=_UPDATES + "check_pod_changes",
        strategy=_STRATEGY + "PodStrategy",
        prepare=_STRATEGIES + "prepare_pod",
        has_generation=True,
        admit=(
            _ADMISSION + "priority:admit_pod",
            _ADMISSION + "runtime_class:admit_pod",
            _ADMISSION + "chain:admit_pod",
        ),
        canonical=_CANONICAL + "pod",
        printer=PRINTERS + "pods:POD",
        field_labels=_FIELDS + "POD",
        quota=_QUOTA + "count_pod",
        cleanup_rank=3,
        queued=True,
        runs_here=True,
    ),
    Resource(
        kind="ResourceQuota",
        plural="resourcequotas",
        short_names=("quota",),
        verbs=ALL_VERBS,
        subresources=(status_of("ResourceQuota"),),
        decoded=True,
        rules=RULES + "quota:check_resource_quota",
        update_rules=_UPDATES + "check_quota_changes",
        printer=PRINTERS + "core:RESOURCE_QUOTA",
        plain_quota=True,
        created_first=True,
    ),
    Resource(
        kind="Secret",
        plural="secrets",
        verbs=ALL_VERBS,
        decoded=True,
        defaults=DEFAULTS + "core:secret",
        rules=RULES + "core:check_secret",
        warnings=WARNINGS + "secret",
        update_rules=_UPDATES + "check_secret_changes",
        prepare=_STRATEGIES + "prepare_secret",
        canonical="expander.kube.objects:with_string_data",
        printer=PRINTERS + "core:SECRET",
        field_labels=_FIELDS + "SECRET",
        plain_quota=True,
        cleanup_rank=5,
        runs_here=True,
    ),
    Resource(
        kind="ServiceAccount",
        plural="serviceaccounts",
        short_names=("sa",),
        verbs=ALL_VERBS,
        subresources=(Subresource("token", "TokenRequest", ("create",), "authentication.k8s.io", "v1"),),
        decoded=True,
        rules=RULES + "metadata:check_named",
        warnings=WARNINGS + "service_account",
        columns=(AGE,),
        created_first=True,
    ),
    Resource(
        kind="Service",
        plural="services",
        short_names=("svc",),
        categories=("all",),
        verbs=ALL_VERBS,
        subresources=(status_of("Service"),),
        decoded=True,
        defaults=DEFAULTS + "core:service",
        rules=RULES + "service:check_service",
        warnings=WARNINGS + "service",
        update_rules=_UPDATES + "check_service_changes",
        strategy=_STRATEGY + "ServiceStrategy",
        prepare="expander.local.service_allocation:prepare_service",
        prepare_update="expander.local.service_allocation:prepare_service_update",
        initial="expander.local.controllers.services:initial_services",
        printer=PRINTERS + "core:SERVICE",
        field_labels=_FIELDS + "SERVICE",
        quota=_QUOTA + "count_service",
        plain_quota=True,
        name_rule=NAMES + "label_name",
        cleanup_rank=6,
        runs_here=True,
    ),
    Resource(
        kind="PersistentVolumeClaim",
        plural="persistentvolumeclaims",
        short_names=("pvc",),
        verbs=ALL_VERBS,
        subresources=(status_of("PersistentVolumeClaim"),),
        decoded=True,
        prepare=_STRATEGIES + "prepare_claim",
        printer=PRINTERS + "volumes:CLAIM",
        defaults=DEFAULTS + "core:claim",
        rules=RULES + "claim:check_claim",
        update_rules=_UPDATES + "check_claim_changes",
        warnings=WARNINGS + "claim_object",
        admit=(_ADMISSION + "chain:with_default_class", _ADMISSION + "chain:admit_claim"),
        admit_update=(_ADMISSION + "chain:check_resize",),
        quota=_QUOTA + "count_claim",
        plain_quota=True,
        runs_here=True,
    ),
    Resource(
        kind="PodTemplate",
        plural="podtemplates",
        verbs=ALL_VERBS,
        columns=(AGE,),
        decoded=True,
        defaults=DEFAULTS + "core:pod_template",
        rules=RULES + "pod.pod_spec:check_template_object",
        warnings=WARNINGS + "pod_template",
    ),
    _replicated(
        "ReplicationController",
        "rc",
        group="",
        update_rules="",
        plain_quota=True,
    ),
    Resource(
        kind="PersistentVolume",
        plural="persistentvolumes",
        namespaced=False,
        short_names=("pv",),
        verbs=ALL_VERBS,
        subresources=(status_of("PersistentVolume"),),
        decoded=True,
        defaults=RULES + "storage:fill_volume",
        rules=RULES + "storage:check_volume",
        warnings=WARNINGS + "volume",
        printer=PRINTERS + "volumes:VOLUME",
    ),
)
_API_EXTENSIONS: Final = (
    Resource(
        group="apiextensions.k8s.io",
        kind="CustomResourceDefinition",
        plural="customresourcedefinitions",
        namespaced=False,
        short_names=("crd", "crds"),
        categories=("api-extensions",),
        verbs=ALL_VERBS,
        subresources=(status_of("CustomResourceDefinition"),),
        strategy="expander.local.apiextensions.definition:DefinitionStrategy",
        rules="expander.validate.crds.definition_rules:check_definition",
        update_rules="expander.validate.crds.definition_rules:check_definition_changes",
        prepare="expander.local.apiextensions.definition:prepare_definition",
        has_generation=True,
        schema=_SCHEMAS + "DEFINITION",
        printer=PRINTERS + "core:DEFINITION",
        created_first=True,
    ),
)
_BATCH: Final = (
    Resource(
        group="batch",
        kind="CronJob",
        plural="cronjobs",
        short_names=("cj",),
        categories=("all",),
        verbs=ALL_VERBS,
        subresources=(status_of("CronJob"),),
        decoded=True,
        defaults=DEFAULTS + "batch:cron_job",
        rules=RULES + "batch.cronjob:check_cron_job",
        warnings=WARNINGS + "cron_job",
        has_generation=True,
        printer=PRINTERS + "batch:CRON_JOB",
        name_rule=NAMES + "cron_job_name",
        cleanup_rank=1,
    ),
    Resource(
        group="batch",
        kind="Job",
        plural="jobs",
        categories=("all",),
        orphans_dependents=True,
        verbs=ALL_VERBS,
        subresources=(status_of("Job"),),
        decoded=True,
        defaults=DEFAULTS + "batch:job",
        rules=RULES + "batch.job:check_job",
        warnings=WARNINGS + "job",
        update_rules=_UPDATES + "check_job_changes",
        strategy=_STRATEGY + "JobStrategy",
        shares_kind=True,
        has_generation=True,
        canonical=_CANONICAL + "job",
        printer=PRINTERS + "batch:JOB",
        field_labels=_FIELDS + "JOB",
        name_rule=NAMES + "job_name",
        cleanup_rank=2,
        suspend=("spec",),
        queued=True,
        runs_here=True,
    ),
)
_COORDINATION: Final = (
    Resource(
        group="coordination.k8s.io",
        kind="Lease",
        plural="leases",
        verbs=ALL_VERBS,
        decoded=True,
        rules=RULES + "components:check_lease",
        columns=(PrinterColumn("Holder", "spec.holderIdentity"), AGE),
    ),
)
_RBAC: Final = (
    _role("ClusterRole", namespaced=False),
    _binding("ClusterRoleBinding", namespaced=False),
    _role("Role"),
    _binding("RoleBinding"),
)
_STORAGE: Final = (
    Resource(
        group="storage.k8s.io",
        kind="StorageClass",
        plural="storageclasses",
        namespaced=False,
        short_names=("sc",),
        verbs=ALL_VERBS,
        decoded=True,
        defaults=RULES + "storage:fill_class",
        rules=RULES + "storage:check_class",
        warnings=WARNINGS + "storage_class",
        initial="expander.local.controllers.volumes:initial_classes",
        printer=PRINTERS + "volumes:CLASS",
    ),
    Resource(
        group="storage.k8s.io",
        kind="CSIStorageCapacity",
        plural="csistoragecapacities",
        verbs=ALL_VERBS,
        decoded=True,
        rules=RULES + "storage:check_capacity",
        update_rules=RULES + "storage:check_capacity_changes",
        columns=(
            PrinterColumn("StorageClassName", "storageClassName"),
            PrinterColumn("Capacity", "capacity"),
        ),
    ),
)
_APPS: Final = (
    Resource(
        group="apps",
        kind="ControllerRevision",
        plural="controllerrevisions",
        verbs=ALL_VERBS,
        decoded=True,
        rules=RULES + "workloads:check_revision",
        columns=(PrinterColumn("Revision", "revision", "integer"), AGE),
    ),
    _replicated("Deployment", "deploy", queued=True),
    _replicated("ReplicaSet", "rs"),
    _replicated(
        "StatefulSet",
        "sts",
        update_rules="workloads:check_stateful_set_changes",
        warnings="stateful_set",
        queued=True,
    ),
)
KINDS: Final = (
    *_CORE,
    *_API_EXTENSIONS,
    *_APPS,
    *_BATCH,
    *_COORDINATION,
    *COMPANIONS,
    EVENT,
    *_RBAC,
    *CLASSES,
    *_STORAGE,
    *CUSTOM,
    *GROUPS,
)
RESOURCES: Final = tuple(each for each in KINDS if each.verbs)
"""What the local API serves, in the order of discovery."""

BY_KIND: Final = {each.kind: each for each in reversed(KINDS)}
"""By the name of the kind alone; the first of the table, which is that of Kubernetes, goes before others."""
_BY_API: Final = {
    (f"{each.group}/{version}" if each.group else version, each.kind): each
    for each in KINDS
    for version in (each.version, *each.older)
}

CLEANUP_ORDER: Final = tuple(
    each.kind for each in sorted(KINDS, key=lambda each: each.cleanup_rank) if each.cleanup_rank
)
"""The kinds that ``cleanup`` deletes, in order."""

COMPANION_KINDS: Final = tuple(kind for kind in CLEANUP_ORDER if kind not in ("Job", "Pod"))
"""Those of them that are neither Jobs nor their pods."""

STORED: Final = tuple(
    dict.fromkeys(
        each.kind
        for each in sorted(KINDS, key=lambda each: each.cleanup_rank or len(KINDS))
        if each.namespaced and not each.computed and (each.verbs or each.runs_here)
    )
)
"""The kinds of objects in the namespaces of a local cluster, owners before what they own."""


def find(api_version: str, kind: str) -> Resource | None:
    """The row of a kind of one group and version; None for a kind that is not known."""
    return _BY_API.get((api_version, kind))


_RIVALS: Final = {
    (each.api_version, each.kind): each.group
    for each in KINDS
    if each.shares_kind and BY_KIND[each.kind] is not each
}


def rival_group(api_version: str, kind: str) -> str:
    """The API group of a kind that has the name of one of Kubernetes (Volcano's Job); empty for others."""
    return _RIVALS.get((api_version, kind), "")


def rival_groups(kind: str) -> tuple[str, ...]:
    """What `rival_group` may be for kinds of that name, that of Kubernetes first."""
    return ("", *(group for (_, name), group in _RIVALS.items() if name == kind))


def of_object(obj: Mapping[str, Any]) -> Resource | None:
    """The row of the kind of an object; without an apiVersion the name of the kind decides."""
    api_version, kind = obj.get("apiVersion"), obj.get("kind") or ""
    return find(api_version, kind) if api_version else BY_KIND.get(kind)


def is_namespaced(obj: Mapping[str, Any]) -> bool:
    """Whether objects of this kind live in namespaces; a kind that is not known does."""
    return _is_namespaced(str(obj.get("apiVersion") or ""), str(obj.get("kind")))


@lru_cache(maxsize=1024)
def _is_namespaced(api_version: str, kind: str) -> bool:
    group = api_version.rpartition("/")[0]
    return all(
        each.namespaced for each in KINDS if each.kind == kind and (not api_version or each.group == group)
    )


def plural_of(api_version: str, kind: str) -> str:
    """The plural of a kind: of the table, else as apimachinery guesses it."""
    found = find(api_version, kind)
    return guess_plural(kind) if found is None else found.plural


@cache
def load(path: str) -> Any:
    """What a dotted path of the table names; its module is imported the first time."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
