"""From the node tree of one document to a skeleton: find the holes, edit the tree, learn each field.

What the documents of a template are made of: objects, lists of objects, tokens that mark holes.

Plain data from a node tree, with a token in place of each scalar that depends on the item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from expander.base.errors import Position, Problem
from expander.base.yaml import MappingNode, Node, ScalarNode, SequenceNode, construct, locate
from expander.kube.schemas import FieldType, field_type
from expander.manifests.edits import ITEM_ANNOTATION, Edits, apply
from expander.manifests.manifest import path_text
from expander.manifests.names import name_rule
from expander.render.compiled import Skeleton
from expander.render.layout import make_layout
from expander.render.placeholder import Hole, Path, Style
from expander.render.shell import contexts, scripts


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


_TAGS = {
    "tag:yaml.org,2002:int": FieldType.INT64,
    "tag:yaml.org,2002:float": FieldType.NUMBER,
    "tag:yaml.org,2002:bool": FieldType.BOOLEAN,
    "tag:yaml.org,2002:str": FieldType.STRING,
}
_STYLES = {"plain": Style.PLAIN, "literal": Style.LITERAL, "folded": Style.LITERAL}

Split: TypeAlias = Callable[[str, Position], tuple["str | int", ...]]


class Walk:
    """Plain data of a node tree with a token in place of each scalar that has slots."""

    def __init__(self, split: Split, prefix: str) -> None:
        self.split = split
        self.prefix = prefix
        self.holes: dict[str, Hole] = {}

    def data(self, node: Node, flow: bool = False) -> Any:
        if isinstance(node, ScalarNode):
            return self._scalar(node, flow, key=False)
        if isinstance(node, SequenceNode):
            return [self.data(item, flow or node.flow) for item in node.items]
        inside = flow or node.flow
        pairs = [(self._scalar(key, inside, key=True), self.data(value, inside)) for key, value in node.pairs]
        return {_key_text(key): value for key, value in pairs}

    def shown(self, part: str | int) -> str | int:
        """A part of a path for people: a key that depends on the item is shown as ``*``."""
        return "*" if part in self.holes else part

    def _scalar(self, node: ScalarNode, flow: bool, *, key: bool) -> Any:
        segments = self.split(node.text, node.position)
        if all(isinstance(segment, str) for segment in segments):
            constant = "".join(segment for segment in segments if isinstance(segment, str))
            return construct(node) if constant == node.text else constant
        style = _STYLES.get(node.style, Style.QUOTED)
        lines = any("\n" in segment for segment in segments if isinstance(segment, str))
        if style is Style.LITERAL and not lines:
            style = Style.QUOTED  # one line is written as one line
        return self.add(segments, style, node.position, flow, key, _TAGS.get(node.tag or "", FieldType.ANY))

    def add(
        self,
        segments: tuple[str | int, ...],
        style: Style,
        where: Position,
        flow: bool = False,
        key: bool = False,
        type: FieldType = FieldType.ANY,
    ) -> str:
        token = f"{self.prefix}h{len(self.holes)}z"
        self.holes[token] = Hole(token, (), segments, style, where, type, flow=flow, is_key=key)
        return token


def _key_text(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key)


_STRUCTURES = (FieldType.LIST, FieldType.OBJECT, FieldType.MAP)


@dataclass(frozen=True, slots=True)
class Rules:
    """How documents of one batch are compiled.

    ``edits`` are made to every document; ``allow_shell`` switches the shell check off.
    """

    edits: Edits = field(default_factory=Edits)
    allow_shell: bool = False


@dataclass(slots=True)
class Compiled:
    """What compiling one document gave: a skeleton, or problems; and slots that decide the structure.

    ``structural`` are slots in places where a value decides what the manifest is (kind, a field's
    name): they cannot be holes. ``kept`` says what of the template stayed although a flag asked otherwise.
    """

    skeleton: Skeleton | None = None
    problems: list[Problem] = field(default_factory=list)
    structural: set[int] = field(default_factory=set)
    found: set[int] = field(default_factory=set)
    kept: list[str] = field(default_factory=list)


def compile_document(
    root: Node,
    split: Split,
    rules: Rules,
    *,
    slots: int,
    item_slots: tuple[int, ...],
    item_slot: int | None,
    source_text: str | None,
    prefix: str,
) -> Compiled:
    """Compile one document.

    ``split`` takes a scalar's text apart into constant texts and slot numbers below ``slots``.
    ``item_slot`` is the slot with the item's own text for the annotation, ``item_slots`` those whose text
    names the item shortly; without an ``item_slot`` the slots of metadata.name stand for the item.
    ``source_text`` is the document's YAML where its comments are to be kept. ``prefix`` occurs nowhere in
    the text.
    """
    walk = Walk(split, prefix)
    tree = walk.data(root)
    result = Compiled(found={slot for hole in walk.holes.values() for slot in hole.slots})
    problem = not_an_object(tree, root.position)
    if problem is not None:
        result.problems.append(problem)
        return result
    result.kept = apply(tree, rules.edits)
    item_slots = _annotate(tree, walk, root.position, item_slots, item_slot)
    holes: list[Hole] = []
    for token, path, is_key in list(_tokens(tree, walk.holes)):
        hole = walk.holes[token]
        hole.path = path
        hole.field = path_text([walk.shown(part) for part in path])
        _learn(hole, tree, is_key, result)
        if hole not in holes:
            holes.append(hole)
    if not rules.allow_shell:
        _shell(tree, walk.holes)
    if result.problems or result.structural:
        return result
    make = partial(make_layout, tree, holes, prefix, source_text)
    result.skeleton = Skeleton(holes, partial(locate, root), slots, item_slots, make)
    return result


def _annotate(
    tree: dict[str, Any],
    walk: Walk,
    where: Position,
    item_slots: tuple[int, ...],
    item_slot: int | None,
) -> tuple[int, ...]:
    """Put the raw item into an annotation; without an item the values in the name stand for it."""
    metadata = tree.get("metadata")
    if not isinstance(metadata, dict):
        return item_slots
    if item_slot is None:
        name = walk.holes.get(metadata.get("name") or "")
        if name is None:
            return item_slots
        item_slots = tuple(dict.fromkeys(name.slots))
        segments: list[str | int] = []
        for slot in item_slots:
            segments += [slot] if not segments else ["-", slot]
    else:
        segments = [item_slot]
    annotations = metadata.get("annotations")
    if annotations is None:
        annotations = metadata["annotations"] = {}
    if isinstance(annotations, dict) and ITEM_ANNOTATION not in annotations:
        annotations[ITEM_ANNOTATION] = walk.add(tuple(segments), Style.QUOTED, where)
    return item_slots


def _tokens(tree: Any, holes: Mapping[str, Hole], path: Path = ()) -> Iterator[tuple[str, Path, bool]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key in holes:
                yield key, (*path, key), True
            yield from _tokens(value, holes, (*path, key))
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            yield from _tokens(value, holes, (*path, number))
    elif isinstance(tree, str) and tree in holes:
        yield tree, path, False


def _learn(hole: Hole, tree: dict[str, Any], is_key: bool, result: Compiled) -> None:
    """Give the hole its field's type and naming rule."""
    hole.is_key = is_key
    version, kind = str(tree["apiVersion"]), str(tree["kind"])
    if hole.path in (("kind",), ("apiVersion",)):
        result.structural.update(hole.slots)
    elif is_key:
        parent = field_type(version, kind, hole.path[:-1])
        if parent is FieldType.OBJECT:
            result.structural.update(hole.slots)
        hole.type = FieldType.STRING
        hole.siblings = frozenset(_at(tree, hole.path[:-1])) - {hole.token}
    else:
        wanted = field_type(version, kind, hole.path)
        if wanted is not FieldType.ANY:
            hole.type = wanted
        hole.rule = name_rule(tree, hole.path)
        if wanted in _STRUCTURES:
            words = "a list" if wanted is FieldType.LIST else "a mapping"
            result.problems.append(
                Problem(
                    f"the field wants {words}, and an item is one value",
                    hole.where,
                    field=hole.field,
                    hint="write [$ITEM] for a list of one value" if wanted is FieldType.LIST else None,
                )
            )


def _shell(tree: dict[str, Any], holes: Mapping[str, Hole]) -> None:
    for path in scripts(tree):
        text = _at(tree, path)
        hole = holes.get(text) if isinstance(text, str) else None
        if hole is not None:
            hole.contexts = contexts(hole.segments)


def _at(tree: Any, path: Path) -> Any:
    for part in path:
        tree = tree[part]
    return tree
