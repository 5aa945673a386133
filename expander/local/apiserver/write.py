"""create, update and patch.

The order of the checks is the API server's: an object is decoded, held against its path, filled in by its
strategy (``BeforeCreate`` and ``PrepareForCreate`` decide), validated, admitted, and last compared with what
is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.kube.api_resource import Resource
from expander.kube.scheme import load
from expander.local.apiserver import codecs, status
from expander.local.apiserver.codecs import RequestBody
from expander.local.apiserver.patch.apply import apply_patch
from expander.local.apiserver.patch.errors import schema_mismatch
from expander.local.apiserver.patch.json_patch import json_patch, merge_patch
from expander.local.apiserver.patch.managed_fields import settled, update_managers
from expander.local.apiserver.patch.strategic import strategic_merge_patch
from expander.local.apiserver.read import get_object
from expander.local.apiserver.routing import Backend, Target
from expander.local.apiserver.status import StatusError
from expander.local.apiserver.strategy import APPLY, JSON_PATCH, MERGE, STRATEGIC, Strategy, strategy_of
from expander.local.registry import IMMUTABLE_METADATA
from expander.local.store.database import Object
from expander.validate.finding import Finding, Reason

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


def decode_patch(strategy: Strategy, data: bytes, media: str) -> Any:
    """The data of a patch; StatusError for bytes or a media type that are none."""
    if media not in strategy.patch_types:
        raise StatusError(status.unsupported_media_type(strategy.patch_types))
    return codecs.decode_body(data, "application/yaml" if media == APPLY else "application/json").data


def apply_plain_patch(resource: Resource, old: Object, patch: Any, media: str) -> Object:
    """``old`` with a patch applied that is not an apply; not yet checked. Raises `PatchError`."""
    if media == JSON_PATCH:
        return json_patch(old, patch)
    if media == MERGE:
        return merge_patch(old, patch)
    return strategic_merge_patch(old, patch, resource.api_version, resource.kind)


MANAGER_REQUIRED: Final = (
    'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
)


@dataclass(slots=True)
class WriteRequest:
    """One request that writes: what it is about, its query, and who it is by.

    ``vet`` raises StatusError for an object that they may not store; it hears whether the object is new.
    ``requester`` is the UserInfo of who asks.
    ``code`` is the HTTP status of the response: 201 when an object was created. ``said`` is what is
    worth a warning: what an API server says of the object, and rules that could not be checked.
    """

    backend: Backend
    target: Target
    query: Mapping[str, str]
    manager: str
    vet: Callable[[Object, bool], None]
    requester: Mapping[str, Any] = field(default_factory=dict)
    code: int = 200
    said: list[str] = field(default_factory=list)

    @property
    def strategy(self) -> Strategy:
        """That of the kind."""
        return strategy_of(self.target.resource)

    def create(self, body: RequestBody) -> tuple[Object, list[str]]:
        """Create an object: the object, and warnings."""
        obj, warnings = self.strategy.decode(body, field_validation(self.query))
        check_path(self.target, obj)
        if (obj.get("metadata") or {}).get("resourceVersion") and not is_dry_run(self.query):
            raise StatusError(
                status.bad_request("resourceVersion should not be set on objects to be created")
            )
        return self._insert(obj), warnings + self.said

    def update(self, body: RequestBody) -> tuple[Object, list[str]]:
        """Replace an object or a part of it."""
        obj, warnings = self.strategy.decode(body, field_validation(self.query))
        check_path(self.target, obj)
        stored = self.store(get_object(self.backend.storage, self.target), obj)
        return stored, warnings + self.said

    def patch(self, data: bytes, media: str) -> tuple[Object, list[str]]:
        """Change an object or a part of it by a patch."""
        strategy = self.strategy
        patch = decode_patch(strategy, data, media)
        if media == APPLY:
            return self._apply(patch)
        old = get_object(self.backend.storage, self.target)
        body = RequestBody(apply_plain_patch(self.target.resource, old, patch, media))
        validation = field_validation(self.query)
        obj, unknown = strategy.decode(body, "Warn")
        if unknown and validation == "Strict":
            raise schema_mismatch(unknown, patch, obj, strategic=media == STRATEGIC)
        check_path(self.target, obj)
        stored = self.store(old, obj)
        return stored, (unknown if validation == "Warn" else []) + self.said

    def _apply(self, applied: Any) -> tuple[Object, list[str]]:
        """Server-side apply, which creates what is not there."""
        resource, strategy, now = self.target.resource, self.strategy, self.backend.clock()
        if not self.query.get("fieldManager"):
            raise StatusError(status.bad_request(MANAGER_REQUIRED))
        obj, warnings = strategy.decode(RequestBody(applied), field_validation(self.query))
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
            shape=strategy.shape,
        )
        if old is not None:
            return self.store(old, made, owned=True), warnings + self.said
        made["metadata"] = {"name": self.target.name, **(made.get("metadata") or {})}
        return self._insert(made, owned=True), warnings + self.said

    def _insert(self, obj: Object, *, owned: bool = False) -> Object:
        """Store a new object that was decoded; ``owned`` when the owners of its fields are known already."""
        resource, storage, strategy = self.target.resource, self.backend.storage, self.strategy
        self.code = 201
        manager = None if owned else self.manager
        made = strategy.created(obj, self.target.namespace, self.backend.clock(), manager, storage.all_of)
        made = strategy.requested(made, self.requester)
        name = made["metadata"].get("name") or ""
        self._check(name, strategy.refused(made))
        self._check(name, strategy.unavailable(made, None, storage.all_of))
        self.said += strategy.warnings(made)
        self.vet(made, True)
        made = storage.admit(resource, made)
        if self._is_taken(name):
            taken = (
                status.name_taken
                if (obj.get("metadata") or {}).get("name") is None
                else status.already_exists
            )
            raise StatusError(taken(resource, name))
        if is_dry_run(self.query):
            return made
        return storage.create(resource, strategy.kept(made))

    def _is_taken(self, name: str) -> bool:
        """Whether there is such an object, for good."""
        resource, storage, namespace = self.target.resource, self.backend.storage, self.target.namespace
        if not storage.is_taken(resource, namespace, name):
            return False
        self.backend.loop.keep()
        return storage.is_taken(resource, namespace, name)

    def store(self, old: Object, new: Object, *, owned: bool = False) -> Object:
        """Put ``new``, or the part of it that is written, in the place of ``old``."""
        resource, strategy = self.target.resource, self.strategy
        storage = self.backend.storage
        merged = self._merged(strategy, old, new)
        if resource.prepare_update and not self.target.part:
            load(resource.prepare_update)(merged, old, storage.all_of)
        made, found = strategy.updated(merged, old, self.target.part)
        self._check(old["metadata"]["name"], found)
        self._check(old["metadata"]["name"], strategy.unavailable(made, old, storage.all_of))
        self.said += strategy.warnings(made, old)
        if not self.target.part:
            storage.admit_update(made)
        if not owned:
            now = self.backend.clock()
            made = update_managers(old, made, self.manager, now, self.target.part, shape=strategy.shape)
        made = settled(old, made)
        self.vet(made, False)
        if made == old or is_dry_run(self.query):
            return made
        stored = storage.replace(resource, old, strategy.kept(made))
        self.backend.loop.changed()
        return stored

    def _check(self, name: str, found: list[Finding]) -> None:
        """StatusError for what is wrong with the object of that name."""
        if wrong := [each for each in found if each.reason is not Reason.UNCHECKED]:
            raise StatusError(status.invalid(self.target.resource, name, wrong))
        self.said += map(str, found)

    def _merged(self, strategy: Strategy, old: Object, new: Object) -> Object:
        """``new`` with its defaults, and with what no client changes as it is in ``old``."""
        resource, held = self.target.resource, old["metadata"]
        metadata: dict[str, Any] = {**(new.get("metadata") or {})}
        if (version := metadata.get("resourceVersion")) and version != held["resourceVersion"]:
            raise StatusError(status.conflict(resource, held["name"]))
        if (uid := metadata.get("uid")) and uid != held["uid"]:
            raise StatusError(status.precondition(resource, held["name"], uid, held["uid"]))
        metadata["resourceVersion"] = held["resourceVersion"]
        for name in IMMUTABLE_METADATA:
            metadata.pop(name, None)
            if name in held:
                metadata[name] = held[name]
        new = {**new, "apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}
        return strategy.filled(new)
