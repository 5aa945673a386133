"""What the CustomResourceDefinitions of JobSet, Kueue and Volcano demand, for when none are given.

Their limits stand with the types in ``schemas/custom``; here they become the schema of a definition, so that
the same code finds the same faults in the same words. Pods and other types of Kubernetes have the lists and
required fields that a definition gets from them, and are held to the rules of the API server by the kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from expander.kube import schemas
from expander.kube.schemas import FieldType, Schema, type_of
from expander.kube.versions import Release
from expander.validate.crds.check import CustomCheck, custom_check
from expander.validate.crds.definitions import CustomKind
from expander.validate.finding import Finding, Reason

INTEGER_OR_TEXT: Final = {
    "x-kubernetes-int-or-string": True,
    "anyOf": [{"type": "integer"}, {"type": "string"}],
}
TYPES: Final[Mapping[FieldType, dict[str, Any]]] = {
    FieldType.STRING: {"type": "string"},
    FieldType.TIME: {"type": "string", "format": "date-time"},
    FieldType.BOOLEAN: {"type": "boolean"},
    FieldType.NUMBER: {"type": "number"},
    FieldType.INT32: {"type": "integer", "format": "int32"},
    FieldType.INT64: {"type": "integer", "format": "int64"},
    FieldType.QUANTITY: INTEGER_OR_TEXT,
    FieldType.INT_OR_STRING: INTEGER_OR_TEXT,
}
ANYTHING: Final = {"x-kubernetes-preserve-unknown-fields": True}
METADATA: Final = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "namespace": {"type": "string"}},
    **ANYTHING,
}
LIST_WORDS: Final = ("x-kubernetes-list-type", "x-kubernetes-list-map-keys")


def check_limits(
    obj: Mapping[str, Any], release: Release, old: Mapping[str, Any] | None = None
) -> list[Finding]:
    """What the definition of its kind has against ``obj``, new or in place of ``old``; both with defaults."""
    check = _check(obj.get("apiVersion") or "", obj.get("kind") or "", release)
    return [] if check is None else check.values(obj, old)


def check_types(obj: Mapping[str, Any], release: Release) -> list[Finding]:
    """What the definition of its kind has against values of ``obj`` that decoding changes."""
    if not _hides_types(obj):
        return []
    return [each for each in check_limits(obj, release) if each.reason is Reason.TYPE_INVALID]


def _hides_types(value: Any) -> bool:
    """Whether there is null in a list, or a number with a fraction part."""
    if isinstance(value, Mapping):
        return any(map(_hides_types, value.values()))
    if isinstance(value, list):
        return None in value or any(map(_hides_types, value))
    return isinstance(value, float)


@cache
def _check(api_version: str, kind: str, release: Release) -> CustomCheck | None:
    name = None if api_version in schemas.kinds(release) else schemas.name_of(api_version, kind, release)
    if name is None:
        return None
    schema = _defined(schemas.definition(name))
    return custom_check(CustomKind(api_version, kind, "", True, False, (), schema), release)


def _defined(schema: Schema) -> dict[str, Any]:
    """The schema as a CustomResourceDefinition has it."""
    limits = schema.get("limits", {})
    resolved = schemas.resolve(schema)
    found = {**_typed(resolved), **resolved.get("limits", {}), **limits}
    if "items" in limits:
        found["items"] = {**_defined(resolved["items"]), **limits["items"]}
    return found


def _typed(schema: Schema) -> dict[str, Any]:
    kind = type_of(schema)
    if schema.get("title") == "v1.ObjectMeta":
        return {**METADATA}
    if kind is FieldType.ANY:
        return {**ANYTHING}
    if kind is FieldType.OBJECT:
        fields = {name: _defined(below) for name, below in schema["properties"].items()}
        required = {"required": schema["required"]} if schema.get("required") else {}
        return {"type": "object", "properties": fields, **required}
    if kind is FieldType.MAP:
        return {"type": "object", "additionalProperties": _defined(schema["additionalProperties"])}
    if kind is FieldType.LIST:
        words = {word: schema[word] for word in LIST_WORDS if word in schema}
        return {"type": "array", "items": _defined(schema["items"]), **words}
    return TYPES[kind]
