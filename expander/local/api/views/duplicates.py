"""Fields that a JSON body names twice, by their paths.

Decoders keep the last value and say nothing; the API server refuses such a body when it is strict and warns
otherwise. Paths and their order are those of ``sigs.k8s.io/json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from expander.kube.gofmt import quoted

MOST: Final = 100
"""Problems of a body that are told."""


class _Twice(dict[str, Any]):
    """An object that names fields twice, with the values it had for them before the last."""

    pairs: list[tuple[str, Any]]


def duplicate_fields(body: bytes) -> list[str]:
    """What is said of each field that comes twice: in an error when strict, else as a warning.

    Raises ValueError when ``body`` is not JSON, RecursionError when it is nested too deeply.
    """
    found = False

    def kept(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        obj = dict(pairs)
        if len(obj) == len(pairs):
            return obj
        found, twice = True, _Twice(obj)
        twice.pairs = pairs
        return twice

    tree = json.loads(body, object_pairs_hook=kept)
    if not found:
        return []
    paths = dict.fromkeys(_paths(tree, ""))
    return [f"duplicate field {quoted(path)}" for path in [*paths][:MOST]]


def _paths(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        seen = set()
        for key, item in value.pairs if isinstance(value, _Twice) else value.items():
            below = f"{path}.{key}" if path else key
            if key in seen:
                yield below
            seen.add(key)
            yield from _paths(item, below)
