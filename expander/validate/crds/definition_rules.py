"""What the API server refuses in a CustomResourceDefinition (``apis/apiextensions/validation``).

Names, versions, columns and the structure of schemas are checked; whether rules in CEL compile is not: a rule
that cannot be evaluated is named when an object is checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from expander.kube import jsonpath
from expander.kube.objects import value_at
from expander.kube.versions import Release
from expander.validate.finding import Finding, Reason
from expander.validate.rules import formats
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    duplicate,
    forbidden,
    invalid,
    invalid_each,
    not_supported,
    required,
)
from expander.validate.rules.metadata import check_metadata, without_finalizers

Object = Mapping[str, Any]

SCOPES: Final = ("Cluster", "Namespaced")
STRATEGIES: Final = ("None", "Webhook")
COLUMN_TYPES: Final = ("integer", "number", "string", "boolean", "date")
SCHEMA_TYPES: Final = ("array", "boolean", "integer", "number", "object", "string")
PROTECTED: Final = (".k8s.io", ".kubernetes.io")
APPROVAL: Final = "api-approved.kubernetes.io"
_SHAPES: Final[Mapping[str, type]] = {
    "spec": dict,
    "spec.group": str,
    "spec.scope": str,
    "spec.names": dict,
    "spec.names.plural": str,
    "spec.names.singular": str,
    "spec.names.kind": str,
    "spec.names.listKind": str,
    "spec.names.shortNames": list,
    "spec.names.categories": list,
    "spec.versions": list,
    "spec.conversion": dict,
}
_VERSION_SHAPES: Final[Mapping[str, type]] = {
    "name": str,
    "served": bool,
    "storage": bool,
    "schema": dict,
    "schema.openAPIV3Schema": dict,
    "subresources": dict,
    "subresources.status": dict,
    "subresources.scale": dict,
    "subresources.scale.specReplicasPath": str,
    "subresources.scale.statusReplicasPath": str,
    "subresources.scale.labelSelectorPath": str,
    "additionalPrinterColumns": list,
    "selectableFields": list,
}
_STATUS_SHAPES: Final[Mapping[str, type]] = {
    "status.acceptedNames": dict,
    **{f"status.acceptedNames.{name}": str for name in ("plural", "singular", "kind", "listKind")},
    "status.acceptedNames.shortNames": list,
    "status.acceptedNames.categories": list,
    "status.conditions": list,
    "status.storedVersions": list,
}
_STATUS_ITEMS: Final[Mapping[str, type]] = {
    "status.acceptedNames.shortNames": str,
    "status.acceptedNames.categories": str,
    "status.conditions": dict,
    "status.storedVersions": str,
}
_CONDITION_FIELDS: Final = dict.fromkeys(("type", "status", "reason", "message", "lastTransitionTime"), str)
_FIELDS: Final[Mapping[type, str]] = {
    str: "type format title description pattern x-kubernetes-list-type x-kubernetes-map-type",
    bool: "nullable exclusiveMaximum exclusiveMinimum uniqueItems x-kubernetes-embedded-resource "
    "x-kubernetes-preserve-unknown-fields x-kubernetes-int-or-string",
    float: "maximum minimum multipleOf",
    int: "maxLength minLength maxItems minItems maxProperties minProperties",
    list: "required enum allOf anyOf oneOf x-kubernetes-list-map-keys x-kubernetes-validations",
    dict: "properties items not",
}
"""The fields of a schema by what they hold."""
_SCHEMA_FIELDS: Final = {name: kind for kind, names in _FIELDS.items() for name in names.split()}
_RULE_FIELDS: Final = {
    **dict.fromkeys(("rule", "message", "messageExpression", "reason", "fieldPath"), str),
    "optionalOldSelf": bool,
}
_COLUMN_FIELDS: Final = {
    **dict.fromkeys(("name", "type", "format", "description", "jsonPath"), str),
    "priority": int,
}
_ITEMS: Final[Mapping[str, type]] = {
    "required": str,
    "x-kubernetes-list-map-keys": str,
    "x-kubernetes-validations": dict,
}
"""What lists of a schema hold."""
_WORDS: Final = {
    int: "integer",
    float: "number",
    dict: "object",
    str: "string",
    list: "array",
    bool: "boolean",
}


def check_definition(obj: Object, release: Release) -> list[Finding]:
    """A new definition."""
    found = without_finalizers(check_metadata(obj.get("metadata") or EMPTY, namespaced=False))
    if obj.get("spec") is None:
        return [*found, required("spec")]
    mistyped = [*_mistyped(obj, _SHAPES, "")]
    if not mistyped:
        for index, version in enumerate(obj["spec"].get("versions") or ()):
            where = f"spec.versions[{index}]"
            if isinstance(version, dict):
                mistyped += _mistyped(version, _VERSION_SHAPES, where)
            else:
                mistyped.append(_wrong_type(where, dict))
    return [*found, *(mistyped or _check_whole(obj))]


def check_definition_changes(new: Object, old: Object, release: Release) -> Iterator[Finding]:
    """What of an established definition never changes, and versions that still have objects."""
    found = check_definition(new, release)
    yield from found
    if any(each.reason is Reason.TYPE_INVALID for each in found) or not new.get("spec"):
        return
    spec, before = new["spec"], old["spec"]
    conditions = (old.get("status") or EMPTY).get("conditions") or ()
    if any((each.get("type"), each.get("status")) == ("Established", "True") for each in conditions):
        for path in ("spec.group", "spec.scope", "spec.names.kind", "spec.names.plural"):
            now, was = (value_at({"spec": each}, path) for each in (spec, before))
            if now != was:
                yield invalid(path, now, "field is immutable")
    versions = spec.get("versions")
    named = (
        {each.get("name") for each in versions if isinstance(each, dict)}
        if isinstance(versions, list)
        else ()
    )
    for index, version in enumerate((old.get("status") or EMPTY).get("storedVersions") or ()):
        if version not in named:
            where = f"status.storedVersions[{index}]"
            yield invalid(where, version, "missing from spec.versions; must be included in spec.versions")


def check_definition_status(obj: Object) -> Findings:
    """What of the status of a definition is of another type."""
    found = [*_mistyped(obj, _STATUS_SHAPES, "")]
    yield from found
    for path, wanted in _STATUS_ITEMS.items() if not found else ():
        for index, each in enumerate(value_at(obj, path) or ()):
            at = f"{path}[{index}]"
            if not isinstance(each, wanted):
                yield _wrong_type(at, wanted)
            elif isinstance(each, dict):
                yield from _mistyped(each, _CONDITION_FIELDS, at)
                yield from (required(f"{at}.{name}") for name in ("type", "status") if not each.get(name))


def _mistyped(obj: Object, fields: Mapping[str, type], where: str) -> Findings:
    """The fields of an object that hold another type; those above them do not."""
    for path, wanted in fields.items():
        value = value_at(obj, path)
        if value is not None and not _holds(value, wanted):
            yield _wrong_type(f"{where}.{path}" if where else path, wanted)


def _holds(value: Any, wanted: type) -> bool:
    if wanted in (int, float):
        numeric = isinstance(value, int if wanted is int else int | float)
        return numeric and not isinstance(value, bool)
    return isinstance(value, wanted)


def _wrong_type(where: str, wanted: type) -> Finding:
    return Finding(where, Reason.TYPE_INVALID, f"Invalid value: must be of type {_WORDS[wanted]}")


def _check_whole(obj: Object) -> Findings:
    """A definition whose fields are of the right types."""
    spec, metadata = obj["spec"], obj.get("metadata") or EMPTY
    group, names = spec.get("group") or "", spec.get("names") or EMPTY
    if not group:
        yield required("spec.group")
    else:
        yield from invalid_each("spec.group", group, formats.dns_subdomain(group))
        if "." not in group:
            yield invalid("spec.group", group, "should be a domain with at least one dot")
    name = f"{names.get('plural') or ''}.{group}"
    if metadata.get("name") and metadata["name"] != name:
        words = 'must be spec.names.plural+"."+spec.group'
        yield invalid("metadata.name", metadata["name"], words)
    is_approved = (metadata.get("annotations") or EMPTY).get(APPROVAL)
    if f".{group}".endswith(PROTECTED) and not is_approved:
        words = "protected groups must have approval annotation"
        details = "see https://github.com/kubernetes/enhancements/pull/1111"
        yield required(f"metadata.annotations[{APPROVAL}]", f'{words} "{APPROVAL}", {details}')
    if spec.get("scope") not in SCOPES:
        yield (
            not_supported("spec.scope", spec.get("scope") or "", SCOPES)
            if spec.get("scope")
            else required("spec.scope")
        )
    yield from _check_names(names)
    yield from _check_versions(spec.get("versions") or ())
    if spec.get("preserveUnknownFields"):
        words = (
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema"
        )
        yield invalid("spec.preserveUnknownFields", True, f"{words} instead")
    strategy = (spec.get("conversion") or EMPTY).get("strategy", "None")
    if strategy not in STRATEGIES:
        yield not_supported("spec.conversion.strategy", strategy, STRATEGIES)


def _check_names(names: Object) -> Findings:
    for field in ("plural", "singular", "kind", "listKind"):
        value, where = names.get(field) or "", f"spec.names.{field}"
        if not value:
            yield required(where)
            continue
        for detail in formats.dns_1035_label(value.lower() if field.endswith("ind") else value):
            words = "may have mixed case, but should otherwise match: "
            yield invalid(where, value, (words if field.endswith("ind") else "") + detail)
    for field in ("shortNames", "categories"):
        for index, name in enumerate(names.get(field) or ()):
            yield from invalid_each(f"spec.names.{field}[{index}]", name, formats.dns_1035_label(str(name)))
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        yield invalid("spec.names.listKind", names["listKind"], "kind and listKind may not be the same")


def _check_versions(versions: Any) -> Findings:
    if not versions:
        yield required("spec.versions", "must have at least one version")
        return
    seen: set[str] = set()
    for index, version in enumerate(versions):
        where, name = f"spec.versions[{index}]", version.get("name") or ""
        yield from invalid_each(f"{where}.name", name, formats.dns_1035_label(name))
        if name in seen:
            yield duplicate(f"{where}.name", name)
        seen.add(name)
        schema = (version.get("schema") or EMPTY).get("openAPIV3Schema")
        if schema is None:
            yield required(f"{where}.schema.openAPIV3Schema", "schemas are required")
        else:
            yield from _check_root(schema, f"{where}.schema.openAPIV3Schema")
        yield from _check_columns(version.get("additionalPrinterColumns") or (), where)
        yield from _check_scale((version.get("subresources") or EMPTY).get("scale"), where)
        yield from _check_selectable(version.get("selectableFields") or (), where)
    if sum(each.get("storage") is True for each in versions) != 1:
        yield invalid(
            "spec.versions", len(versions), "must have exactly one version marked as storage version"
        )


def _check_columns(columns: Any, version: str) -> Findings:
    for index, column in enumerate(columns):
        where = f"{version}.additionalPrinterColumns[{index}]"
        if not isinstance(column, dict):
            yield _wrong_type(where, dict)
            continue
        if found := [*_mistyped(column, _COLUMN_FIELDS, where)]:
            yield from found
            continue
        if not column.get("name"):
            yield required(f"{where}.name")
        if column.get("type") not in COLUMN_TYPES:
            yield invalid(f"{where}.type", column.get("type"), f"must be one of {','.join(COLUMN_TYPES)}")
        yield from _check_path(column.get("jsonPath"), f"{where}.jsonPath")


def _check_path(path: Any, where: str) -> Findings:
    if not path:
        yield required(where)
    elif not isinstance(path, str) or not path.startswith("."):
        yield invalid(where, path, "is an invalid value: must start with a dot")
    else:
        try:
            jsonpath.check(path)
        except ValueError as error:
            yield invalid(where, path, f"is an invalid value: {error}")


def _check_scale(scale: Any, version: str) -> Findings:
    if scale is None:
        return
    where = f"{version}.subresources.scale"
    for field, above in (("specReplicasPath", "spec"), ("statusReplicasPath", "status")):
        path = scale.get(field)
        if not path:
            yield required(f"{where}.{field}")
        elif not path.startswith(f".{above}."):
            yield invalid(f"{where}.{field}", path, f"should be a json path under .{above}")
    path = scale.get("labelSelectorPath")
    if path and not path.startswith((".status.", ".spec.")):
        yield invalid(
            f"{where}.labelSelectorPath", path, "should be a json path under either .spec or .status"
        )


def _check_selectable(fields: Any, version: str) -> Findings:
    for index, each in enumerate(fields):
        where = f"{version}.selectableFields[{index}]"
        if not isinstance(each, dict):
            yield _wrong_type(where, dict)
        else:
            yield from _check_path(each.get("jsonPath"), f"{where}.jsonPath")


def _check_root(schema: Object, where: str) -> Findings:
    if schema.get("type") != "object":
        yield invalid(f"{where}.type", schema.get("type") or "", 'must be "object" at the root')
    yield from _check_schema(schema, where, is_root=True)


def _check_schema(schema: Any, where: str, *, is_root: bool = False, typed: bool = True) -> Findings:
    """A schema is structural: it says a type at every place, outside of alternatives."""
    if not isinstance(schema, dict):
        yield _wrong_type(where, dict)
        return
    if found := [*_mistyped_schema(schema, where)]:
        yield from found
        return
    sort = schema.get("type")
    loose = schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("x-kubernetes-int-or-string")
    if sort is not None and sort not in SCHEMA_TYPES:
        yield not_supported(f"{where}.type", sort, SCHEMA_TYPES)
    elif typed and not sort and not loose:
        above = "items" if where.endswith(".items") else "fields"
        detail = "array items" if above == "items" else "object fields"
        yield required(f"{where}.type", f"must not be empty for specified {detail}")
    if schema.get("properties") and "additionalProperties" in schema:
        yield forbidden(
            f"{where}.additionalProperties", "additionalProperties and properties are mutual exclusive"
        )
    if sort == "array" and schema.get("items") is None and typed:
        yield required(f"{where}.items", "must be specified")
    if schema.get("uniqueItems"):
        words = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield forbidden(f"{where}.uniqueItems", words)
    for field in ("$ref", "definitions", "dependencies", "patternProperties", "additionalItems", "id"):
        if schema.get(field):
            yield forbidden(f"{where}.{field}", f"{field} is not supported")
    yield from _check_list_type(schema, where)
    properties = schema.get("properties") or {}
    for name, below in properties.items():
        if is_root and name in ("apiVersion", "kind", "metadata") and below == {}:
            continue
        yield from _check_schema(below, f"{where}.properties[{name}]", typed=typed)
    for field in ("items", "additionalProperties"):
        below = schema.get(field)
        if below is not None and not isinstance(below, bool):
            yield from _check_schema(below, f"{where}.{field}", typed=typed)
    for field in ("allOf", "anyOf", "oneOf"):
        for index, below in enumerate(schema.get(field) or ()):
            yield from _check_schema(below, f"{where}.{field}[{index}]", typed=False)


def _mistyped_schema(schema: Object, where: str) -> Findings:
    """The fields of a schema, and of its rules, that hold another type."""
    found = [*_mistyped(schema, _SCHEMA_FIELDS, where)]
    yield from found
    for name, wanted in _ITEMS.items() if not found else ():
        for index, each in enumerate(schema.get(name) or ()):
            at = f"{where}.{name}[{index}]"
            if not isinstance(each, wanted):
                yield _wrong_type(at, wanted)
            elif isinstance(each, dict):
                yield from _mistyped(each, _RULE_FIELDS, at)


def _check_list_type(schema: Object, where: str) -> Findings:
    list_type, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys")
    where_type = f"{where}.x-kubernetes-list-type"
    if list_type is None:
        if keys:
            yield required(where_type, "must be map if x-kubernetes-list-map-keys is non-empty")
        return
    if list_type not in ("atomic", "set", "map"):
        yield not_supported(where_type, list_type, ("atomic", "map", "set"))
    elif schema.get("type") != "array":
        yield invalid(
            f"{where}.type", schema.get("type") or "", "must be array if x-kubernetes-list-type is specified"
        )
    elif list_type == "map" and not keys:
        words = "must not be empty if x-kubernetes-list-type is map"
        yield required(f"{where}.x-kubernetes-list-map-keys", words)
