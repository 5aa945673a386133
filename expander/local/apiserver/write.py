"""create, update and patch.

The order of the checks is the API server's: an object is decoded, held against its path, filled in by its
strategy (``BeforeCreate`` and ``PrepareForCreate`` decide), validated, admitted, and last compared with what
is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.kube.api_resource import Resource
from expander.local.apiserver import codecs, decode_errors, status
from expander.local.apiserver.before_create import new_object
from expander.local.apiserver.codecs import RequestBody
from expander.local.apiserver.patch.apply import apply_patch
from expander.local.apiserver.patch.errors import schema_mismatch
from expander.local.apiserver.patch.json_patch import json_patch, merge_patch
from expander.local.apiserver.patch.managed_fields import settled, update_managers
from expander.local.apiserver.patch.strategic import strategic_merge_patch
from expander.local.apiserver.read import get_object
from expander.local.apiserver.routing import Backend, Target
from expander.local.apiserver.status import StatusError
from expander.local.registry import IMMUTABLE_METADATA, RELEASE
from expander.local.store.database import Object
from expander.validate.defaults.core import container
from expander.validate.defaults.decode import decode_status
from expander.validate.defaults.defaults import defaults
from expander.validate.finding import Reason
from expander.validate.rules import check_rules
from expander.validate.rules.job import check_job
from expander.validate.schema import check_schema
from expander.validate.updates import check_ephemeral_changes, check_metadata, check_update

FIELD_VALIDATION: Final = ("Strict", "Warn", "Ignore")


def field_validation(query: Mapping[str, str]) -> str:
    """How unknown fields are taken: the ``fieldValidation`` of a request, Warn unless it says otherwise."""
    found = query.get("fieldValidation") or "Warn"
    if found not in FIELD_VALIDATION:
        raise StatusError(
            status.bad_request(
                f'fieldValidation: Unsupported value: "{found}": supported values: "Ignore", "Strict", "Warn"'
            )
        )
    return found


def is_dry_run(query: Mapping[str, str]) -> bool:
    """Whether nothing is to be stored."""
    found = query.get("dryRun", "")
    if found not in ("", "All"):
        raise StatusError(
            status.bad_request(f'dryRun: Unsupported value: "{found}": supported values: "All"')
        )
    return bool(found)


def decode_object(resource: Resource, body: RequestBody, validation: str) -> tuple[Object, list[str]]:
    """The object of a body, and warnings; StatusError when it is none of ``resource``."""
    obj = body.data
    if (wrong := decode_errors.wrong_kind(resource, obj, body.raw)) is not None:
        raise StatusError(status.bad_request(wrong))
    findings = check_schema(obj, RELEASE, assume=(resource.api_version, resource.kind)) or ()
    if any(finding.reason is not Reason.UNKNOWN_FIELD for finding in findings):
        raise StatusError(status.bad_request(decode_errors.refusal(resource, obj, findings)))
    strict = [*body.duplicates, *decode_errors.unknown_fields(findings)]
    if strict and validation == "Strict":
        words = decode_errors.unhandled(resource, decode_errors.strict_error(strict))
        raise StatusError(status.bad_request(words))
    return obj, strict if validation == "Warn" else []


def check_path(target: Target, obj: Object) -> None:
    """Hold the namespace and the name of an object against its path; StatusError when they differ."""
    metadata: dict[str, Any] = obj.get("metadata") or {}
    namespace, name = metadata.get("namespace"), metadata.get("name")
    if target.resource.namespaced and namespace and namespace != target.namespace:
        raise StatusError(
            status.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        )
    if target.name and name and name != target.name:
        raise StatusError(
            status.bad_request(
                f"the name of the object ({name}) does not match the name on the URL ({target.name})"
            )
        )


JSON_PATCH: Final = "application/json-patch+json"
MERGE: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"
PATCH_TYPES: Final = (JSON_PATCH, MERGE, STRATEGIC, APPLY)


def decode_patch(data: bytes, media: str) -> Any:
    """The data of a patch; StatusError for bytes or a media type that are none."""
    if media not in PATCH_TYPES:
        raise StatusError(status.unsupported_media_type(PATCH_TYPES))
    return codecs.decode_body(data, "application/yaml" if media == APPLY else "application/json").data


def apply_plain_patch(resource: Resource, old: Object, patch: Any, media: str) -> Object:
    """``old`` with a patch applied that is not an apply; not yet checked. Raises `PatchRefused`."""
    if media == JSON_PATCH:
        return json_patch(old, patch)
    if media == MERGE:
        return merge_patch(old, patch)
    return strategic_merge_patch(old, patch, resource.api_version, resource.kind)


FINALIZE: Final = "finalize"
EPHEMERAL: Final = "ephemeralcontainers"
MANAGER_REQUIRED: Final = (
    'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
)


def with_ephemeral_containers(old: Object, spec: Mapping[str, Any]) -> Object:
    """A pod with the ephemeral containers of ``spec``, which is all that their subresource changes."""
    made = [{**each} for each in spec.get("ephemeralContainers") or ()]
    for each in made:
        container(each)
    return {**old, "spec": {**old["spec"], "ephemeralContainers": made}}


@dataclass(slots=True)
class WriteRequest:
    """One request that writes: what it is about, its query, and who it is by.

    ``vet`` raises StatusError for an object that they may not store; it hears whether the object is new.
    ``code`` is the HTTP status of the response: 201 when an object was created.
    """

    backend: Backend
    target: Target
    query: Mapping[str, str]
    manager: str
    vet: Callable[[Object, bool], None]
    code: int = 200

    def create(self, body: RequestBody) -> tuple[Object, list[str]]:
        """Create an object: the object, and warnings."""
        obj, warnings = decode_object(self.target.resource, body, field_validation(self.query))
        check_path(self.target, obj)
        if (obj.get("metadata") or {}).get("resourceVersion"):
            raise StatusError(
                status.bad_request("resourceVersion should not be set on objects to be created")
            )
        return self._insert(obj), warnings

    def update(self, body: RequestBody) -> tuple[Object, list[str]]:
        """Replace an object or a part of it."""
        obj, warnings = decode_object(self.target.resource, body, field_validation(self.query))
        check_path(self.target, obj)
        return self.store(get_object(self.backend.storage, self.target), obj), warnings

    def patch(self, data: bytes, media: str) -> tuple[Object, list[str]]:
        """Change an object or a part of it by a patch."""
        patch = decode_patch(data, media)
        if media == APPLY:
            return self._apply(patch)
        old = get_object(self.backend.storage, self.target)
        body = RequestBody(apply_plain_patch(self.target.resource, old, patch, media))
        validation = field_validation(self.query)
        obj, unknown = decode_object(self.target.resource, body, "Warn")
        if unknown and validation == "Strict":
            raise schema_mismatch(unknown, patch, obj, strategic=media == STRATEGIC)
        check_path(self.target, obj)
        return self.store(old, obj), unknown if validation == "Warn" else []

    def _apply(self, applied: Any) -> tuple[Object, list[str]]:
        """Server-side apply, which creates what is not there."""
        resource, now = self.target.resource, self.backend.clock()
        if not self.query.get("fieldManager"):
            raise StatusError(status.bad_request(MANAGER_REQUIRED))
        obj, warnings = decode_object(resource, RequestBody(applied), field_validation(self.query))
        check_path(self.target, obj)
        old = self.backend.storage.object(resource, self.target.namespace, self.target.name)
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
            return self.store(old, made, owned=True), warnings
        made["metadata"] = {"name": self.target.name, **(made.get("metadata") or {})}
        return self._insert(made, owned=True), warnings

    def _insert(self, obj: Object, *, owned: bool = False) -> Object:
        """Store a new object that was decoded; ``owned`` when the owners of its fields are known already."""
        resource, storage, now = self.target.resource, self.backend.storage, self.backend.clock()
        self.code = 201
        manager = None if owned else self.manager
        made = new_object(
            resource,
            obj,
            self.target.namespace,
            now,
            manager,
            storage.list,
        )
        name = made["metadata"].get("name") or ""
        if resource.kind == "Job":
            found = check_job(made, RELEASE, made["metadata"]["uid"])
        else:
            found = check_rules(made, RELEASE)
        if found:
            raise StatusError(status.invalid(resource, name, found))
        self.vet(made, True)
        made = storage.admit(made)
        if storage.object(resource, self.target.namespace, name) is not None:
            taken = (
                status.name_taken
                if (obj.get("metadata") or {}).get("name") is None
                else status.already_exists
            )
            raise StatusError(taken(resource, name))
        if is_dry_run(self.query):
            return made
        made = storage.create(made)
        self.backend.loop.changed()
        return made

    def store(self, old: Object, new: Object, *, owned: bool = False) -> Object:
        """Put ``new``, or the part of it that is written, in the place of ``old``."""
        resource, made = self.target.resource, self._merged(old, new)
        if self.target.part == "status":
            given = decode_status(made.get("status"), resource.api_version, resource.kind, RELEASE)
            made = {**old, "status": given, "metadata": self._status_metadata(old, made)}
        elif self.target.part == FINALIZE:
            made = {**old, "spec": made.get("spec") or {}}
        elif self.target.part == EPHEMERAL:
            made = with_ephemeral_containers(old, made.get("spec") or {})
            if found := check_ephemeral_changes(made, old, RELEASE):
                raise StatusError(status.invalid(resource, old["metadata"]["name"], found))
        else:
            if found := check_update(made, old, RELEASE):
                raise StatusError(status.invalid(resource, old["metadata"]["name"], found))
            made.pop("status", None)
            if "status" in old:
                made["status"] = old["status"]
            self.backend.storage.admit_update(made)
        if not owned:
            made = update_managers(old, made, self.manager, self.backend.clock(), self.target.part)
        made = settled(old, made)
        self.vet(made, False)
        if made == old or is_dry_run(self.query):
            return made
        storage = self.backend.storage
        if self.target.part == "status":
            stored = storage.replace_status(old, made["status"], made["metadata"])
        else:
            stored = storage.replace(old, made)
        self.backend.loop.changed()
        return stored

    def _merged(self, old: Object, new: Object) -> Object:
        """``new`` with its defaults, and with what no client changes as it is in ``old``."""
        resource, held = self.target.resource, old["metadata"]
        metadata: dict[str, Any] = {**(new.get("metadata") or {})}
        if (version := metadata.get("resourceVersion")) and version != held["resourceVersion"]:
            raise StatusError(status.conflict(resource, held["name"]))
        if (uid := metadata.get("uid")) and uid != held["uid"]:
            raise StatusError(status.precondition(resource, held["name"], "UID", uid, held["uid"]))
        metadata["resourceVersion"] = held["resourceVersion"]
        for field in IMMUTABLE_METADATA:
            metadata.pop(field, None)
            if field in held:
                metadata[field] = held[field]
        new = {**new, "apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}
        return defaults(new, release=RELEASE)

    def _status_metadata(self, old: Object, made: Object) -> Object:
        """The metadata that an update of the status leaves: a client's, but a pod keeps its owners.

        The status strategies of the registries decide, which reset the spec and little else.
        """
        metadata: Object = made["metadata"]
        held = old["metadata"]
        if self.target.resource.kind == "Pod":
            kept = {"ownerReferences": held["ownerReferences"]} if "ownerReferences" in held else {}
            metadata = {key: value for key, value in metadata.items() if key != "ownerReferences"} | kept
        if found := list(check_metadata(metadata, held)):
            raise StatusError(status.invalid(self.target.resource, held["name"], found))
        return metadata
