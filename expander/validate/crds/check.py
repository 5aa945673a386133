"""The verdict on one custom resource, new or updated.

The order is that of the API server: what cannot be decoded ends the request; then come the metadata, the
schema, the lists that are sets or maps, and the rules in CEL, which are left out when the object has faults
that could make them fail for no reason of their own (``registry/customresource`` of
apiextensions-apiserver).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from typing import Any, Final, Literal

from expander.kube import schemas
from expander.kube.objects import value_at
from expander.kube.versions import DEFAULT, Release
from expander.validate.crds.decoding import copied, embedded_metadata, filled, filled_valid, unknown_fields
from expander.validate.crds.definitions import CustomKind
from expander.validate.crds.fast_path import FastPath
from expander.validate.crds.list_types import list_check
from expander.validate.crds.paths import ROOT, Place, dotted
from expander.validate.crds.rules import RuleCheck
from expander.validate.crds.schema_values import SchemaCheck
from expander.validate.crds.structural import ABSENT, Node
from expander.validate.finding import Finding, Reason
from expander.validate.rules.field import invalid
from expander.validate.rules.metadata import (
    check_metadata,
    check_metadata_changes,
    object_name,
    without_finalizers,
)
from expander.validate.schema import findings_at, place, unknown_field
from expander.validate.schema_engines import engine

Object = dict[str, Any]
Subresource = Literal["status"]

BLOCKING: Final = frozenset(
    (Reason.NOT_SUPPORTED, Reason.REQUIRED, Reason.TOO_LONG, Reason.TOO_MANY, Reason.TYPE_INVALID)
)
"""Faults after which the server does not evaluate rules."""

UNCHECKED: Final = Finding(
    ROOT,
    Reason.INVALID,
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
)
OWN_METADATA: Final[Place] = (None, "metadata")
MAX_INT32: Final = 2**31 - 1


@cache
def custom_check(kind: CustomKind, release: Release = DEFAULT) -> CustomCheck:
    """The check of objects of ``kind``, made once."""
    return CustomCheck(kind, release)


class CustomCheck:
    """The check of objects of one kind for the server of ``release``."""

    def __init__(self, kind: CustomKind, release: Release = DEFAULT) -> None:
        self.kind = kind
        self.release = release
        root = kind.root
        self._fill = filled(root)
        self._fill_valid = filled_valid(root) or dict
        self._fast_path = FastPath(root, release)
        self._embeds = any(each.is_embedded for each in root.all())
        self._schema = SchemaCheck(root, release)
        self._lists = list_check(root)
        self.rules = RuleCheck(root, release)

    @cached_property
    def _status_schema(self) -> SchemaCheck | None:
        node = self.kind.root.properties.get("status")
        return None if node is None else SchemaCheck(node, self.release, "status")

    def created(self, obj: Mapping[str, Any]) -> list[Finding]:
        """What the server would refuse in a new object."""
        is_valid = self._fast_path.accepts(obj)
        found = [] if is_valid else list(self._decoding(obj))
        if found:
            return found
        new = (self._fill_valid if is_valid else self._fill)(obj)
        if self.kind.has_status and "status" in new:
            new = {name: value for name, value in new.items() if name != "status"}
        found = self._metadata(new)
        found += () if is_valid else self._schema(new)
        found += self._scale(new)
        return self._completed(found, new, ABSENT)

    def updated(
        self, obj: Mapping[str, Any], old: Mapping[str, Any], subresource: Subresource | None = None
    ) -> list[Finding]:
        """What the server would refuse in ``obj`` in place of ``old``, by the object or its status."""
        found = [*self._decoding(obj), *_mismatches(obj, old, self.kind)]
        if found:
            return found
        new, before = self._fill(obj), self._stored(old)
        if subresource == "status":
            new = {**before, "status": new.get("status", ABSENT)}
        elif self.kind.has_status:
            new["status"] = before.get("status", ABSENT)
        if new.get("status") is ABSENT:
            del new["status"]
        found = self._changed_metadata(new, before)
        if subresource is None:
            found += self._schema(new, before)
        elif self._status_schema is not None and "status" in new:
            found += self._status_schema(new["status"], before.get("status", ABSENT))
        found += self._scale(new)
        return self._completed(found, new, before)

    def values(self, obj: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> list[Finding]:
        """What the schema, the lists and the rules have against ``obj``, new or in place of ``old``."""
        new, before = self._fill(obj), ABSENT if old is None else self._fill(old)
        return self._completed(self._schema(new, before), new, before)

    def _stored(self, old: Mapping[str, Any]) -> Object:
        """``old`` as the server has it. What it has sent itself has a generation, and its defaults."""
        is_sent = "generation" in (old.get("metadata") or {})
        stored: Object = copied(dict(old)) if is_sent else self._fill(old)
        return stored

    def _completed(self, found: list[Finding], new: Object, old: Any) -> list[Finding]:
        """``found`` with what lists and rules add."""
        for metadata, at in self._all_metadata(new) if self._embeds else ():
            if at != OWN_METADATA and isinstance(metadata, dict):
                found += [
                    Finding(f"{dotted(at)}.{each.path.removeprefix('metadata.')}", each.reason, each.message)
                    for each in check_metadata(metadata)
                    if not (each.reason is Reason.REQUIRED and each.path == "metadata.name")
                ]
        if self._lists is not None:
            before: list[Finding] = []
            if old is not ABSENT:
                self._lists(old, None, before)
            if not before:
                self._lists(new, None, found)
        if not self.rules.is_empty:
            if any(each.reason in BLOCKING for each in found):
                found.append(UNCHECKED)
            else:
                found += self.rules(new, old)
        return found

    def _decoding(self, obj: Mapping[str, Any]) -> Iterator[Finding]:
        """What ends the request with 400: metadata that is none, fields that the schema does not have."""
        yield from self.malformed(obj)
        for at in self.unknown(obj):
            yield unknown_field(dotted(at), *_named(self.kind.root, at))

    def malformed(self, obj: Mapping[str, Any]) -> Iterator[Finding]:
        """What is wrong with the metadata of the object and of those in it, as Go decodes them."""
        for metadata, at in self._all_metadata(obj):
            yield from malformed_metadata(metadata, dotted(at))

    def unknown(self, obj: Mapping[str, Any]) -> Iterator[Place]:
        """The places of fields that the schema does not have."""
        return unknown_fields(self.kind.root, obj)

    def filled(self, obj: Mapping[str, Any]) -> Object:
        """A copy of an object with its defaults."""
        found: Object = self._fill(obj)
        return found

    def _all_metadata(self, obj: Mapping[str, Any]) -> Iterator[tuple[Any, Place]]:
        """The metadata of the object and of those in it."""
        if self._embeds:
            yield from embedded_metadata(self.kind.root, obj)
        elif "metadata" in obj:
            yield obj["metadata"], OWN_METADATA

    def _metadata(self, new: Object) -> list[Finding]:
        found = check_metadata(new.get("metadata") or {}, namespaced=self.kind.namespaced)
        return without_finalizers(found)

    def _changed_metadata(self, new: Object, old: Object) -> list[Finding]:
        """As new metadata and as changed ones; the server says some of it twice."""
        before = _located(old.get("metadata") or {}, self.kind)
        changed = check_metadata_changes(_located(new.get("metadata") or {}, self.kind), before)
        return list(dict.fromkeys((*self._metadata(new), *changed)))

    def _scale(self, new: Object) -> list[Finding]:
        """The counts of the scale subresource fit into 32 bits and are not negative."""
        found = []
        for path in self.kind.replicas:
            value = value_at(new, path.strip("."))
            if isinstance(value, int) and not isinstance(value, bool):
                if value < 0:
                    found.append(invalid(path.strip("."), value, "should be a non-negative integer"))
                elif value > MAX_INT32:
                    detail = f"should be less than or equal to {MAX_INT32}"
                    found.append(invalid(path.strip("."), value, detail))
        return found


def malformed_metadata(metadata: Any, where: str) -> Iterator[Finding]:
    """What is wrong with metadata as Go decodes them."""
    if metadata is not None and not isinstance(metadata, dict):
        yield Finding(where, Reason.TYPE_INVALID, "must be an object")
    elif metadata:
        name = str(schemas.object_meta()["$ref"]).removeprefix(schemas.REF)
        for path in sorted(engine(name).failures(metadata), key=lambda p: place(metadata, p)):
            for each in findings_at(metadata, schemas.definition(name), path):
                yield Finding(f"{where}.{each.path}", each.reason, each.message)


def _named(root: Node, at: Place) -> tuple[str, Mapping[str, Any]]:
    """The name of a field that is not known, and the schema of the object it is in."""
    steps: list[Any] = []
    while at is not None:
        at, step = at
        steps.insert(0, step)
    node: Node | None = root
    for step in steps[:-1]:
        node = node and (node.items if isinstance(step, int) else node.below(step))
    return str(steps[-1]), {"properties": {} if node is None else node.properties}


def _located(metadata: Object, kind: CustomKind) -> Object:
    """``metadata`` without the namespace that the server takes away from what is in none."""
    return metadata if kind.namespaced else {k: v for k, v in metadata.items() if k != "namespace"}


def _mismatches(obj: Mapping[str, Any], old: Mapping[str, Any], kind: CustomKind) -> Iterator[Finding]:
    """What of the request and the object do not fit: the kind, the name, the namespace."""
    new, before = obj.get("metadata") or {}, old.get("metadata") or {}
    if obj.get("kind") != old.get("kind"):
        yield invalid("kind", obj.get("kind"), f"must be {old.get('kind')}")
    if not isinstance(new, Mapping):
        return
    name, named = object_name(new), before.get("name")
    if name != named:
        detail = f"the name of the object ({name}) does not match the name on the URL ({named})"
        yield Finding("metadata.name", Reason.INVALID, detail)
    namespace = new.get("namespace")
    if kind.namespaced and namespace and namespace != before.get("namespace", namespace):
        detail = "the namespace of the provided object does not match the namespace sent on the request"
        yield Finding("metadata.namespace", Reason.INVALID, detail)
