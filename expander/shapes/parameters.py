"""The items of an Indexed Job in ConfigMaps: files of shell text, some hundred items each.

Limits: a ConfigMap holds 1 MiB (the API server's validation), a request 1.5 MiB in etcd, and `kubectl apply`
keeps the whole object in an annotation, of which all together have 256 KiB. So a ConfigMap is kept below the
last of these as long as one item is. Every pod gets all of them as files, which the kubelet writes anew for
each pod.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from expander.base.errors import InputError
from expander.shapes.rows import Row, Tree

LARGEST = (1 << 20) - (32 << 10)
"""Bytes of keys and values of one ConfigMap."""
COMFORTABLE = 200 << 10
"""Bytes of a ConfigMap as JSON text that are not passed where it can be helped."""
FILE = 32 << 10
"""Bytes of one file that are not passed likewise: a shell reads all of it to find one item."""
HEAVY = 16 << 20
"""Bytes of all ConfigMaps after which a user is warned: each pod gets a copy."""

ITEMS = "_items"
"""The file with the items themselves, one JSON value a line; no container has this name."""

_SIZES = (1000, 500, 200, 100, 50, 20, 10, 5, 2, 1)


@dataclass(frozen=True, slots=True)
class Parameters:
    """Files by name, ``NAME.NUMBER``, and how many items each has: item i is in number i // ``size``."""

    size: int
    files: Mapping[str, str]


def parameters(rows: Sequence[Row], scripts: Mapping[str, Sequence[str]]) -> Parameters:
    """The files for ``scripts``, the shell texts of each container that depends on the item, by its name."""
    lines = [json.dumps(row.value, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows]
    cases = {
        name: [f"{index})\n{text}\n;;\n" for index, text in enumerate(texts)]
        for name, texts in scripts.items()
    }
    columns = [lines, *cases.values()]
    size = next(size for size in _SIZES if size == 1 or _fits(columns, size))
    files = {}
    for number, start in enumerate(range(0, len(rows), size)):
        files[f"{ITEMS}.{number}"] = "".join(lines[start : start + size])
        for name, column in cases.items():
            inner = "".join(column[start : start + size])
            files[f"{name}.{number}"] = f"case $JOB_COMPLETION_INDEX in\n{inner}esac\n"
    return Parameters(size, files)


def _fits(columns: Sequence[Sequence[str]], size: int) -> bool:
    return all(
        sum(map(_length, column[start : start + size])) <= FILE
        for column in columns
        for start in range(0, len(column), size)
    )


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def config_maps(found: Parameters, name: str, metadata: Mapping[str, Any], rows: Sequence[Row]) -> list[Tree]:
    """The ConfigMaps, immutable, called ``name`` and a number, with the labels and namespace of ``metadata``.

    Raises InputError for an item that no ConfigMap has room for.
    """
    made: list[Tree] = []
    for data in _packed(found, rows):
        own: Tree = {"name": f"{name}-{len(made)}"}
        own.update({key: metadata[key] for key in ("namespace", "labels") if metadata.get(key)})
        made.append(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": own, "immutable": True, "data": data}
        )
    return made


def _packed(found: Parameters, rows: Sequence[Row]) -> Iterator[dict[str, str]]:
    data: dict[str, str] = {}
    filled = 0
    for key, text in found.files.items():
        size = len(json.dumps(text, ensure_ascii=False).encode()) + len(key)
        if _length(text) + len(key) > LARGEST:
            first = int(key.rpartition(".")[2]) * found.size
            raise InputError(
                f"{_length(text):,} bytes of parameters, and a ConfigMap holds 1 MiB",
                item=rows[first].label,
                hint="keep the data elsewhere and let the item name it, or use --as jobs",
            )
        if data and filled + size > COMFORTABLE:
            yield data
            data, filled = {}, 0
        data[key] = text
        filled += size
    if data:
        yield data
