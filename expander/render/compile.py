"""Compile one document of a template: find the placeholders, edit the tree, learn what each field wants."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from expander.base.dataclass import dataclass
from expander.base.errors import Problem, SourceLocation
from expander.base.late_module import late_module
from expander.base.yaml import MappingNode, Node, ScalarNode, SequenceNode, construct, locate
from expander.items.keys import KeyChoice
from expander.kube.expansion import is_expanded
from expander.kube.schemas import FieldType, field_type
from expander.kube.wellknown import RUN_TO_COMPLETION
from expander.manifests.edits import ITEM_ANNOTATION, KEY_ANNOTATION, Edits, apply_edits, item_annotations
from expander.manifests.manifest import path_text
from expander.manifests.names import name_rule
from expander.render.compiled import CompiledTemplate
from expander.render.layout import make_layout
from expander.render.placeholder import Path, Placeholder, Style
from expander.render.script_context import is_proven, may_be_code

if TYPE_CHECKING:
    from expander.render import commands, rewrite, variables
else:  # what reads command lines
    variables = late_module("expander.render.variables")
    rewrite = late_module("expander.render.rewrite")
    commands = late_module("expander.render.commands")


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


def not_an_object(tree: Any, where: SourceLocation) -> Problem | None:
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

Split: TypeAlias = Callable[[str, SourceLocation], tuple["str | int", ...]]


class Walk:
    """Plain data of a node tree with a token in place of each scalar that has columns."""

    def __init__(self, split: Split, prefix: str) -> None:
        self.split = split
        self.prefix = prefix
        self.placeholders: dict[str, Placeholder] = {}

    def data(self, node: Node, flow: bool = False) -> Any:
        """The data of a node; ``flow``: it stands within brackets or braces."""
        if isinstance(node, ScalarNode):
            return self._scalar(node, flow, key=False)
        if isinstance(node, SequenceNode):
            return [self.data(item, flow or node.flow) for item in node.items]
        inside = flow or node.flow
        pairs = [(self._scalar(key, inside, key=True), self.data(value, inside)) for key, value in node.pairs]
        return {_key_text(key): value for key, value in pairs}

    def shown(self, part: str | int) -> str | int:
        """A part of a path for people: a key that depends on the item is shown as ``*``."""
        return "*" if part in self.placeholders else part

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
        where: SourceLocation,
        flow: bool = False,
        key: bool = False,
        type: FieldType = FieldType.ANY,
    ) -> str:
        token = f"{self.prefix}h{len(self.placeholders)}z"
        self.placeholders[token] = Placeholder(token, (), segments, style, where, type, flow=flow, is_key=key)
        return token


def _key_text(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key)


_STRUCTURES = (FieldType.LIST, FieldType.OBJECT, FieldType.MAP)


Shell = Literal["check", "env", "allow"]
TypeOf: TypeAlias = Callable[[str, str, Path], FieldType]
"""apiVersion, kind, path -> the type of the field there."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How documents of one batch are compiled.

    ``edits`` are made to every document. ``shell`` says what becomes of values in scripts and other code:
    ``check`` refuses those that are not proven to be data, ``env`` passes them by environment variables,
    ``allow`` lets everything through. With ``envsubst`` ``$NAME`` and ``${NAME}`` of given values are filled.
    ``key`` names the columns of the items' key, once the first items are known. ``types`` says what type the
    field of a kind at a path has.
    """

    edits: Edits = field(default_factory=Edits)
    shell: Shell = "check"
    envsubst: bool = False
    key: KeyChoice = field(default_factory=KeyChoice)
    types: TypeOf = field_type


@dataclass(slots=True)
class CompileResult:
    """What compiling one document gave: a compiled template, or problems.

    ``structural`` are columns of the row in places where a value decides what the manifest is (kind, a
    field's name): they cannot be placeholders. ``found`` are all columns that occur. ``kept`` says what of
    the template stayed although a flag asked otherwise.
    """

    compiled: CompiledTemplate | None = None
    problems: list[Problem] = field(default_factory=list)
    structural: set[int] = field(default_factory=set)
    found: set[int] = field(default_factory=set)
    kept: list[str] = field(default_factory=list)


def compile_document(
    root: Node,
    split: Split,
    rules: Rules,
    *,
    item_columns: tuple[int, ...],
    item_column: int | None,
    source_text: str | None,
    prefix: str,
    variable_of: Callable[[int], str] | None = None,
    reference_of: Callable[[int], str] | None = None,
    holes_from: Callable[[SourceLocation], Iterator[SourceLocation]] | None = None,
    constant: Collection[int] | None = None,
) -> CompileResult:
    """Compile one document.

    ``split`` takes a scalar's text apart into constant texts and column numbers.
    ``item_column`` is the column with the item's own text for the annotation, ``item_columns`` those whose
    text names the item shortly; without an ``item_column`` the columns of metadata.name stand for the item.
    ``source_text`` is the document's YAML where its comments are to be kept. ``prefix`` occurs nowhere in
    the text. ``variable_of`` gives the environment variable for a column, ``reference_of`` how the template
    refers to it, ``holes_from`` the places of all references behind a place. ``constant`` are the columns
    that are the same for all items (None when there are no items): an object that has no others, such as
    the ConfigMap with the script, is shared by the items.
    """
    walk = Walk(split, prefix)
    tree = walk.data(root)
    result = CompileResult(
        found={column for placeholder in walk.placeholders.values() for column in placeholder.columns}
    )
    problem = not_an_object(tree, root.position)
    if problem is not None:
        result.problems.append(problem)
        return result
    result.kept = apply_edits(tree, rules.edits)
    shared = constant is not None and result.found <= set(constant) and tree["kind"] not in RUN_TO_COMPLETION
    if not shared:
        item_columns = _annotate(tree, walk, root.position, item_columns, item_column, rules.key.annotation)
    if rules.shell == "env" and variable_of is not None:

        def add(column: int, other: Placeholder) -> str:
            places = dict(zip(other.columns, _holes(other, holes_from), strict=False))
            return walk.add((column,), Style.QUOTED, places.get(column, other.where))

        result.problems += variables.pass_by_variables(tree, walk.placeholders, variable_of, add)
    used: dict[str, Placeholder] = {}
    for token, path, is_key in list(_tokens(tree, walk.placeholders)):
        placeholder = used[token] = walk.placeholders[token]
        placeholder.path = path
        placeholder.field = placeholder.field or path_text([walk.shown(part) for part in path])
        _learn(placeholder, tree, is_key, result, rules.types)
    if rules.shell != "allow" and any(may_be_code(placeholder.path) for placeholder in used.values()):
        _shell(tree, walk.placeholders, variable_of, reference_of, holes_from)
    if result.problems or result.structural:
        return result
    placeholders = list(used.values())
    make = partial(make_layout, tree, placeholders, prefix, source_text)
    named = () if shared else item_columns
    result.compiled = CompiledTemplate(placeholders, partial(locate, root), named, make, shared)
    return result


def _annotate(
    tree: dict[str, Any],
    walk: Walk,
    where: SourceLocation,
    item_columns: tuple[int, ...],
    item_column: int | None,
    key: str | None,
) -> tuple[int, ...]:
    """Put the raw item into an annotation; without an item the values in the name stand for it."""
    metadata = tree.get("metadata")
    if not isinstance(metadata, dict):
        return item_columns
    if item_column is None:
        name = walk.placeholders.get(metadata.get("name") or "")
        if name is None:
            return item_columns
        item_columns = tuple(dict.fromkeys(name.columns))
        segments: list[str | int] = []
        for column in item_columns:
            segments += [column] if not segments else ["-", column]
    else:
        segments = [item_column]
    for notes in item_annotations(tree):
        if ITEM_ANNOTATION not in notes:
            notes[ITEM_ANNOTATION] = walk.add(tuple(segments), Style.QUOTED, where)
            if key is not None and item_column is not None:
                notes[KEY_ANNOTATION] = key
    return item_columns


def _tokens(
    tree: Any, placeholders: Mapping[str, Placeholder], path: Path = ()
) -> Iterator[tuple[str, Path, bool]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key in placeholders:
                yield key, (*path, key), True
            yield from _tokens(value, placeholders, (*path, key))
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            yield from _tokens(value, placeholders, (*path, number))
    elif isinstance(tree, str) and tree in placeholders:
        yield tree, path, False


def _learn(
    placeholder: Placeholder, tree: dict[str, Any], is_key: bool, result: CompileResult, types: TypeOf
) -> None:
    """Give the placeholder its field's type and naming rule."""
    placeholder.is_key = is_key
    version, kind = str(tree["apiVersion"]), str(tree["kind"])
    if placeholder.path in (("kind",), ("apiVersion",)):
        result.structural.update(placeholder.columns)
    elif is_key:
        parent = types(version, kind, placeholder.path[:-1])
        if parent is FieldType.OBJECT:
            result.structural.update(placeholder.columns)
        placeholder.type = FieldType.STRING
        placeholder.siblings = frozenset(commands.value_at(tree, placeholder.path[:-1])) - {placeholder.token}
    else:
        wanted = types(version, kind, placeholder.path)
        if wanted is not FieldType.ANY:
            placeholder.type = wanted
        placeholder.rule = name_rule(tree, placeholder.path)
        placeholder.expanded = is_expanded(placeholder.path)
        if wanted in _STRUCTURES:
            words, one = (
                ("a list", "; [$ITEM] is a list of one value")
                if wanted is FieldType.LIST
                else ("a mapping", "")
            )
            result.problems.append(
                Problem(
                    f"the field takes {words}, but an item is a single value",
                    placeholder.where,
                    field=placeholder.field,
                    hint=f"in Jinja2, {{{{ value | tojson }}}} writes {words}{one}",
                )
            )


def _holes(
    placeholder: Placeholder, holes_from: Callable[[SourceLocation], Iterator[SourceLocation]] | None
) -> list[SourceLocation]:
    """Where each column of a placeholder stands in the template, when that is known."""
    if holes_from is None:
        return []
    return list(islice(holes_from(placeholder.where), len(placeholder.columns)))


def _shell(
    tree: dict[str, Any],
    placeholders: Mapping[str, Placeholder],
    variable_of: Callable[[int], str] | None,
    reference_of: Callable[[int], str] | None,
    holes_from: Callable[[SourceLocation], Iterator[SourceLocation]] | None,
) -> None:
    """Give placeholders in command lines the contexts that say which values are only data there."""

    def segments_of(text: str) -> tuple[str | int, ...] | None:
        return placeholders[text].segments if text in placeholders else None

    for path, found in commands.placeholder_contexts(tree, segments_of):
        placeholder = placeholders[commands.value_at(tree, path)]
        placeholder.contexts = found
        placeholder.holes = _holes(placeholder, holes_from)
        if (
            variable_of is None
            or reference_of is None
            or not (shell := commands.script_shell(tree, path, segments_of))
        ):
            continue
        if variables.container_of(tree, path) is not None:
            placeholder.with_variables = variables.lines_with_variables(
                placeholder.segments, found, variable_of
            )
        if all(map(is_proven, found)):
            placeholder.in_quotes = rewrite.in_double_quotes(
                placeholder.segments, found, shell == "bash", reference_of
            )
        else:
            placeholder.suggestion = rewrite.suggestion(placeholder.segments, shell == "bash", reference_of)
