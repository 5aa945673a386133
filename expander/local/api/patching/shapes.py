"""What merging must know of a field: whether it is one value, and what tells list elements apart.

Taken from the schemas, whose ``x-kubernetes-list-type``, ``-map-type``, ``-list-map-keys``,
``-patch-strategy`` and ``-patch-merge-key`` are the markers and struct tags of the Go types. Kinds without
a schema are deduced from their values: objects are merged by key, lists are one value.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import cache, cached_property
from typing import Any, Final

from expander.kube import schemas
from expander.local.api.patching import kinds

VERSION: Final = "1.36"
"""The Kubernetes version the local API speaks for."""


class Form(Enum):
    """How a value is merged and owned."""

    SCALAR = "scalar"
    ATOMIC = "atomic"
    """An object or a list that is one value."""
    STRUCT = "struct"
    MAP = "map"
    SET = "set"
    """A list of scalars, each there once."""
    KEYED = "keyed"
    """A list of objects that some of their fields tell apart."""
    DEDUCED = "deduced"


class Holds(Enum):
    """What a value consists of, atomic or not."""

    FIELDS = "fields"
    ELEMENTS = "elements"
    SCALAR = "scalar"
    ANYTHING = "anything"


SCALARS: Final = {"string": "string", "integer": "numeric", "number": "numeric", "boolean": "boolean"}


class Shape:
    """The shape of one field, worked out as it is asked for."""

    def __init__(self, schema: schemas.Schema) -> None:
        self._schema = schema
        self.form = _form(schema)
        self._below: dict[str, Shape | None] = {}

    @property
    def scalar(self) -> str:
        """``string``, ``numeric``, ``boolean``, or empty when any scalar will do."""
        return "" if self._schema.get("format") in LOOSE else SCALARS.get(self._schema.get("type", ""), "")

    @property
    def holds(self) -> Holds:
        """What the value consists of."""
        if "properties" in self._schema or "additionalProperties" in self._schema:
            return Holds.FIELDS
        if self._schema.get("type") == "array":
            return Holds.ELEMENTS
        return Holds.SCALAR if self.form is Form.SCALAR else Holds.ANYTHING

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Of a KEYED list, the fields that tell its elements apart, sorted."""
        return tuple(sorted(self._schema.get("x-kubernetes-list-map-keys", ())))

    @cached_property
    def key_defaults(self) -> Mapping[str, Any]:
        """Of a KEYED list, what the key fields are when an element leaves them out."""
        known = {key: schemas.child(self.element._schema, key) or {} for key in self.keys}
        return {key: schema["default"] for key, schema in known.items() if "default" in schema}

    @property
    def strategies(self) -> tuple[str, ...]:
        """How a strategic merge patch merges the field: ``merge``, ``replace``, ``retainKeys``."""
        return tuple(self._schema.get("x-kubernetes-patch-strategy", "").split(","))

    @property
    def merge_key(self) -> str:
        """The field by which a strategic merge patch tells list elements apart; empty for scalars."""
        return str(self._schema.get("x-kubernetes-patch-merge-key", ""))

    def field(self, name: str) -> Shape | None:
        """The shape of the field or map value of that name; None when the struct has no such field."""
        if name not in self._below:
            found = schemas.child(self._schema, name)
            self._below[name] = None if found is None else Shape(found)
        return self._below[name]

    @cached_property
    def element(self) -> Shape:
        """The shape of the elements of a list."""
        return Shape(schemas.child(self._schema, 0) or schemas.EVERYTHING)

    @cached_property
    def empty(self) -> dict[str, Any]:
        """Of a STRUCT, what Go writes for one without a value: structs that are no pointers are there, and
        lists that have to be there are null."""
        found: dict[str, Any] = {}
        for name, schema in self._schema.get("properties", {}).items():
            below = self.field(name)
            assert below is not None
            if below.form is Form.STRUCT and schema.get("default") == {}:
                found[name] = below.empty
            elif below.form in LISTS and name in self._schema.get("required", ()):
                found[name] = None
        return found


LISTS: Final = (Form.SET, Form.KEYED)
LOOSE: Final = ("quantity", "int-or-string")


def _form(schema: schemas.Schema) -> Form:
    if schema.get("x-kubernetes-map-type") == "atomic":
        return Form.ATOMIC
    if "properties" in schema:
        return Form.STRUCT
    if schema.get("type") == "array":
        return {"set": Form.SET, "map": Form.KEYED}.get(
            schema.get("x-kubernetes-list-type", "atomic"), Form.ATOMIC
        )
    if schema.get("type") == "object":
        return Form.MAP if "additionalProperties" in schema else Form.DEDUCED
    return Form.SCALAR if "type" in schema or "format" in schema else Form.DEDUCED


@cache
def root(api_version: str, kind: str) -> Shape:
    """The shape of the objects of a kind."""
    return Shape(schemas.root(api_version, kind, VERSION) or kinds.schema_root(api_version, kind))
