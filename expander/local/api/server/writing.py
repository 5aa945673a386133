"""create, update and patch.

The order of the checks is the API server's: the object is decoded, held against its path, filled in,
validated, admitted, and last compared with what is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.local.api.server import creation, incoming, patches
from expander.local.api.server.bodies import Body
from expander.local.api.server.reading import existing
from expander.local.api.server.refusals import Refused
from expander.local.api.server.routes import Target
from expander.local.api.server.service import Service
from expander.local.api.views import statuses
from expander.local.api.views.resources import BY_KIND
from expander.local.store.encoding import Object
from expander.validate.defaulting import defaults
from expander.validate.rules import check_rules
from expander.validate.rules.job import check_job
from expander.validate.updates import check_update

Written = tuple[Object, int, list[str]]
"""The object as it is stored, the status code, and warnings."""

NAMES: Final = 8
"""Random names that are tried before the client is asked to try again."""


def create(service: Service, target: Target, body: Body, query: Mapping[str, str]) -> Written:
    """Create an object."""
    obj, warnings = incoming.decoded(target.resource, body, incoming.level(query))
    incoming.placed(target, obj)
    if (obj.get("metadata") or {}).get("resourceVersion"):
        raise Refused(statuses.bad_request("resourceVersion should not be set on objects to be created"))
    return insert(service, target, obj, query, incoming.dry(query)), 201, warnings


def insert(service: Service, target: Target, obj: Object, query: Mapping[str, str], dry: bool) -> Object:
    """Store a new object that was decoded."""
    resource, cluster = target.resource, service.cluster
    if resource.namespaced and cluster.find("Namespace", "", target.namespace) is None:
        raise Refused(statuses.not_found(BY_KIND["Namespace"], target.namespace))
    made = creation.created(
        resource, obj, target.namespace, service.clock(), lambda: cluster.objects(BY_KIND["Service"], None)
    )
    name = made["metadata"].get("name") or ""
    found = check_job(made, made["metadata"]["uid"]) if resource.kind == "Job" else check_rules(made)
    if found:
        raise Refused(statuses.invalid(resource, name, found))
    if cluster.object(resource, target.namespace, name) is not None:
        raise Refused(statuses.already_exists(resource, name))
    if dry:
        return made
    made = cluster.create(made)
    service.driver.changed()
    return made


def update(service: Service, target: Target, body: Body, query: Mapping[str, str]) -> Written:
    """Replace an object, or its status."""
    obj, warnings = incoming.decoded(target.resource, body, incoming.level(query))
    incoming.placed(target, obj)
    old = existing(service.cluster, target)
    return store(service, target, old, obj, query), 200, warnings


def patch(service: Service, target: Target, data: bytes, media: str, query: Mapping[str, str]) -> Written:
    """Change an object, or its status, by a patch."""
    old = existing(service.cluster, target)
    new = patches.patched(target.resource, old, data, media)
    obj, warnings = incoming.decoded(target.resource, Body(new), incoming.level(query))
    incoming.placed(target, obj)
    return store(service, target, old, obj, query), 200, warnings


def store(service: Service, target: Target, old: Object, new: Object, query: Mapping[str, str]) -> Object:
    """Put ``new`` in the place of ``old``, or its status; Refused when rules or another writer forbid."""
    metadata: dict[str, Any] = {**(new.get("metadata") or {})}
    held = old["metadata"]
    name = held["name"]
    if (version := metadata.get("resourceVersion")) and version != held["resourceVersion"]:
        raise Refused(statuses.conflict(target.resource, name))
    if (uid := metadata.get("uid")) and uid != held["uid"]:
        raise Refused(statuses.precondition(target.resource, name, "UID", uid, held["uid"]))
    metadata["resourceVersion"] = held["resourceVersion"]
    for field in ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "generation"):
        if field in held:
            metadata[field] = held[field]
    new = {**new, "metadata": metadata}
    new["apiVersion"], new["kind"] = target.resource.api_version, target.resource.kind
    made = defaults(new)
    if target.part == "status":
        if incoming.dry(query):
            return {**old, "status": made.get("status", {})}
        stored = service.cluster.replace_status(old, made.get("status") or {}, old["metadata"])
    else:
        if found := check_update(made, old):
            raise Refused(statuses.invalid(target.resource, name, found))
        made = {key: value for key, value in made.items() if key != "status"}
        if "status" in old:
            made["status"] = old["status"]
        if made == old:
            return old
        if incoming.dry(query):
            return made
        stored = service.cluster.replace(old, made)
    service.driver.changed()
    return stored
