"""One Indexed Job: its index is an item's number, and ConfigMaps hold what each item's containers get.

A container that depends on the item begins with ``/bin/sh``, which reads the item's part of a file and
becomes the program. Each index has its own limit of retries, so that an item that fails fails alone, as its
Job would. A ConfigMap holds 1 MiB (the API server's validation), a request 1.5 MiB in etcd, and `kubectl
apply` keeps the whole object in an annotation, of which all together have 256 KiB: so a ConfigMap is kept
below the last of these as long as one item is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from expander.base.dataclass import dataclass
from expander.base.errors import InputError, Problem
from expander.base.option_names import option
from expander.base.written_numbers import dumps
from expander.kube.wellknown import ITEMS_MOUNT_PATH
from expander.manifests.manifest import Manifest
from expander.shapes.containers import Containers, Difference
from expander.shapes.job_template import (
    POD,
    VOLUME,
    Row,
    Rows,
    Tree,
    add_volume,
    begin,
    container_at,
    digest,
    job_name,
    manifest,
    place_of,
    require,
    rewrite,
)
from expander.shapes.shape import Shape
from expander.shapes.shell import cleaning

MAX_CONFIG_MAP_BYTES = (1 << 20) - (32 << 10)
"""Bytes of keys and values of one ConfigMap."""
TARGET_CONFIG_MAP_BYTES = 200 << 10
"""Bytes of a ConfigMap as JSON text that are not passed where it can be helped."""
TARGET_FILE_BYTES = 32 << 10
"""Bytes of one file that are not passed likewise: a shell reads all of it to find one item."""
HEAVY_TOTAL_BYTES = 16 << 20
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
    lines = [dumps(row.value, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows]
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
        sum(map(_length, column[start : start + size])) <= TARGET_FILE_BYTES
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
        if _length(text) + len(key) > MAX_CONFIG_MAP_BYTES:
            first = int(key.rpartition(".")[2]) * found.size
            raise InputError(
                f"{_length(text):,} bytes of parameters, and a ConfigMap holds 1 MiB",
                item=rows[first].label,
                hint=f"keep the data elsewhere and let the item name it, or use {option('--as jobs')}",
            )
        if data and filled + size > TARGET_CONFIG_MAP_BYTES:
            yield data
            data, filled = {}, 0
        data[key] = text
        filled += size
    if data:
        yield data


MAX_UNLIMITED_COMPLETIONS = 100_000
"""Completions up to which the API server wants no limit of failed indexes (pkg/apis/batch/validation)."""
DEFAULT_BACKOFF_LIMIT = 6
"""The backoffLimit of a Job that has none."""
DEFAULT_PARALLELISM = 100
"""Pods at a time, where nobody says how many."""
INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
MOUNTED = "EXPANDER_MOUNT_EXPANDER_ITEMS"
"""Where the folder is for a container without mounts (the process runtime of ``expander run``)."""

_ONE = {"completions": (1,), "parallelism": (1,), "completionMode": ("NonIndexed",)}
_NEVER = {
    "activeDeadlineSeconds": (),
    "backoffLimitPerIndex": (),
    "maxFailedIndexes": (),
    "successPolicy": (),
}
_HINTS = {
    "activeDeadlineSeconds": "spec.template.spec.activeDeadlineSeconds limits the pod of each index",
}


def build(rows: Rows, stream: Iterator[Row], shape: Shape, warnings: list[str]) -> Iterator[list[Manifest]]:
    """The companions, the ConfigMaps and the Job."""
    items = list(islice(stream, MAX_UNLIMITED_COMPLETIONS + 1))
    if not items:
        rows.require_job()
        return
    yield [*rows.others(), *indexed(rows, items, shape, warnings)]


def indexed(rows: Rows, items: Sequence[Row], shape: Shape, warnings: list[str]) -> list[Manifest]:
    """The ConfigMaps and the Job. Raises InputError for what an Indexed Job cannot be."""
    assert rows.common is not None
    assert rows.first is not None
    if len(items) > MAX_UNLIMITED_COMPLETIONS:
        raise InputError(
            f"more than {MAX_UNLIMITED_COMPLETIONS:,} items, the maximum of an Indexed Job",
            hint=f"use {option('--as chunks=N')} or {option('--as queue=redis')}, "
            f"or several groups with {option('--slice')}",
        )
    require(rows, shape, {**_ONE, **_NEVER}, _HINTS)
    found = Containers(rows.common, rows.first, shape).differences(items)
    name = job_name(rows, shape, len(f"-{len(items) - 1}"))
    tree = begin(rows, name, items, listed=True)
    _several(tree["spec"], len(items), shape, warnings)
    files = parameters(
        items, {container_at(tree, place)["name"]: difference.scripts for place, difference in found.items()}
    )
    maps = config_maps(files, f"{name}-{digest(items)[:8]}", tree["metadata"], items)
    size = sum(len(text) for text in files.files.values())
    if size > HEAVY_TOTAL_BYTES:
        warnings.append(
            f"the items take {size >> 20} MiB in {len(maps)} ConfigMaps, and every pod gets a copy; "
            f"{option('--as chunks=N')} or {option('--as queue=redis')} may suit better"
        )
    for difference in found.values():
        _wrap(tree, rows, difference, files)
    if found:
        sources = [{"configMap": {"name": part["metadata"]["name"]}} for part in maps]
        add_volume(tree, rows, {"name": VOLUME, "projected": {"sources": sources}})
    return [*[manifest(part, rows) for part in maps], manifest(tree, rows)]


def _several(spec: Tree, count: int, shape: Shape, warnings: list[str]) -> None:
    """Make the spec of one item's Job that of ``count`` indexes which fail and are tried again alone."""
    template = spec.pop("template")
    limit = spec.pop("backoffLimit", None)
    for name in ("completions", "parallelism", "completionMode"):
        spec.pop(name, None)
    others = dict(spec)
    spec.clear()
    spec["completionMode"] = "Indexed"
    spec["completions"] = count
    spec["parallelism"] = min(shape.parallelism or DEFAULT_PARALLELISM, count)
    spec["backoffLimitPerIndex"] = DEFAULT_BACKOFF_LIMIT if limit is None else limit
    spec.update(others)
    spec["template"] = template
    if template["spec"].get("restartPolicy") != "Never":
        template["spec"]["restartPolicy"] = "Never"
        warnings.append("restartPolicy becomes Never: an item that failed is tried again in a new pod")
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ():
        if rule.get("action") == "FailJob":
            rule["action"] = "FailIndex"


