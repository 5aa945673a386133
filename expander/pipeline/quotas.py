"""ResourceQuotas and LimitRanges in files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from expander.base.errors import InputError, Position, Problem
from expander.base.yaml import read_chunk
from expander.client.quotas import Capacity
from expander.pipeline.reading import chunks_of
from expander.validate.check import check

KINDS = ("ResourceQuota", "LimitRange")


def limits_in(paths: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The ResourceQuotas and LimitRanges in files, also those in a List, as kubectl prints it.

    Raises InputError for a file that cannot be read or has none.
    """
    for path in paths:
        found = 0
        for chunk in chunks_of(path):
            for document in read_chunk(chunk, path):
                for data in _objects(document.data):
                    if data.get("kind") in KINDS and isinstance(data.get("spec"), dict):
                        found += 1
                        yield _checked(data, document.position())
        if not found:
            raise InputError("there is no ResourceQuota or LimitRange in the file", where=Position(path))


def _checked(data: dict[str, Any], where: Position) -> dict[str, Any]:
    """``data`` with a name. Raises InputError when no server would have it."""
    metadata = data.get("metadata")
    named = {**data, "metadata": {"name": "unnamed", **(metadata if isinstance(metadata, dict) else {})}}
    findings = check(named) or ()
    if findings:
        raise InputError([Problem(each.message, where, field=each.path or None) for each in findings])
    return named


def _objects(data: Any) -> list[dict[str, Any]]:
    held = data.get("items") if isinstance(data, dict) and data.get("kind") == "List" else [data]
    return [each for each in held if isinstance(each, dict)] if isinstance(held, list) else []


class FileLimits:
    """The limits of namespaces as files tell them; one that names no namespace is for every one."""

    asked = "files"
    namespace = "default"

    def __init__(self, paths: Iterable[str]) -> None:
        self._objects = list(limits_in(paths))
        self._asked: set[str] = set()

    def of(self, namespace: str) -> Capacity:
        """The limits of ``namespace``."""
        self._asked.add(namespace)
        mine = [each for each in self._objects if _namespace(each) in ("", namespace)]
        quotas, ranges = (tuple(each for each in mine if each["kind"] == kind) for kind in KINDS)
        return Capacity(namespace, quotas, ranges)

    def unknown(self) -> list[str]:
        """Limits of namespaces in which the batch has nothing."""
        return [
            f"{each['kind']} {each['metadata']['name']} is about namespace {_namespace(each)}, where nothing "
            "of the batch is"
            for each in self._objects
            if _namespace(each) and _namespace(each) not in self._asked
        ]


def _namespace(obj: dict[str, Any]) -> str:
    return str((obj.get("metadata") or {}).get("namespace") or "")
