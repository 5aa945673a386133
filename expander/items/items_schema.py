"""The JSON Schema of a batch's rows: what the columns of every item must be, as sample sheets have it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from functools import partial
from math import isfinite
from typing import Any, Final

from expander.base.errors import InputError, Problem, SourceLocation, UsageError, shown_columns, suggest
from expander.base.option_names import option
from expander.base.regex import regex
from expander.base.text import cut
from expander.base.urls import without_credentials
from expander.base.waiting import waiting_opener
from expander.base.yaml.documents import Document, load_documents
from expander.items.item import Item, shown
from expander.items.schema_references import WHOLE, SchemaReferences, list_of
from expander.items.source import PLAIN_COLUMN

_INTEGER: Final = regex(r"[+-]?[0-9]{1,30}")
_NUMBER: Final = regex(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?")
_PATHS: Final = {"file-path": os.path.isfile, "directory-path": os.path.isdir}
"""What ``exists`` looks for, by the format of the column; any kind of file without one."""

_OF_LIST: Final = (
    *("minItems", "maxItems", "uniqueItems", "prefixItems", "additionalItems", "unevaluatedItems"),
    *("contains", "minContains", "maxContains", "allOf", "anyOf", "oneOf", "not", "if", "$ref"),
)
"""Keywords about a whole list."""
_CHECKING: Final = frozenset(
    [
        *_OF_LIST,
        *"items unique uniqueEntries exists errorMessage type enum const multipleOf maximum minimum".split(),
        *"exclusiveMaximum exclusiveMinimum pattern format maxLength minLength maxContains".split(),
        *"maxProperties minProperties required properties patternProperties propertyNames".split(),
        *"additionalProperties unevaluatedProperties then else dependencies dependentRequired".split(),
        *"dependentSchemas definitions".split(),
    ]
)
"""Keywords whose misspelling would check nothing: JSON Schema ignores keywords that it does not know."""
_ALIKE: Final = 0.83
"""How alike a misspelled keyword is, from 0 to 1; other words are notes of those who read the schema."""
_NAMES: Final[Mapping[type, str]] = {bool: "boolean", int: "integer", float: "number"}
MAX_VALUE_CHARS: Final = 200
"""Characters shown of a value."""

Row = Any
"""An item as the schema sees it: a mapping of columns, or a plain value."""

_Seen = dict[str, SourceLocation | str]
"""Where the values of columns that are unique came first, by these values."""


class ItemsSchema:
    """A schema of one row (``type: object``), or of the list of all rows (``type: array``).

    JSON Schema has the say, of the draft that ``$schema`` names (2020-12 by default), and three keywords of
    nf-core's sample sheets: ``exists`` of a column (a file must be there, or must not), ``unique`` of a
    column and ``uniqueEntries`` of the list (columns that no two rows may share), ``errorMessage`` of a
    column (the words of the refusal). Text is checked as the type that its column has in the schema: a cell
    of a table is text, and an empty one counts as missing unless its column takes empty text.
    """

    def __init__(self, document: Document) -> None:
        """Raises InputError that names the place in the document for what is not a schema."""
        schema = document.data
        if not isinstance(schema, Mapping):
            raise InputError("expected a mapping, the JSON Schema of the items", where=document.position())
        listed = schema.get("type") in ("array", ["array"]) or (
            schema.keys().isdisjoint(("type", "properties"))
            and not schema.keys().isdisjoint(("items", "uniqueEntries"))
        )
        self._validator = _compiled(schema, listed, document.position)
        row = schema.get("items", {}) if listed else schema
        references = SchemaReferences(schema)
        self._columns: dict[str, Mapping[str, Any]] = {
            name: each
            for part in reversed(references.applied(row, ("allOf",)))
            for name, each in _mapping(part.get("properties")).items()
            if isinstance(each, Mapping)
        }
        self._types = {name: _types(references, each) for name, each in self._columns.items()}
        self._plain_type = _types(references, row)
        for field, wrong in _misused(schema, listed, self._columns, _known_columns(references, row)):
            path = tuple(field.split("."))
            raise InputError(wrong, where=document.position(path), field=field)
        together = schema.get("uniqueEntries", []) if listed else []
        self._unique = [(name,) for name, each in self._columns.items() if each.get("unique")]
        self._unique += [tuple(together)] * bool(together)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ItemsSchema:
        """The schema in a JSON or YAML file. Raises InputError that names the file and what is wrong."""
        where = SourceLocation(os.fspath(path))
        if not where.file:
            raise UsageError(f"{option('--items-schema')}: found '', expected a file")
        try:
            with open(path, "rb", opener=waiting_opener) as file:
                documents = list(load_documents(file.read(), where.file))
        except OSError as error:
            raise InputError(
                f"{error.strerror}; expected the JSON Schema of the items",
                where=SourceLocation(without_credentials(where.file)),
            ) from None
        if len(documents) != 1:
            raise InputError(f"found {len(documents)} documents, expected one JSON Schema", where=where)
        return cls(documents[0])

    @property
    def columns(self) -> Collection[str]:
        """The names of the columns that the schema describes."""
        return self._columns.keys()

    def checked(self, items: Iterable[Item]) -> Generator[Item, None, None]:
        """``items``, each with the problem that the schema finds, if any."""
        seen: list[_Seen] = [{} for _ in self._unique]
        try:
            for item in items:
                if item.problem is None:
                    item.problem = self._problem(item, seen)
                yield item
        finally:
            if hasattr(items, "close"):
                items.close()

    def _problem(self, item: Item, seen: list[_Seen]) -> Problem | None:
        row = self._typed(item)
        found = []
        if not self._validator.is_valid(row):
            row = self._without_refused_blanks(row)
            found = [*dict.fromkeys(self._refusals(row))]
        for columns, rows in zip(self._unique, seen, strict=True):
            if isinstance(row, Mapping) and all(name in row for name in columns):
                place = item.where if item.line else f"item {item.number}"
                first = rows.setdefault(repr([row[name] for name in columns]), place)
                if first is not place:
                    found.append(_again(columns, row, first))
        if not found:
            return None
        return Problem("; ".join(found), item.where, f"item {item.number}")

    def _typed(self, item: Item) -> Row:
        """The row with text as the types that the schema has for its columns."""
        if item.columns is None:
            if self._columns:
                return self._typed_columns({PLAIN_COLUMN: item.value})
            return _as_type(item.value, self._plain_type)
        return self._typed_columns(item.columns)

    def _typed_columns(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        row = {}
        for name, value in columns.items():
            wanted = self._types.get(name, ())
            if value == "" and wanted and "string" not in wanted:
                continue
            row[name] = _as_type(value, wanted)
        return row

    def _without_refused_blanks(self, row: Row) -> Row:
        """The row without the empty cells of columns that take no empty text: those are missing."""
        if not isinstance(row, Mapping):
            return row
        refused = {path[0] for error in self._validator.iter_errors(row) if (path := error.instance_path)}
        typed = {name for name in refused if "type" in self._columns.get(str(name), ())}
        return {name: value for name, value in row.items() if value != "" or name not in typed}

    def _refusals(self, row: Row) -> Iterator[str]:
        for error in self._validator.iter_errors(row):
            path = list(error.instance_path)
            column = self._columns.get(str(path[0])) if path else None
            words = (column or {}).get("errorMessage")
            yield _named(error, words=words if isinstance(words, str) else None)


def _compiled(schema: Any, listed: bool, position: Callable[[tuple[str | int, ...]], SourceLocation]) -> Any:
    """The validator of one row. Raises InputError for what is no schema, and for references to elsewhere."""
    try:
        import jsonschema_rs
    except ImportError:
        raise UsageError(f"{option('--items-schema')} requires the package jsonschema-rs") from None
    make = partial(
        jsonschema_rs.validator_for, validate_formats=True, offline=True, keywords={"exists": _Exists}
    )
    try:
        whole = make(schema)
        if not listed or "items" not in schema:
            return make({}) if listed else whole
        draft = {key: schema[key] for key in ("$schema",) if key in schema}
        return make({**draft, "$ref": f"{WHOLE}#/items"}, registry=jsonschema_rs.Registry([(WHOLE, schema)]))
    except jsonschema_rs.ValidationError as error:
        path = tuple(error.instance_path)
        field = ".".join(str(part) for part in path) or None
        reference, apart, _ = error.message.removeprefix("Resource ").partition(
            " is not present in a registry"
        )
        words = (
            f"refers to {reference}, and nothing is fetched"
            if apart
            else f"not a JSON Schema: {error.message}"
        )
        raise InputError(words, where=position(path), field=field) from None


class _Exists:
    """The keyword ``exists``: whether the path that a column has must be there or must not."""

    def __init__(self, schema: Mapping[str, Any], value: object, _path: list[object]) -> None:
        self._wanted = value
        self._there = _PATHS.get(str(schema.get("format")), os.path.exists)

    def validate(self, instance: object) -> None:
        if not isinstance(instance, str) or not isinstance(self._wanted, bool):
            return
        if self._there(instance) != self._wanted:
            raise ValueError(f"{instance!r} {'does not exist' if self._wanted else 'exists already'}")


def _known_columns(references: SchemaReferences, row: Any) -> Collection[str]:
    """The columns that a row can have; none where the schema does not say which there are."""
    parts = references.applied(row, ("allOf", "anyOf", "oneOf"))
    parts += [
        part for each in parts for name in ("then", "else") for part in references.applied(each.get(name), ())
    ]
    if any("patternProperties" in part for part in parts):
        return ()
    names = (
        name for part in parts for name in (*_mapping(part.get("properties")), *list_of(part.get("required")))
    )
    return dict.fromkeys(map(str, names))


def _types(references: SchemaReferences, schema: Any) -> frozenset[str]:
    """The types that a value may have, by what its schema says of types or else of values."""
    parts = references.applied(schema, ("allOf", "anyOf", "oneOf"))
    found: set[str] = set()
    for part in parts:
        given = part.get("type")
        found.update([given] if isinstance(given, str) else map(str, list_of(given)))
    values = [value for part in parts for value in (*list_of(part.get("enum")), *_const(part))]
    return frozenset(found or {_NAMES.get(type(value), "string") for value in values})


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _const(schema: Mapping[str, Any]) -> list[Any]:
    return [schema["const"]] if "const" in schema else []


def _misused(
    schema: Mapping[str, Any],
    listed: bool,
    columns: Mapping[str, Mapping[str, Any]],
    known: Collection[str],
) -> Iterator[tuple[str, str]]:
    """The fields that would not be checked as they are, each with what is wrong."""
    places = {"": schema, **({"items.": _mapping(schema.get("items"))} if listed else {})}
    places |= {f"{[*places][-1]}properties.{name}.": column for name, column in columns.items()}
    for place, part in places.items():
        for keyword in (each for each in part if each not in _CHECKING and len(each) > 4):
            if meant := suggest(keyword, _CHECKING, _ALIKE):
                yield f"{place}{keyword}", f"unknown keyword, did you mean {meant!r}?"
    for name, column in columns.items():
        for keyword, kind in (("exists", bool), ("unique", bool), ("errorMessage", str)):
            if not isinstance(column.get(keyword, kind()), kind):
                expected = "true or false" if kind is bool else "text"
                yield f"properties.{name}.{keyword}", f"found {column[keyword]!r}, expected {expected}"
    if listed:
        names = schema.get("uniqueEntries", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            yield "uniqueEntries", f"found {names!r}, expected a list of columns"
        elif unknown := [name for name in names if known and name not in known]:
            yield "uniqueEntries", f"no column {unknown[0]!r}; columns are {shown_columns(known)}"
        for keyword in _OF_LIST:
            if keyword in schema:
                yield (
                    keyword,
                    "cannot be checked: rows are read one by one; of a list, items and uniqueEntries are",
                )


def _as_type(value: object, wanted: Collection[str]) -> object:
    """Text as a value of the type that is wanted, where it reads as one; everything else as it is."""
    if not isinstance(value, str) or "string" in wanted:
        return value
    if "boolean" in wanted and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if _INTEGER.fullmatch(value) and ("integer" in wanted or "number" in wanted):
        return int(value)
    if "number" in wanted and _NUMBER.fullmatch(value):
        number = float(value)
        return number if isfinite(number) else value
    return value


def _named(error: Any, skip: int = 0, words: str | None = None) -> str:
    """What is wrong, after the path of the value without its first parts; ``words`` say it otherwise."""
    name = ".".join(map(str, list(error.instance_path)[skip:]))
    return f"{name}: {words or _words(error)}" if name else _words(error)


def _words(error: Any) -> str:
    """What was found and what was expected."""
    value = error.kind.value
    match error.kind.name:
        case "required":
            return f"{value}: missing"
        case "additionalProperties" | "unevaluatedProperties":
            return f"{', '.join(value)}: unknown column"
        case "propertyNames":
            return f"name of a column: {_words(value)}"
        case "type":
            return f"found {_shown(error.instance)}, expected {' or '.join(value)}"
        case "enum":
            return f"found {_shown(error.instance)}, expected {' or '.join(map(shown, value))}"
        case "const":
            return f"found {_shown(error.instance)}, expected {shown(value)}"
        case "format":
            return f"found {_shown(error.instance)}, expected {value}"
        case "not" | "falseSchema":
            return f"found {_shown(error.instance)}, which the schema excludes"
        case "anyOf" | "oneOf" if all(value):
            words = (_named(each[0], len(error.instance_path)) for each in value)
            return cut(", or ".join(dict.fromkeys(words)), MAX_VALUE_CHARS)
        case "oneOf":
            return f"found {_shown(error.instance)}, which fits more than one schema of oneOf"
        case "pattern" if error.message.startswith("Error executing regex"):
            return f"found {_shown(error.instance)}, on which the pattern takes too long"
        case "pattern":
            return f"found {_shown(error.instance)}, expected text that matches {value}"
    return cut(str(error.message), MAX_VALUE_CHARS)


def _shown(value: object) -> str:
    return cut(shown(value), MAX_VALUE_CHARS)


def _again(columns: tuple[str, ...], row: Mapping[str, Any], first: object) -> str:
    values = ", ".join(shown(row[name]) for name in columns)
    return f"{', '.join(columns)}: found {values} again, first at {first}"
