"""CustomResourceDefinitions from files and folders, as they are given to commands and calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from expander.base.errors import InputError, SourceLocation
from expander.base.yaml import read_chunk
from expander.base.yaml.writer import dump
from expander.batch.files import chunks_of, files_of
from expander.kube.schemas import FieldType, field_type
from expander.validate.crds.definitions import (
    API_VERSION,
    DEFINITION,
    CustomKind,
    Definitions,
    definitions_in,
    kinds_of,
)
from expander.validate.crds.structural import Node

if TYPE_CHECKING:
    from expander.client.client import ApiClient

TYPES = {
    "array": FieldType.LIST,
    "boolean": FieldType.BOOLEAN,
    "number": FieldType.NUMBER,
    "string": FieldType.STRING,
}

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

Source: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | Definitions
Sources: TypeAlias = Source | Sequence[Source]
"""A file or folder with definitions, a definition, what `load_crds` gave, or several of these."""


def load_crds(*sources: Source) -> Definitions:
    """The kinds that CustomResourceDefinitions define, for `expander.validate` and `BatchRequest`.

    ``sources`` are paths of files and folders, definitions as plain data, or earlier results. Raises
    InputError for a path that has no definition and for a definition that no API server would have.
    """
    kinds: list[CustomKind] = []
    for source in sources:
        found = list(_kinds_of(source))
        if not found:
            where = None if isinstance(source, Mapping | Definitions) else SourceLocation(os.fspath(source))
            raise InputError(f"no {DEFINITION} found", where=where)
        kinds += found
    return Definitions(kinds)


def definitions_of(sources: Sources) -> Definitions:
    """The same of one source or several."""
    if isinstance(sources, Definitions):
        return sources
    if isinstance(sources, str | os.PathLike | Mapping):
        return load_crds(sources)
    return load_crds(*sources)


def _kinds_of(source: Source) -> Iterator[CustomKind]:
    if isinstance(source, Definitions):
        yield from source
    elif isinstance(source, Mapping):
        for definition in definitions_in([source]):
            yield from kinds_of(definition)
    else:
        for path in files_of([os.fspath(source)]):
            found = None if path == "-" else os.stat(path)
            yield from _kinds_in(path, *(() if found is None else (found.st_mtime_ns, found.st_size)))


@lru_cache(maxsize=256)
def _kinds_in(path: str, *_: int) -> tuple[CustomKind, ...]:
    """The kinds of a file, read once as long as it stays what it is."""
    found: list[CustomKind] = []
    for definition, where in _definitions_in(path):
        found += kinds_of(definition, where)
    return tuple(found)


def _definitions_in(path: str) -> Iterator[tuple[Mapping[str, Any], SourceLocation]]:
    """The definitions of a file, with their places."""
    for chunk in chunks_of(path):
        for document in read_chunk(chunk, path):
            for definition in definitions_in([document.data]):
                yield definition, document.position()


def definitions_from(paths: Iterable[str]) -> list[tuple[Mapping[str, Any], SourceLocation]]:
    """The definitions of files and folders, with their places.

    Raises InputError for a path that has none, and for one that cannot be read.
    """
    found: list[tuple[Mapping[str, Any], SourceLocation]] = []
    for path in paths:
        before = len(found)
        for file in files_of([path]):
            found += _definitions_in(file)
        if len(found) == before:
            raise InputError(f"no {DEFINITION} found", where=SourceLocation(path))
    return found


def field_types(definitions: Definitions) -> Callable[[str, str, tuple[str | int, ...]], FieldType]:
    """The function that says what type a field has, by the definitions and what is known besides."""

    def type_at(api_version: str, kind: str, path: tuple[str | int, ...]) -> FieldType:
        custom = definitions.find(api_version, kind)
        if custom is None or path[:1] in (("apiVersion",), ("kind",), ("metadata",)):
            return field_type(api_version, kind, path)
        node: Node | None = custom.root
        for step in path:
            node = node and (node.items if isinstance(step, int) else node.below(step))
        if node is None:
            return FieldType.ANY
        if node.int_or_string:
            return FieldType.INT_OR_STRING
        if node.type == "integer":
            return FieldType.INT32 if node.format == "int32" else FieldType.INT64
        if node.type == "object":
            return FieldType.OBJECT if node.properties else FieldType.MAP
        return TYPES.get(node.type, FieldType.ANY)

    return type_at


def definitions_in_cluster(client: ApiClient) -> Iterator[tuple[str, bytes]]:
    """The definitions that a cluster has, each as the name of a file and its YAML.

    Raises ClusterError when the server does not give them.
    """
    for page in client.pages(PATH, ""):
        for each in page["items"]:
            name = each["metadata"]["name"]
            kept = {key: each["metadata"][key] for key in ("name", "labels") if key in each["metadata"]}
            obj = {"apiVersion": API_VERSION, "kind": DEFINITION, "metadata": kept, "spec": each.get("spec")}
            yield f"{name}.yaml", dump(obj).encode()
