"""The structural schema of a custom resource as a tree (``apiserver/schema`` of apiextensions-apiserver)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Final

from expander.base.dataclass import dataclass

ABSENT: Final[Any] = type("Absent", (), {"__repr__": lambda self: "ABSENT"})()
"""Stands for a value that is not there, where None is the JSON value null."""


@dataclass(slots=True, eq=False)
class Node:
    """One node of a structural schema.

    ``schema`` is what the definition says at this place; ``additional`` the schema of a map's values, and
    ``open`` that it takes any. ``rules`` are its ``x-kubernetes-validations``, those of ``allOf`` included.
    """

    schema: Mapping[str, Any]
    is_root: bool = False
    type: str = ""
    format: str = ""
    nullable: bool = False
    default: Any = ABSENT
    preserves: bool = False
    is_embedded: bool = False
    int_or_string: bool = False
    list_type: str = ""
    map_keys: tuple[str, ...] = ()
    properties: dict[str, Node] = field(default_factory=dict)
    additional: Node | None = None
    open: bool = False
    items: Node | None = None
    rules: tuple[Mapping[str, Any], ...] = ()

    @property
    def is_resource(self) -> bool:
        """Whether apiVersion, kind and metadata are there without being named."""
        return self.is_root or self.is_embedded

    def children(self) -> Iterator[Node]:
        """The nodes directly below."""
        yield from self.properties.values()
        for below in (self.additional, self.items):
            if below is not None:
                yield below

    def all(self) -> Iterator[Node]:
        """The node and all below it."""
        yield self
        for each in self.children():
            yield from each.all()

    def below(self, key: str) -> Node | None:
        """The node of a field or of a map's value."""
        return self.properties.get(key, self.additional)


def structural(schema: Mapping[str, Any], *, is_root: bool = True) -> Node:
    """The tree of a schema as a CustomResourceDefinition has it."""
    additional, items = schema.get("additionalProperties"), schema.get("items")
    node = Node(
        schema,
        is_root=is_root,
        type=schema.get("type") or "",
        format=schema.get("format") or "",
        nullable=bool(schema.get("nullable")),
        default=schema.get("default", ABSENT),
        preserves=bool(schema.get("x-kubernetes-preserve-unknown-fields")),
        is_embedded=bool(schema.get("x-kubernetes-embedded-resource")),
        int_or_string=bool(schema.get("x-kubernetes-int-or-string")),
        list_type=schema.get("x-kubernetes-list-type") or "",
        map_keys=tuple(schema.get("x-kubernetes-list-map-keys") or ()),
        open=additional is True,
        rules=tuple(schema.get("x-kubernetes-validations") or ()),
    )
    if node.default is None:
        node.default = ABSENT
    for name, below in (schema.get("properties") or {}).items():
        node.properties[name] = structural(below, is_root=False)
    if isinstance(additional, Mapping):
        node.additional = structural(additional, is_root=False)
    if isinstance(items, Mapping):
        node.items = structural(items, is_root=False)
    for part in schema.get("allOf") or ():
        _add_rules(node, part)
    return node


def _add_rules(node: Node, part: Mapping[str, Any]) -> None:
    """The rules that a part of ``allOf`` has for ``node`` and what is below it."""
    node.rules += tuple(part.get("x-kubernetes-validations") or ())
    for name, below in (part.get("properties") or {}).items():
        if name in node.properties:
            _add_rules(node.properties[name], below)
    for name, place in (("items", node.items), ("additionalProperties", node.additional)):
        below = part.get(name)
        if place is not None and isinstance(below, Mapping):
            _add_rules(place, below)
    for deeper in part.get("allOf") or ():
        _add_rules(node, deeper)
