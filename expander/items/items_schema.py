"""The JSON Schema of a batch's rows: what the columns of every item must be, as sample sheets have it."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from expander.base.errors import InputError, Problem, SourceLocation, UsageError
from expander.base.regex import regex
from expander.base.yaml.documents import Document, load_documents
from expander.items.item import Item
from expander.items.source import PLAIN_COLUMN

_INTEGER: Final = regex(r"[+-]?[0-9]{1,30}")
_NUMBER: Final = regex(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?")
_PATHS: Final = {"file-path": os.path.isfile, "directory-path": os.path.isdir}
"""What ``exists`` looks for, by the format of the column; any kind of file without one."""

Row = Any
"""An item as the schema sees it: a mapping of columns, or a plain value."""


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
        listed = schema.get("type") == "array"
        self._row: Any = schema.get("items", {}) if listed else schema
        if listed and isinstance(self._row, Mapping):
            shared = {key: schema[key] for key in ("$schema", "$defs", "definitions") if key in schema}
            self._row = {**shared, **self._row}
        columns = self._row.get("properties") if isinstance(self._row, Mapping) else None
        self._columns: dict[str, Mapping[str, Any]] = {
            name: each for name, each in (columns or {}).items() if isinstance(each, Mapping)
        }
        self._validator = _compiled(
            self._row, lambda path: document.position(("items", *path) if listed else path)
        )
        together = schema.get("uniqueEntries") if listed else None
        self._unique = [(name,) for name, each in self._columns.items() if each.get("unique") is True]
        if isinstance(together, list) and all(isinstance(name, str) for name in together):
            self._unique.append(tuple(together))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ItemsSchema:
        """The schema in a JSON or YAML file. Raises InputError that names the file and what is wrong."""
        where = SourceLocation(os.fspath(path))
        try:
            with open(path, "rb") as file:
                documents = list(load_documents(file.read(), where.file))
        except OSError as error:
            raise InputError(
                f"{error.strerror}; expected the JSON Schema of the items", where=where
            ) from None
        if len(documents) != 1:
            raise InputError(f"found {len(documents)} documents, expected one JSON Schema", where=where)
        return cls(documents[0])

    def checked(self, items: Iterable[Item]) -> Generator[Item, None, None]:
        """``items``, each with the problem that the schema finds, if any."""
        seen: list[dict[Any, Item]] = [{} for _ in self._unique]
        try:
            for item in items:
                if item.problem is None:
                    item.problem = self._problem(item, seen)
                yield item
        finally:
            if hasattr(items, "close"):
                items.close()

    def _problem(self, item: Item, seen: list[dict[Any, Item]]) -> Problem | None:
        row = self._typed(item)
        found = []
        if not self._validator.is_valid(row):
            row = self._without_refused_blanks(row)
            found = [*dict.fromkeys(self._refusals(row))]
        for columns, rows in zip(self._unique, seen, strict=True):
            if isinstance(row, Mapping) and all(name in row for name in columns):
                first = rows.setdefault(repr([row[name] for name in columns]), item)
                if first is not item:
                    found.append(_again(columns, row, first))
        if not found:
            return None
        return Problem("; ".join(found), item.where, f"item {item.number}")

    def _typed(self, item: Item) -> Row:
        """The row with text as the types that the schema has for its columns."""
        if item.columns is None:
            if self._columns:
                return self._typed_columns({PLAIN_COLUMN: item.value})
            return _as_type(item.value, self._row.get("type") if isinstance(self._row, Mapping) else None)
        return self._typed_columns(item.columns)

    def _typed_columns(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        row = {}
        for name, value in columns.items():
            wanted = self._columns[name].get("type") if name in self._columns else None
            if value == "" and wanted is not None and "string" not in wanted:
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
            name = "".join(f".{part}" for part in path)[1:]
            yield f"{name}: {words if isinstance(words, str) else _words(error)}" if name else _words(error)


def _compiled(schema: Any, position: Callable[[tuple[str | int, ...]], SourceLocation]) -> Any:
    """The validator of one row. Raises InputError for what is no schema, and for references to elsewhere."""
    try:
        import jsonschema_rs
    except ImportError:
        raise UsageError("--items-schema requires the package jsonschema-rs") from None
    try:
        return jsonschema_rs.validator_for(
            schema, validate_formats=True, offline=True, keywords={"exists": _Exists}
        )
    except jsonschema_rs.ValidationError as error:
        path = tuple(error.instance_path)
        field = ".".join(str(part) for part in path) or None
        raise InputError(f"not a JSON Schema: {error.message}", where=position(path), field=field) from None


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


def _as_type(value: object, wanted: object) -> object:
    """Text as a value of the type that is wanted, where it reads as one; everything else as it is."""
    if not isinstance(value, str) or wanted is None or "string" in (wanted := _types(wanted)):
        return value
    if "boolean" in wanted and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if _INTEGER.fullmatch(value) and ("integer" in wanted or "number" in wanted):
        return int(value)
    if "number" in wanted and _NUMBER.fullmatch(value):
        with suppress(ValueError):
            return float(value)
    return value


def _types(wanted: object) -> tuple[object, ...]:
    return tuple(wanted) if isinstance(wanted, list) else (wanted,)


def _words(error: Any) -> str:
    """What was found and what was expected."""
    value = error.kind.value
    match error.kind.name:
        case "required":
            return f"{value}: missing"
        case "additionalProperties":
            return f"{', '.join(value)}: unknown column"
        case "type":
            return f"found {error.instance!r}, expected {' or '.join(value)}"
        case "enum":
            return f"found {error.instance!r}, expected {' or '.join(repr(each) for each in value)}"
        case "pattern":
            return f"found {error.instance!r}, expected text that matches {value}"
    return str(error.message)


def _again(columns: tuple[str, ...], row: Mapping[str, Any], first: Item) -> str:
    values = ", ".join(repr(row[name]) for name in columns)
    place: SourceLocation | str = first.where if first.line else f"item {first.number}"
    return f"{', '.join(columns)}: found {values} again, first at {place}"
