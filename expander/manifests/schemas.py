"""The schemas of Kubernetes objects: which kinds a version knows, and what is in them.

A schema is a JSON Schema as it is on disk: a mapping that may hold ``$ref`` to a definition, whose
name is a hash of its content. The files leave null out, since Kubernetes reads null as absent, and
state in ``required`` and ``enum`` what the API server checks only after decoding.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from expander.base.data_files import folder
from expander.base.errors import UsageError

Schema: TypeAlias = Mapping[str, Any]
Kinds: TypeAlias = Mapping[str, Mapping[str, "str | None"]]

VERSIONS = ("1.29", "1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")
NEWEST = VERSIONS[-1]
REF = "#/$defs/"
EVERYTHING: Schema = {}
"""The schema of a value nothing is known about."""


@cache
def release(version: str | None) -> str:
    """The Kubernetes version (``1.36``) meant by ``1.36``, ``v1.36`` or ``v1.36.2``; None is the newest.

    Raises UsageError for a version no schemas are there for.
    """
    if version is None:
        return NEWEST
    found = re.fullmatch(r"v?(\d+\.\d+)(?:[.+-].*)?", version.strip())
    if found is None or found[1] not in VERSIONS:
        raise UsageError(
            f"no schemas for Kubernetes {version!r}", hint=f"versions {VERSIONS[0]} to {NEWEST} are known"
        )
    return found[1]


@cache
def kinds(version: str | None = None) -> Kinds:
    """apiVersion -> kind -> name of its definition, or None for a built-in kind without a schema."""
    known: Kinds = read(folder("schemas") / f"v{release(version)}.json")
    return known


@cache
def custom() -> Mapping[str, Any]:
    """The kinds of other projects by Kubernetes version (``kinds``), and their definitions (``$defs``)."""
    found: Mapping[str, Any] = read(folder("schemas") / "custom.json")
    return found


@cache
def definitions() -> Mapping[str, Schema]:
    """Every definition of every version by its name, those of other projects' kinds included."""
    found: Mapping[str, Schema] = read(folder("schemas") / "definitions.json")["$defs"]
    return {**found, **custom()["$defs"]}


def name_of(api_version: str, kind: str, version: str | None = None) -> str | None:
    """The name of the definition of a kind, built in or of another project; None when there is none."""
    known = kinds(version)
    if api_version in known:
        return known[api_version].get(kind)
    name: str | None = custom()["kinds"][release(version)].get(api_version, {}).get(kind)
    return name


@cache
def root(api_version: str, kind: str, version: str | None = None) -> Schema | None:
    """The schema of a kind, or None when there is none."""
    name = name_of(api_version, kind, version)
    return None if name is None else definitions()[name]


def resolve(schema: Schema) -> Schema:
    """``schema``, or what its ``$ref`` stands for."""
    reference = schema.get("$ref")
    return schema if reference is None else definitions()[reference.removeprefix(REF)]


def child(schema: Schema, step: str | int) -> Schema | None:
    """The schema of one field, map value or list element of a resolved schema, resolved.

    `EVERYTHING` below a value nothing is known about; None when there can be no such child.
    """
    below: Schema | None = None
    if not schema.get("type") and "properties" not in schema:
        return EVERYTHING
    if isinstance(step, int):
        below = schema.get("items")
    elif "properties" in schema:
        below = schema["properties"].get(step)
    elif schema.get("type") == "object":
        below = schema.get("additionalProperties", EVERYTHING)
    return None if below is None else resolve(below)


def read(path: Path) -> Any:
    """The content of a JSON file; importing orjson for it would cost more than it saves."""
    return json.loads(path.read_bytes())
