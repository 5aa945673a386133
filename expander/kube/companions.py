"""Kinds that come with a batch and that the local API does not serve: rows of the table in `scheme`."""

from __future__ import annotations

from typing import Final

from expander.kube.api_resource import Resource, guess_plural

_RULES: Final = "expander.validate.rules."


def _known(kind: str, group: str = "", *, created_first: bool = False) -> Resource:
    """A kind of Kubernetes of which only the scope matters here."""
    return Resource(
        group=group,
        kind=kind,
        plural=guess_plural(kind),
        namespaced=False,
        created_first=created_first,
    )


COMPANIONS: Final = (
    Resource(
        group="networking.k8s.io",
        kind="NetworkPolicy",
        plural="networkpolicies",
        short_names=("netpol",),
        decoded=True,
        defaults=_RULES + "network_policy:fill",
        rules=_RULES + "network_policy:check_network_policy",
    ),
    Resource(
        group="policy",
        kind="PodDisruptionBudget",
        plural="poddisruptionbudgets",
        short_names=("pdb",),
        decoded=True,
        rules=_RULES + "disruption_budget:check_disruption_budget",
    ),
    Resource(
        group="discovery.k8s.io",
        kind="EndpointSlice",
        plural="endpointslices",
        decoded=True,
        defaults=_RULES + "endpoint_slice:fill",
        rules=_RULES + "endpoint_slice:check_endpoint_slice",
        update_rules=_RULES + "endpoint_slice:check_slice_changes",
    ),
    Resource(
        group="apps",
        kind="DaemonSet",
        plural="daemonsets",
        short_names=("ds",),
        decoded=True,
        defaults="expander.validate.defaults.apps:daemon_set",
        rules=_RULES + "workloads:check_daemon_set",
        update_rules=_RULES + "workloads:check_selector_changes",
        has_generation=True,
    ),
    _known("CSIDriver", "storage.k8s.io"),
    _known("IngressClass", "networking.k8s.io"),
    _known("RuntimeClass", "node.k8s.io"),
)
