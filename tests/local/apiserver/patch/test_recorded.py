"""Every recorded create, patch and apply of kubectl, made again here: the object and its owners."""

from __future__ import annotations

import calendar
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from expander.local.apiserver.patch.apply import apply_patch
from expander.local.apiserver.patch.json_patch import json_patch, merge_patch
from expander.local.apiserver.patch.managed_fields import settled, update_managers
from expander.local.apiserver.patch.strategic import strategic_merge_patch
from expander.validate.defaults.defaults import defaults

Object = dict[str, Any]

FORMATS = {
    "application/json-patch+json": json_patch,
    "application/merge-patch+json": merge_patch,
    "application/strategic-merge-patch+json": strategic_merge_patch,
}
APPLY = "application/apply-patch+yaml"
OF_THE_REGISTRY = ("resourceVersion", "generation")


def exchanges(reference: Path) -> Iterator[tuple[Object, Object, Object | None]]:
    """Exchange, the object in the answer, and the object as it was known before, of every change."""
    for file in sorted((reference / "kubectl").glob("*.json")):
        known: dict[tuple[str, str], Object] = {}
        for command in json.loads(file.read_text()):
            for exchange in command["http"]:
                try:
                    answer = json.loads(exchange["response"])
                except ValueError:
                    continue
                metadata = answer.get("metadata") or {}
                key = answer.get("kind", ""), metadata.get("name", "")
                changed = exchange["method"] in ("POST", "PATCH") and exchange["status"] in (200, 201)
                if changed and metadata.get("managedFields"):
                    yield exchange, answer, known.get(key)
                known[key] = answer
                kind = answer.get("kind", "").removesuffix("List")
                for item in answer.get("items") or ():
                    if "metadata" in item:
                        whole = {"kind": kind, "apiVersion": answer["apiVersion"], **item}
                        known[kind, item["metadata"]["name"]] = whole


def made(exchange: Object, old: Object | None, now: float) -> Object:
    """What the exchange makes of ``old`` here."""
    target = urlsplit(exchange["path"])
    manager = dict(parse_qsl(target.query)).get("fieldManager", "kubectl")
    body = json.loads(exchange["body"])
    if exchange["method"] == "POST":
        return update_managers(None, defaults(body), manager, now)
    assert old is not None
    media = exchange["contentType"]
    if media == APPLY:
        return settled(old, defaults(apply_patch(old, body, manager, False, now)))
    patched = defaults(FORMATS[media](old, body))
    part = "status" if target.path.endswith("/status") else ""
    return settled(old, update_managers(old, patched, manager, now, part))


def latest(answer: Object) -> float:
    """When the change was made."""
    times = [each["time"] for each in answer["metadata"]["managedFields"] if "time" in each]
    return calendar.timegm(time.strptime(max(times), "%Y-%m-%dT%H:%M:%SZ"))


def comparable(obj: Object) -> Object:
    """An object without what the registry counts."""
    return {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k not in OF_THE_REGISTRY}}


def test_creating_an_object_gives_the_fields_the_same_owners(reference: Path) -> None:
    seen = 0
    for exchange, answer, _ in exchanges(reference):
        if exchange["method"] == "POST":
            found = made(exchange, None, latest(answer))["metadata"]["managedFields"]
            assert found == answer["metadata"]["managedFields"], exchange["body"]
            assert json.dumps(found) == json.dumps(answer["metadata"]["managedFields"])
            seen += 1
    assert seen >= 20


def test_a_patch_or_an_apply_gives_the_same_object_with_the_same_owners(reference: Path) -> None:
    seen = set()
    for exchange, answer, old in exchanges(reference):
        if exchange["method"] == "PATCH" and old is not None:
            found = made(exchange, old, latest(answer))
            assert comparable(found) == comparable(answer), exchange["body"]
            owners, expected = (each["metadata"]["managedFields"] for each in (found, answer))
            assert json.dumps(owners) == json.dumps(expected)
            seen.add(exchange["contentType"])
    assert seen >= {APPLY, "application/json-patch+json", "application/strategic-merge-patch+json"}


def test_what_was_just_applied_changes_nothing_when_it_is_applied_again(reference: Path) -> None:
    seen = 0
    for exchange, answer, old in exchanges(reference):
        if exchange.get("contentType") == APPLY:
            now = latest(answer)
            once = made(exchange, old, now)
            assert made(exchange, once, now + 60) == once
            seen += 1
    assert seen
