"""Kinds that come with a batch: rows of the table in `scheme`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.kube.api_resource import (
    AGE,
    ALL_VERBS,
    PRINTERS,
    RULES,
    STATUS_VERBS,
    WARNINGS,
    PrinterColumn,
    Resource,
    Subresource,
    guess_plural,
    status_of,
)

_SCHEDULING: Final = "scheduling.k8s.io"
_PRIORITY: Final = "expander.local.admission.priority:"

_CORE_NAMES: Final = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_OWN_NAMES: Final = {core: own for own, core in _CORE_NAMES.items()}


def _known(kind: str, group: str = "", *, created_first: bool = False) -> Resource:
    """A kind of Kubernetes of which only the scope matters here."""
    return Resource(
        group=group,
        kind=kind,
        plural=guess_plural(kind),
        namespaced=False,
        created_first=created_first,
    )


def _measured(kind: str, plural: str, *, namespaced: bool = True) -> Resource:
    """What metrics-server tells of ``plural``."""
    return Resource(
        group="metrics.k8s.io",
        version="v1beta1",
        kind=kind,
        plural=plural,
        namespaced=namespaced,
        verbs=("get", "list"),
        rules=RULES + "metadata:check_named",
        computed=f"expander.local.apiserver.storage:{plural[:-1]}_metrics",
        columns=(PrinterColumn("Window", "window"),),
    )


def _policy(kind: str, rules: str) -> Resource:
    """A kind of admission policies."""
    return Resource(
        group="admissionregistration.k8s.io",
        kind=kind,
        plural=guess_plural(kind),
        namespaced=False,
        decoded=True,
        defaults=f"{RULES}admission_policy:fill_{rules}",
        rules=f"{RULES}admission_policy:check_{rules}",
        has_generation=True,
        created_first=True,
    )


def _grouped(kind: str, plural: str, *, defaults: str = "", rules: str) -> Resource:
    """A kind of workload-aware scheduling, which servers have where GenericWorkload is on."""
    return Resource(
        group=_SCHEDULING,
        version="v1beta1",
        older=("v1alpha3",),
        kind=kind,
        plural=plural,
        decoded=True,
        defaults=defaults,
        rules=f"{RULES}pod_group:check_{rules}",
        update_rules=f"{RULES}pod_group:check_{rules}_changes",
    )


COMPANIONS: Final = (
    _policy("ValidatingAdmissionPolicy", "policy"),
    _policy("ValidatingAdmissionPolicyBinding", "binding"),
    Resource(
        group="discovery.k8s.io",
        kind="EndpointSlice",
        plural="endpointslices",
        strategy="expander.local.apiserver.strategy:EndpointsStrategy",
        verbs=ALL_VERBS,
        decoded=True,
        defaults=RULES + "endpoint_slice:fill",
        rules=RULES + "endpoint_slice:check_endpoint_slice",
        warnings=WARNINGS + "endpoint_slice",
        update_rules=RULES + "endpoint_slice:check_slice_changes",
        has_generation=True,
        printer=PRINTERS + "network:ENDPOINT_SLICE",
    ),
    _measured("NodeMetrics", "nodes", namespaced=False),
    _measured("PodMetrics", "pods"),
    Resource(
        group="networking.k8s.io",
        kind="Ingress",
        plural="ingresses",
        short_names=("ing",),
        verbs=ALL_VERBS,
        subresources=(status_of("Ingress"),),
        decoded=True,
        rules=RULES + "ingress:check_ingress",
        has_generation=True,
        printer=PRINTERS + "network:INGRESS",
    ),
    Resource(
        group="networking.k8s.io",
        kind="NetworkPolicy",
        plural="networkpolicies",
        short_names=("netpol",),
        verbs=ALL_VERBS,
        decoded=True,
        defaults=RULES + "network_policy:fill",
        rules=RULES + "network_policy:check_network_policy",
        warnings=WARNINGS + "network_policy",
        has_generation=True,
        printer=PRINTERS + "network:POLICY",
    ),
    Resource(
        group="policy",
        kind="PodDisruptionBudget",
        plural="poddisruptionbudgets",
        short_names=("pdb",),
        verbs=ALL_VERBS,
        subresources=(status_of("PodDisruptionBudget"),),
        decoded=True,
        rules=RULES + "disruption_budget:check_disruption_budget",
        has_generation=True,
        printer=PRINTERS + "policy:BUDGET",
        created_first=True,
    ),
    Resource(
        kind="Endpoints",
        plural="endpoints",
        strategy="expander.local.apiserver.strategy:EndpointsStrategy",
        short_names=("ep",),
        verbs=ALL_VERBS,
        decoded=True,
        defaults=RULES + "endpoint_slice:fill_endpoints",
        rules=RULES + "endpoint_slice:check_endpoints",
        printer=PRINTERS + "network:ENDPOINTS",
    ),
    Resource(
        group="apps",
        kind="DaemonSet",
        plural="daemonsets",
        short_names=("ds",),
        categories=("all",),
        verbs=ALL_VERBS,
        subresources=(status_of("DaemonSet"),),
        decoded=True,
        defaults="expander.validate.defaults.apps:daemon_set",
        rules=RULES + "workloads:check_daemon_set",
        warnings=WARNINGS + "daemon_set",
        update_rules=RULES + "workloads:check_selector_changes",
        has_generation=True,
        printer=PRINTERS + "apps:DAEMON_SET",
    ),
    _known("CSIDriver", "storage.k8s.io"),
    Resource(
        group="networking.k8s.io",
        kind="IngressClass",
        plural="ingressclasses",
        namespaced=False,
        verbs=ALL_VERBS,
        decoded=True,
        defaults=RULES + "ingress:fill_class",
        rules=RULES + "ingress:check_class",
        update_rules=RULES + "ingress:check_class_changes",
        has_generation=True,
        printer=PRINTERS + "network:INGRESS_CLASS",
    ),
    Resource(
        group="certificates.k8s.io",
        kind="CertificateSigningRequest",
        plural="certificatesigningrequests",
        namespaced=False,
        short_names=("csr",),
        verbs=ALL_VERBS,
        subresources=(
            Subresource("approval", "CertificateSigningRequest", STATUS_VERBS),
            status_of("CertificateSigningRequest"),
        ),
        decoded=True,
        strategy="expander.local.apiserver.strategy:SigningRequestStrategy",
        rules=RULES + "certificates:check_certificate_signing_request",
        printer=PRINTERS + "certificates:SIGNING_REQUEST",
    ),
)

CLASSES: Final = (
    Resource(
        group=_SCHEDULING,
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
        admit=(_PRIORITY + "check_default",),
        admit_update=(_PRIORITY + "check_default",),
        admit_delete=(_PRIORITY + "check_deletion",),
        initial=_PRIORITY + "initial_classes",
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
"""Classes of pods."""
GROUPS: Final = (
    _grouped("PodGroup", "podgroups", defaults=RULES + "pod_group:fill", rules="pod_group"),
    _grouped("Workload", "workloads", rules="workload"),
)
"""Of workload-aware scheduling."""


class EventResource(Resource):
    """The row of events.k8s.io; the store has v1 Events, the same under other names of fields.

    pkg/apis/events/v1/conversion.go decides.
    """

    @property
    def stored_version(self) -> str:
        """That of the core group."""
        return "v1"

    def stored(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """The v1 Event."""
        return {**_renamed(obj, _CORE_NAMES), "apiVersion": "v1"}

    def shown(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """The Event of this group."""
        return {**_renamed(obj, _OWN_NAMES), "apiVersion": self.api_version}

    def printed(self, obj: Mapping[str, Any]) -> Mapping[str, Any]:
        """Tables are those of v1 Events."""
        return self.stored(obj)


def _renamed(obj: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(field, field): value for field, value in obj.items()}


EVENT: Final = EventResource(
    group="events.k8s.io",
    kind="Event",
    plural="events",
    short_names=("ev",),
    verbs=ALL_VERBS,
    stored_as="Event",
    rules=RULES + "components:check_event",
    schema="expander.local.apiserver.patch.merge_schema:EVENT",
    printer=PRINTERS + "core:EVENT",
    field_labels="expander.local.apiserver.field_selectors:EVENT_OF_GROUP",
)
