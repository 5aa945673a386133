"""The recorded exchanges of kubectl with a real API server, and the objects seen in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Object = dict[str, Any]


@dataclass(frozen=True)
class Exchange:
    """One request and its answer; ``bodies`` are the JSON values in the answer, one unless it is a watch."""

    command: str
    method: str
    path: str
    query: dict[str, str]
    code: int
    bodies: tuple[Object, ...]

    def __str__(self) -> str:
        return f"{self.command}: {self.method} {self.path} {self.query}"


@cache
def exchanges(reference: Path) -> tuple[Exchange, ...]:
    """Every exchange whose answer is JSON, as far as it was kept."""
    found = []
    for file in sorted((reference / "kubectl").glob("*.json")):
        for command in json.loads(file.read_text()):
            for each in command["http"]:
                target = urlsplit(each["path"])
                query = dict(parse_qsl(target.query))
                bodies = tuple(parsed(each.get("response") or "", "watch" in query))
                place = (command["command"], each["method"], target.path, query)
                found.append(Exchange(*place, each["status"], bodies))
    return tuple(found)


def parsed(text: str, stream: bool) -> Iterator[Object]:
    """The JSON values of an answer; what was cut is left out."""
    for part in text.splitlines() if stream else [text]:
        try:
            value = json.loads(part)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def tables(reference: Path) -> Iterator[tuple[Exchange, Object]]:
    """Every table that was sent, also those in events of watches."""
    for exchange in exchanges(reference):
        for body in exchange.bodies:
            found = body.get("object", body)
            if found.get("kind") == "Table":
                yield exchange, found


@cache
def objects(reference: Path) -> dict[tuple[str, str], Object]:
    """Every whole object that was sent, by uid and resource version."""
    found = {}
    for exchange in exchanges(reference):
        for body in exchange.bodies:
            for obj in inside(body):
                metadata = obj.get("metadata", {})
                if "uid" in metadata:
                    found[metadata["uid"], metadata["resourceVersion"]] = obj
    return found


def inside(body: Object) -> Iterator[Object]:
    """The objects of a list, of a table or of a watch's event, or the object itself."""
    kind = body.get("kind", "")
    if set(body) == {"type", "object"}:
        yield from inside(body["object"])
    elif kind == "Table":
        for row in body["rows"]:
            yield from inside(row["object"])
    elif kind.endswith("List"):
        for item in body.get("items", ()):
            yield {"apiVersion": body["apiVersion"], "kind": kind.removesuffix("List"), **item}
    elif kind not in ("", "Status", "PartialObjectMetadata"):
        yield body


def responses(reference: Path) -> dict[str, Object]:
    """The collected answers a client must understand, by their names."""
    found: dict[str, Object] = json.loads((reference / "http-responses.json").read_text())
    return found
