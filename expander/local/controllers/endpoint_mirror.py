"""EndpointSlices of Endpoints that somebody else writes, for Services without a selector.

pkg/controller/endpointslicemirroring decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from expander.kube.wellknown import SLICE_MANAGED_BY, SLICE_SERVICE
from expander.local.controllers.job.pods import controller_reference
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore

CONTROLLER: Final = "endpointslicemirroring-controller.k8s.io"
SKIP: Final = "endpointslice.kubernetes.io/skip-mirror"
LEADER: Final = "control-plane.alpha.kubernetes.io/leader"
MAX_PER_SUBSET: Final = 1000
"""Addresses of a subset that are mirrored."""
_NOT_COPIED: Final = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "endpoints.kubernetes.io/last-change-trigger-time",
)


def mirrored(store: ObjectStore, endpoints: Object) -> Iterator[Object]:
    """The slices that Endpoints should have, without names; none where they are not to be mirrored."""
    metadata = endpoints["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    service = store.get("Service", metadata["namespace"], metadata["name"])
    if service is None or service["spec"].get("selector") or LEADER in annotations:
        return
    if labels.get(SKIP) == "true":
        return
    own: dict[str, Any] = {
        "namespace": metadata["namespace"],
        "labels": {**labels, SLICE_SERVICE: metadata["name"], SLICE_MANAGED_BY: CONTROLLER},
        "ownerReferences": [controller_reference(endpoints)],
    }
    if copied := {key: value for key, value in annotations.items() if key not in _NOT_COPIED}:
        own["annotations"] = copied
    for subset in endpoints.get("subsets") or ():
        for family, found in _by_family(subset).items():
            yield {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": own,
                "addressType": family,
                "endpoints": found,
                "ports": subset.get("ports") or [],
            }


def _by_family(subset: Object) -> dict[str, list[Object]]:
    """The addresses of a subset as endpoints, by their family."""
    found: dict[str, list[Object]] = {}
    fields = (("addresses", True), ("notReadyAddresses", False))
    given = ((address, ready) for field, ready in fields for address in subset.get(field) or ())
    for address, ready in islice(given, MAX_PER_SUBSET):
        named = {key: address[key] for key in ("hostname", "nodeName", "targetRef") if key in address}
        endpoint = {"addresses": [address["ip"]], "conditions": {"ready": ready}, **named}
        found.setdefault("IPv6" if ":" in address["ip"] else "IPv4", []).append(endpoint)
    return found
