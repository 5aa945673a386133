"""Write ``custom.json`` beside this file from ``custom/*.yaml``; run by a maintainer, never at run time.

    python schemas/generate_custom.py

A file holds apiVersions, each with the kinds users write and the types they are made of. A type is its
fields. The type of a field is ``string``, ``boolean``, ``int32``, ``int64``, ``time``, ``any``, a type of
the same apiVersion, or one of Kubernetes by its title (``v1.ObjectMeta``); ``[T]`` is a list and ``{"*": T}``
a map of it; ``!`` marks a struct that is always there.

What the definition of the kind demands of a value beyond its type stands beside it: ``{is: T, minimum: 1}``
for a field, ``$limits`` for a type. The words are those of a CustomResourceDefinition, but that ``keys`` are
those of a list that is a map, ``set`` marks one that is a set, and ``rules`` are in CEL. They go into
``limits`` of the schema, as a CustomResourceDefinition has them.

What refers to a Kubernetes type differs with the Kubernetes version, so a kind has a definition for each of
them. Run it again after ``generate.py``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
REF = "#/$defs/"
SCALARS: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "time": {"type": "string", "format": "date-time"},
    "any": {},
}


def main() -> None:
    lines = (FOLDER / "definitions.jsonl").read_text().splitlines()
    kubernetes = {name: body for line in lines for name, body in json.loads(line).items()}
    found: dict[str, Any] = {}
    kinds: dict[str, dict[str, dict[str, str]]] = {}
    for path in sorted(FOLDER.glob("v1.*.json")):
        titles = dict(titled(json.loads(path.read_text()), kubernetes))
        known = kinds[path.stem.removeprefix("v")] = {}
        for source in sorted((FOLDER / "custom").glob("*.yaml")):
            for api_version, group in yaml.safe_load(source.read_text()).items():
                types = Types(api_version, group["types"], titles, found)
                known[api_version] = {kind: types.name(kind) for kind in group["kinds"]}
    write(found, kinds)


def titled(kinds: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Title and name of every definition that one Kubernetes version uses."""
    pending = [name for group in kinds.values() for name in group.values() if name is not None]
    seen = set(pending)
    while pending:
        name = pending.pop()
        yield definitions[name]["title"], name
        below = set(references(definitions[name])) - seen
        seen |= below
        pending += below


def references(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"].removeprefix(REF)
        for below in part.values():
            yield from references(below)


class Types:
    """The types of one apiVersion for one Kubernetes version, added to a collection all versions share."""

    def __init__(
        self, api_version: str, types: Mapping[str, Any], titles: Mapping[str, str], shared: dict[str, Any]
    ) -> None:
        self.api_version = api_version
        self.types = types
        self.titles = titles
        self.shared = shared

    def name(self, title: str) -> str:
        """The name of the definition of a type; its definition is added when it is new."""
        limits = self.types[title].get("$limits")
        fields = {
            field: self.schema(kind)
            for field, kind in sorted(self.types[title].items())
            if not field.startswith("$")
        }
        body = {
            "title": f"{self.api_version}.{title}",
            "type": "object",
            "properties": fields,
            "additionalProperties": False,
            **({"limits": written(limits)} if limits else {}),
        }
        name = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]
        if self.shared.setdefault(name, body) != body:
            raise SystemExit(f"two definitions hash to {name}")
        return name

    def schema(self, kind: Any) -> dict[str, Any]:
        if isinstance(kind, list):
            return {"type": "array", "items": self.schema(kind[0])}
        if isinstance(kind, dict) and "is" in kind:
            limits = {word: value for word, value in kind.items() if word != "is"}
            return {**self.schema(kind["is"]), "limits": written(limits)}
        if isinstance(kind, dict):
            return {"type": "object", "additionalProperties": self.schema(kind["*"])}
        if kind in SCALARS:
            return SCALARS[kind]
        title = kind.removesuffix("!")
        found = self.name(title) if title in self.types else self.titles[title]
        return {"$ref": REF + found, **({"default": {}} if kind.endswith("!") else {})}


def written(limits: Mapping[str, Any]) -> dict[str, Any]:
    """The limits of a value as a CustomResourceDefinition has them."""
    made = {}
    for word, value in limits.items():
        if word == "keys":
            made |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": value}
        elif word == "set":
            made["x-kubernetes-list-type"] = "set"
        elif word == "items":
            made["items"] = written(value)
        else:
            made["x-kubernetes-validations" if word == "rules" else word] = value
    return made


def write(definitions: Mapping[str, Any], kinds: Mapping[str, Any]) -> None:
    """Compact JSON with one line for each definition and version, so that changes can be read."""
    parts = []
    for name, table in (("$defs", dict(sorted(definitions.items()))), ("kinds", kinds)):
        lines = ",\n".join(
            f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}" for key, value in table.items()
        )
        parts.append(f'"{name}":{{\n{lines}\n}}')
    (FOLDER / "custom.json").write_text("{" + ",\n".join(parts) + "}\n")


if __name__ == "__main__":
    main()
