"""Objects that need no closer look, found by ``jsonschema-rs`` where it is installed.

A JSON Schema is made of the structural one that accepts less: no null where it would be dropped, no unknown
field, no value that is only valid by one of Go's conversions. What it accepts has no fault that the
decoder or the schema could find; what it refuses is looked at in Python, which decides. The first objects
of a kind are, too, since making the validator takes as long as some hundred of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from expander.kube import schemas
from expander.kube.versions import Release
from expander.validate.cel.go_regex import compiled
from expander.validate.crds.string_formats import FORMATS, supported
from expander.validate.crds.structural import ABSENT, Node
from expander.validate.schema_engines import DIALECT, FIRST, INT32, INT64, decodable
from expander.validate.schema_engines import FORMATS as DECODED

Schema = dict[str, Any]

COPIED: Final = ("maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "enum")
"""What means the same in both, or is stricter here."""

NEVER: Final[Schema] = {"not": {}}


class FastPath:
    """Whether an object is certainly decodable and valid by its schema."""

    def __init__(self, root: Node, release: Release) -> None:
        self._root, self._release = root, release
        self._asked = 0
        self._is_valid: Callable[[Any], bool] | None = None

    def accepts(self, obj: Mapping[str, Any]) -> bool:
        """False says nothing."""
        if self._is_valid is None:
            self._asked += 1
            if self._asked != FIRST:
                return False
            self._is_valid = _validator(self._root, self._release)
        try:
            return self._is_valid(obj)
        except (ValueError, OverflowError):  # a value Rust cannot hold, or nesting beyond its limit
            return False


def _validator(root: Node, release: Release) -> Callable[[Any], bool]:
    try:
        import jsonschema_rs
    except ImportError:
        return lambda obj: False
    translation = _Translation(release)
    try:
        known = decodable(schemas.object_meta()["$ref"].removeprefix(schemas.REF))["$defs"]
        schema = {"$schema": DIALECT, "$defs": known, **translation.node(root)}
    except ValueError:  # a pattern that cannot be evaluated here
        return lambda obj: False
    found: Callable[[Any], bool] = jsonschema_rs.Draft202012Validator(
        schema, formats={**DECODED, **translation.formats}, validate_formats=True
    ).is_valid
    return found


class _Translation:
    """One translation; ``formats`` are the checks of texts that it uses, by the names it gave them."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.formats: dict[str, Callable[[Any], bool]] = {}

    def node(self, node: Node) -> Schema:
        """The schema of a node of the structural schema."""
        result = self.values(node.schema)
        types = ["integer", "string"] if node.int_or_string else [node.type] if node.type else []
        if types:
            result["type"] = [*types, "null"] if node.nullable else types
        elif not node.nullable:
            result["allOf"] = [*result.get("allOf", ()), {"not": {"type": "null"}}]
        if node.type == "object" or node.properties:
            self._add_fields(node, result)
        elif node.type != "array" and not node.preserves:  # what is in a list of lists of nothing is unknown
            result["allOf"] = [*result.get("allOf", ()), {"not": {"type": ["object", "array"]}}]
        if node.items is not None:
            result["items"] = self.node(node.items)
        elif node.type == "array" and not node.preserves:
            result["items"] = {"not": {"type": ["object", "array", "null"]}}
        return result

    def _add_fields(self, node: Node, result: Schema) -> None:
        result["properties"] = {name: self.node(below) for name, below in node.properties.items()}
        if node.is_resource:
            for name in ("apiVersion", "kind"):
                result["properties"].setdefault(name, {})
            named = node.properties.get("metadata")  # what it says of the name and generateName
            parts = [schemas.object_meta(), *([self.nested(named.schema)] if named else ())]
            result["properties"]["metadata"] = {"type": "object", "allOf": parts}
        if node.additional is not None:
            result["additionalProperties"] = self.node(node.additional)
        elif not (node.preserves or node.open):
            result["additionalProperties"] = False
        filled = {name for name, below in node.properties.items() if below.default is not ABSENT}
        if filled:
            result["required"] = [name for name in result.get("required", ()) if name not in filled]
            for word in ("minProperties", "maxProperties"):
                if word in result:
                    result.update(NEVER)

    def values(self, schema: Mapping[str, Any]) -> Schema:
        """The schema of what a schema says about values."""
        result: Schema = {word: schema[word] for word in COPIED if schema.get(word) is not None}
        parts: list[Schema] = []
        if schema.get("required"):
            result["required"] = list(schema["required"])
        if schema.get("minLength"):
            result["minLength"] = schema["minLength"]
        parts += self._texts(schema) + _numbers(schema)
        for word in ("allOf", "anyOf"):
            if schema.get(word):
                parts.append({word: [self.nested(part) for part in schema[word]]})
        if schema.get("oneOf") or schema.get("not"):
            parts.append(NEVER)
        if parts:
            result["allOf"] = parts
        return result

    def nested(self, schema: Mapping[str, Any]) -> Schema:
        """The schema of a part of allOf or anyOf."""
        result = self.values(schema)
        if schema.get("type"):
            result["type"] = schema["type"]
        if schema.get("properties"):
            result["properties"] = {name: self.nested(each) for name, each in schema["properties"].items()}
        for word in ("items", "additionalProperties"):
            if isinstance(schema.get(word), Mapping):
                result[word] = self.nested(schema[word])
        return result

    def _texts(self, schema: Mapping[str, Any]) -> list[Schema]:
        parts: list[Schema] = []
        if pattern := schema.get("pattern"):
            search = compiled(pattern).search
            self.formats[f"pattern {pattern}"] = lambda text: type(text) is not str or bool(search(text))
            parts.append({"format": f"pattern {pattern}"})
        form = supported(schema, self.release)
        if accepts := FORMATS.get(form.replace("-", "")):
            self.formats[f"strfmt {form}"] = lambda text: type(text) is not str or accepts(text)
            parts.append({"format": f"strfmt {form}"})
            if schema.get("type") != "string":
                parts.append(NEVER)
        return parts


def _numbers(schema: Mapping[str, Any]) -> list[Schema]:
    parts: list[Schema] = []
    if schema.get("type") == "integer" or schema.get("x-kubernetes-int-or-string"):
        parts.append(dict(INT32 if schema.get("format") == "int32" else INT64))
    for word, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        bound = schema.get(word)
        if bound is None:
            continue
        if not schema.get(exclusive):
            parts.append({word: bound})
        else:
            parts.append({exclusive: bound} if bound == int(bound) else NEVER)
    if schema.get("multipleOf") is not None:
        whole = schema["multipleOf"] == int(schema["multipleOf"]) and schema["multipleOf"] > 0
        parts.append({"multipleOf": int(schema["multipleOf"])} if whole else NEVER)
    return parts