def _wrap(tree: Tree, rows: Rows, difference: Difference, files: Parameters) -> None:
    """Let a container begin with the item's part of its file."""
    assert rows.first is not None
    container = container_at(tree, difference.place)
    path = (*POD, *difference.place)
    for number, entry in enumerate(container.get("env") or ()):
        if entry["name"] in (INDEX_VARIABLE, MOUNTED):
            where = place_of(rows.first, (*path, "env", number))
            raise InputError(Problem(f"the name {entry['name']} is reserved for the index", where))
    for number, mount in enumerate(container.get("volumeMounts") or ()):
        if f"{ITEMS_MOUNT_PATH}/".startswith(mount["mountPath"].rstrip("/") + "/"):
            where = place_of(rows.first, (*path, "volumeMounts", number))
            raise InputError(Problem(f"{ITEMS_MOUNT_PATH} is reserved for the items", where))
    mounts: list[Any] = [*(container.get("volumeMounts") or ()), _mount()]
    rewrite(
        container,
        command=["/bin/sh", "-c", launcher(container, files.size), "sh"],
        args=None if difference.argv else difference.native_argv,
        env=difference.native_env or None,
        volumeMounts=mounts,
    )


def _mount() -> Tree:
    return {"name": VOLUME, "mountPath": ITEMS_MOUNT_PATH, "readOnly": True}


def launcher(container: Tree, size: int) -> str:
    """The script in the pod template: it is the same for all items."""
    name = container["name"]
    file = f'"${{{MOUNTED}-{ITEMS_MOUNT_PATH}}}/{name}.$$(({INDEX_VARIABLE} / {size}))"'
    return f'. {file}\n{cleaning(container.get("env") or (), MOUNTED)}\nexec "$@"\n'
