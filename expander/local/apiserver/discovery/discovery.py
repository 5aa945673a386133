"""What is served: groups, resources and their verbs, the version of the server.

kubectl asks for the aggregated form (``apidiscovery.k8s.io/v2``) of ``/api`` and ``/apis`` and falls back to
the plain ones; other clients know only these. Decided by apiserver's ``endpoints/discovery``.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final

from expander.kube.api_resource import Resource, Subresource
from expander.kube.served_kinds import BUILT_IN, ServedKinds
from expander.local.registry import GIT_VERSION

Body = dict[str, Any]

AGGREGATED_KIND: Final = "APIGroupDiscoveryList"
AGGREGATED_TYPES: Final = {
    version: f"application/json;g=apidiscovery.k8s.io;v={version};as={AGGREGATED_KIND}"
    for version in ("v2", "v2beta1")
}
"""The media type of the aggregated form, by its version; an answer must carry it word for word."""


def version() -> Body:
    """``/version``, of the release that is followed."""
    *_, minor, _ = GIT_VERSION.split(".")
    return {
        "major": "1",
        "minor": minor,
        "emulationMajor": "1",
        "emulationMinor": minor,
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": GIT_VERSION,
        "gitCommit": "$Format:%H$",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "go1.27.3",
        "compiler": "gc",
        "platform": "linux/amd64",
    }


def paths(kinds: ServedKinds = BUILT_IN) -> Body:
    """``/``: where to begin."""
    below: list[str] = []
    for group in sorted(set(kinds.groups) - {""}):
        below += [f"/apis/{group}", *(f"/apis/{group}/{each}" for each in kinds.versions(group))]
    health = [f"/{check}" for check in ("healthz", "livez", "readyz")]
    return {"paths": ["/api", "/api/v1", "/apis", *below, *health, "/openapi/v3", "/version"]}


def api_versions(address: str) -> Body:
    """``/api``; ``address`` is host and port of the server."""
    reached = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": reached}


def api_group_list(kinds: ServedKinds = BUILT_IN) -> Body:
    """``/apis``."""
    groups = [_group(group, kinds.versions(group)) for group in kinds.groups if group]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def api_group(group: str, kinds: ServedKinds = BUILT_IN) -> Body | None:
    """``/apis/GROUP``; None when it is not served."""
    versions = kinds.versions(group)
    if not group or not versions:
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, versions)}


def api_resource_list(group: str, version: str, kinds: ServedKinds = BUILT_IN) -> Body | None:
    """``/api/v1`` or ``/apis/GROUP/VERSION``; None when it is not served."""
    resources = kinds.of_group(group, version)
    if not resources:
        return None
    listed: list[Body] = []
    for resource in resources:
        listed.append(_listed(resource))
        listed += [_listed_part(resource, part) for part in resource.subresources]
    body: Body = {"kind": "APIResourceList"} | ({"apiVersion": "v1"} if group else {})
    return body | {"groupVersion": resources[0].api_version, "resources": listed}


def aggregated(core: bool, version: str = "v2", kinds: ServedKinds = BUILT_IN) -> Body:
    """``/api`` (``core``) or ``/apis`` in the aggregated form; ``version`` is ``v2`` or ``v2beta1``."""
    groups = [
        {
            "metadata": {"name": group, "creationTimestamp": None} if group else {"creationTimestamp": None},
            "versions": [
                {
                    "version": each,
                    "resources": [_aggregated(resource) for resource in kinds.of_group(group, each)],
                    "freshness": "Current",
                }
                for each in kinds.versions(group)
            ],
        }
        for group in kinds.groups
        if core is not bool(group)
    ]
    api_version = f"apidiscovery.k8s.io/{version}"
    return {"kind": AGGREGATED_KIND, "apiVersion": api_version, "metadata": {}, "items": groups}


def _group(group: str, versions: tuple[str, ...]) -> Body:
    listed = [{"groupVersion": f"{group}/{each}", "version": each} for each in versions]
    return {"name": group, "versions": listed, "preferredVersion": listed[0]}


def _listed(resource: Resource) -> Body:
    body: Body = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        body["shortNames"] = list(resource.short_names)
    if resource.categories:
        body["categories"] = list(resource.categories)
    return body | {"storageVersionHash": _storage_version(resource)}


def _storage_version(resource: Resource) -> str:
    """What changes when objects are stored in another version."""
    named = f"{resource.group}/{resource.stored_version.rpartition('/')[2]}/{resource.kind}"
    return base64.b64encode(hashlib.sha256(named.encode()).digest()[:8]).decode()


def _listed_part(resource: Resource, part: Subresource) -> Body:
    body: Body = {
        "name": f"{resource.plural}/{part.name}",
        "singularName": "",
        "namespaced": resource.namespaced,
    }
    if part.group is not None:
        body |= {"group": part.group, "version": part.version}
    return body | {"kind": part.kind, "verbs": list(part.verbs)}


def _aggregated(resource: Resource) -> Body:
    body: Body = {
        "resource": resource.plural,
        "responseKind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        body["shortNames"] = list(resource.short_names)
    if resource.categories:
        body["categories"] = list(resource.categories)
    if resource.subresources:
        body["subresources"] = [_aggregated_part(resource, part) for part in resource.subresources]
    return body


def _aggregated_part(resource: Resource, part: Subresource) -> Body:
    group = resource.group if part.group is None else part.group
    kind = {"group": group, "version": part.version or resource.version, "kind": part.kind}
    return {"subresource": part.name, "responseKind": kind, "verbs": list(part.verbs)}
