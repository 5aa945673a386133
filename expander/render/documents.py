"""What the documents of a template are made of: objects, lists of objects, tokens that mark holes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from expander.base.errors import Position, Problem
from expander.base.yaml import MappingNode, Node, ScalarNode, SequenceNode


def objects_of(root: Node) -> Iterator[tuple[Node, bool]]:
    """The objects of a document, and whether each is a whole document; a List gives its items."""
    fields = _fields(root)
    kind, items = fields.get("kind"), fields.get("items")
    if isinstance(kind, ScalarNode) and kind.text == "List" and isinstance(items, SequenceNode):
        for item in items.items:
            yield item, False
    else:
        yield root, True


def flattened(data: Any) -> list[Any]:
    """The objects of a document as plain data; a List gives its items."""
    if isinstance(data, dict) and data.get("kind") == "List" and isinstance(data.get("items"), list):
        return list(data["items"])
    return [data]


def not_an_object(tree: Any, where: Position) -> Problem | None:
    """What keeps a document from being a Kubernetes object, if anything."""
    if isinstance(tree, dict):
        missing = [
            name for name in ("apiVersion", "kind") if not isinstance(tree.get(name), str) or not tree[name]
        ]
        if not missing:
            return None
        found = f"the document has no {' and no '.join(missing)}"
    else:
        found = f"the document is a {'list' if isinstance(tree, list) else 'single value'}, not a mapping"
    return Problem(found, where, hint="expected a Kubernetes object with apiVersion and kind")


def unused_prefix(text: str) -> str:
    """A short plain word that does not occur in ``text``; tokens made from it cannot be mistaken."""
    number = 0
    while (prefix := f"zq{number}x") in text:
        number += 1
    return prefix


def _fields(node: Node) -> dict[str, Node]:
    if not isinstance(node, MappingNode):
        return {}
    return {key.text: value for key, value in node.pairs}
