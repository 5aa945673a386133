"""Writing an object as the API server's JSON encoder does: what Go omits when it is empty.

A field that is tagged ``omitempty`` is left out if it is an empty list or map, or the zero value of a type
that is no pointer. The schemas tell most of the lists and maps, which are not ``required``; the Go types of
k8s.io/api the rest. Structs stay (``emptyDir: {}``). The plan for a type is worked out once from its schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from expander.kube import schemas
from expander.kube.schemas import FieldType, type_of
from expander.kube.versions import Release
from expander.validate.defaults.decode import Reader, same
from expander.validate.defaults.go_types import always_written, omitted_zeros


def omit_empty(obj: dict[str, Any], release: Release, *, zeros: bool) -> dict[str, Any]:
    """``obj``, which has its defaults, without what Go omits, of numbers, texts and booleans if ``zeros``.

    Of kinds that are not built in an API server writes the metadata so, and keeps the rest as it was sent.
    """
    name = schemas.kinds(release).get(obj.get("apiVersion") or "", {}).get(obj.get("kind") or "")
    if name is not None:
        found: dict[str, Any] = _writer(name, release, zeros)(obj)
        return found
    metadata = obj.get("metadata")
    write = _plan(schemas.object_meta(release), release, zeros)
    return {**obj, "metadata": write(metadata)} if metadata else obj


@cache
def _writer(name: str, release: Release, zeros: bool) -> Reader:
    """The writer for the definition of that name."""
    return _plan(schemas.definition(name), release, zeros)


def _plan(schema: schemas.Schema, release: Release, zeros: bool) -> Reader:
    """The writer for the type that a schema describes; `same` when there is nothing to omit."""
    if (reference := schema.get("$ref")) is not None:
        return _writer(reference.removeprefix(schemas.REF), release, zeros)
    kind = type_of(schema)
    if kind is FieldType.LIST and (element := _plan(schema["items"], release, zeros)) is not same:
        return lambda value: [element(each) for each in value] if isinstance(value, list) else value
    return _struct(schema, release, zeros) if kind is FieldType.OBJECT else same


def _struct(schema: schemas.Schema, release: Release, zeros: bool) -> Reader:
    fields: Mapping[str, schemas.Schema] = schema["properties"]
    title = schema.get("title", "")
    plans = {field: _plan(below, release, zeros) for field, below in fields.items()}
    writers = {field: plan for field, plan in plans.items() if plan is not same}
    collections = {
        field
        for field, below in fields.items()
        if type_of(schemas.resolve(below)) in (FieldType.LIST, FieldType.MAP)
    }
    omitted = collections - {*schema.get("required", ()), *always_written(title)}
    if zeros:
        omitted |= omitted_zeros(title)
    if not writers and not omitted:
        return same

    def write(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        made = {}
        for field, below in value.items():
            if below or field not in omitted:
                convert = writers.get(field)
                made[field] = below if convert is None else convert(below)
        return made

    return write
