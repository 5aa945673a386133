"""create, update and patch.

The order of the checks is the API server's: the object is decoded, held against its path, filled in,
validated, admitted, and last compared with what is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from expander.kube.scheme import BY_KIND
from expander.local.api.patching.apply import apply_patch
from expander.local.api.patching.managers import settled, update_managers
from expander.local.api.server import creation, incoming, patches
from expander.local.api.server.bodies import Body
from expander.local.api.server.reading import existing
from expander.local.api.server.refusals import Refused
from expander.local.api.server.routes import Target
from expander.local.api.server.service import Service
from expander.local.api.views import statuses
from expander.local.store.encoding import Object
from expander.validate.defaults.defaults import defaults
from expander.validate.rules import check_rules
from expander.validate.rules.job import check_job
from expander.validate.updates import check_update

KEPT: Final = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "generation")
"""What of the metadata stays as it is, whatever a client sends."""

FINALIZE: Final = "finalize"
NAMELESS: Final = (
    'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
)


@dataclass(frozen=True, slots=True)
class Writer:
    """One request that writes: what it is about, its query, and who it is by."""

    service: Service
    target: Target
    query: Mapping[str, str]
    manager: str

    def create(self, body: Body) -> tuple[Object, list[str]]:
        """Create an object: the object, and warnings."""
        obj, warnings = incoming.decoded(self.target.resource, body, incoming.level(self.query))
        incoming.placed(self.target, obj)
        if (obj.get("metadata") or {}).get("resourceVersion"):
            raise Refused(statuses.bad_request("resourceVersion should not be set on objects to be created"))
        return self._insert(obj), warnings

    def update(self, body: Body) -> tuple[Object, list[str]]:
        """Replace an object or a part of it."""
        obj, warnings = incoming.decoded(self.target.resource, body, incoming.level(self.query))
        incoming.placed(self.target, obj)
        return self._store(existing(self.service.cluster, self.target), obj), warnings

    def patch(self, data: bytes, media: str) -> tuple[Object, list[str]]:
        """Change an object or a part of it by a patch."""
        patch = patches.read(data, media)
        if media == patches.APPLY:
            return self._apply(patch)
        old = existing(self.service.cluster, self.target)
        body = Body(patches.patched(self.target.resource, old, patch, media))
        obj, warnings = incoming.decoded(self.target.resource, body, incoming.level(self.query))
        incoming.placed(self.target, obj)
        return self._store(old, obj), warnings

    def _apply(self, applied: Any) -> tuple[Object, list[str]]:
        """Server-side apply, which creates what is not there."""
        resource, now = self.target.resource, self.service.clock()
        if not self.query.get("fieldManager"):
            raise Refused(statuses.bad_request(NAMELESS))
        obj, warnings = incoming.decoded(resource, Body(applied), incoming.level(self.query))
        incoming.placed(self.target, obj)
        old = self.service.cluster.object(resource, self.target.namespace, self.target.name)
        force = self.query.get("force", "").lower() in ("true", "1")
        made = apply_patch(
            old,
            obj,
            self.manager,
            force,
            now,
            api_version=resource.api_version,
            kind=resource.kind,
            subresource=self.target.part,
        )
        if old is not None:
            return self._store(old, made, owned=True), warnings
        made["metadata"] = {"name": self.target.name, **(made.get("metadata") or {})}
        return self._insert(made, owned=True), warnings

    def _insert(self, obj: Object, *, owned: bool = False) -> Object:
        """Store a new object that was decoded; ``owned`` when the owners of its fields are known already."""
        resource, cluster, now = self.target.resource, self.service.cluster, self.service.clock()
        manager = None if owned else self.manager
        made = creation.created(
            resource,
            obj,
            self.target.namespace,
            now,
            manager,
            lambda: cluster.objects(BY_KIND["Service"], None),
        )
        name = made["metadata"].get("name") or ""
        found = check_job(made, made["metadata"]["uid"]) if resource.kind == "Job" else check_rules(made)
        if found:
            raise Refused(statuses.invalid(resource, name, found))
        made = cluster.admit(made)
        if cluster.object(resource, self.target.namespace, name) is not None:
            taken = (
                statuses.name_taken
                if (obj.get("metadata") or {}).get("name") is None
                else statuses.already_exists
            )
            raise Refused(taken(resource, name))
        if incoming.dry(self.query):
            return made
        made = cluster.create(made)
        self.service.driver.changed()
        return made

    def _store(self, old: Object, new: Object, *, owned: bool = False) -> Object:
        """Put ``new``, or the part of it that is written, in the place of ``old``."""
        made = self._merged(old, new)
        if self.target.part == "status":
            made = {
                **old,
                "status": made.get("status") or {},
                "metadata": {**old["metadata"], **_owners(made)},
            }
        elif self.target.part == FINALIZE:
            made = {**old, "spec": made.get("spec") or {}}
        else:
            if found := check_update(made, old):
                raise Refused(statuses.invalid(self.target.resource, old["metadata"]["name"], found))
            made.pop("status", None)
            if "status" in old:
                made["status"] = old["status"]
        if not owned:
            made = update_managers(old, made, self.manager, self.service.clock(), self.target.part)
        made = settled(old, made)
        if made == old or incoming.dry(self.query):
            return made
        cluster = self.service.cluster
        if self.target.part == "status":
            stored = cluster.replace_status(old, made["status"], made["metadata"])
        else:
            stored = cluster.replace(old, made)
        self.service.driver.changed()
        return stored

    def _merged(self, old: Object, new: Object) -> Object:
        """``new`` with its defaults, and with what no client changes as it is in ``old``."""
        resource, held = self.target.resource, old["metadata"]
        metadata: dict[str, Any] = {**(new.get("metadata") or {})}
        if (version := metadata.get("resourceVersion")) and version != held["resourceVersion"]:
            raise Refused(statuses.conflict(resource, held["name"]))
        if (uid := metadata.get("uid")) and uid != held["uid"]:
            raise Refused(statuses.precondition(resource, held["name"], "UID", uid, held["uid"]))
        metadata["resourceVersion"] = held["resourceVersion"]
        for field in KEPT:
            metadata.pop(field, None)
            if field in held:
                metadata[field] = held[field]
        new = {**new, "apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}
        return new if resource.kind == "Pod" else defaults(new)


def _owners(obj: Object) -> dict[str, Any]:
    return {key: obj["metadata"][key] for key in ("managedFields",) if key in obj["metadata"]}
