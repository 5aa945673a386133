"""The Job of a shape, begun from what the Jobs of a batch have in common."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from expander.base.errors import InputError, Problem
from expander.manifests.edits import ITEM_ANNOTATION
from expander.manifests.manifest import Manifest
from expander.manifests.names import SUBDOMAIN, valid_name
from expander.manifests.rerun import COUNT_ANNOTATION, ITEMS_ANNOTATION, item_text, items_text
from expander.render.compiled import Rendered
from expander.shapes.rows import POD, Place, Row, Rows, Tree, place_of
from expander.shapes.shape import Shape

DIGEST = "expander/items-digest"
"""The annotation of a Job that changes when one of its items changes."""

NAME_LIMIT = 63
"""Characters of a Job's name: the Job controller writes it into a label of the pods."""

VOLUME = "expander-items"
_ORDER = ("name", "image", "imagePullPolicy", "command", "args", "env")


def job_name(rows: Rows, shape: Shape, room: int) -> str:
    """The name of the Job: the template's when no item is in it, else the group's.

    ``room`` is how many characters are kept free behind it.
    """
    assert rows.common is not None
    assert rows.first is not None
    labels = rows.common["metadata"].get("labels") or {}
    group = labels.get(shape.group_label)
    name = group if group and _follows_item(rows.first) else rows.first.name
    return valid_name(name, SUBDOMAIN.shortened(NAME_LIMIT - room))


def _follows_item(job: Manifest) -> bool:
    """Whether the name of a Job can depend on the item."""
    if not isinstance(job, Rendered):
        return True
    return any(hole.path == ("metadata", "name") for hole in job.skeleton.holes)


def begin(rows: Rows, name: str, items: Sequence[Row], *, listed: bool = False) -> Tree:
    """A Job like the first one, called ``name``, with what its containers have of their own.

    ``listed`` is whether an annotation gives the item of each index, where there is room for that.
    """
    assert rows.common is not None
    tree = copy.deepcopy(rows.common)
    common: Tree = tree.pop("metadata")
    annotations: Tree = {
        **(common.pop("annotations", None) or {}),
        COUNT_ANNOTATION: str(len(items)),
        DIGEST: digest(items),
        ITEM_ANNOTATION: _span(items),
    }
    if listed and (text := items_text([row.value for row in items])) is not None:
        annotations[ITEMS_ANNOTATION] = text
    metadata = {"name": name, **common, "annotations": annotations}
    made: Tree = {key: tree[key] for key in tree if key != "spec"}
    made = {"apiVersion": made.pop("apiVersion"), "kind": made.pop("kind"), "metadata": metadata, **made}
    made["spec"] = tree["spec"]
    for place, own in items[0].own.items():
        rewrite(
            container_at(made, place), **{name: list(value) or None for name, value in own._asdict().items()}
        )
    return made


def container_at(tree: Tree, place: Place) -> Tree:
    """A container of a Job."""
    name, number = place
    found: Tree = tree["spec"]["template"]["spec"][name][number]
    return found


def rewrite(container: Tree, **fields: Any) -> None:
    """Set or, with None, remove fields of a container, and bring them into the usual order."""
    merged = {**container, **fields}
    container.clear()
    for name in sorted(merged, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER)):
        if merged[name] is not None:
            container[name] = merged[name]


def digest(items: Iterable[Row]) -> str:
    """Sixteen hexadecimal digits that stay the same for the same items, on any machine."""
    found = blake2b(digest_size=8)
    for row in items:
        found.update(json.dumps([row.value, *row.own.values()], separators=(",", ":")).encode())
        found.update(b"\n")
    return found.hexdigest()


def _span(items: Sequence[Row]) -> str:
    if len(items) == 1:
        return item_text(items[0].value)
    ends = [item_text(row.value) for row in (items[0], items[-1])]
    first, last = [text if len(text) <= 40 else f"{text[:37]}..." for text in ends]
    return f"{len(items)} items, {first} to {last}"


def require(
    rows: Rows, shape: Shape, allowed: Mapping[str, tuple[Any, ...]], hints: Mapping[str, str]
) -> None:
    """Raise InputError for a field of the Job's spec that has no meaning in this shape.

    ``allowed`` are values that the fields may have all the same; ``hints`` say what to do about each.
    """
    assert rows.common is not None
    assert rows.first is not None
    problems = []
    for name, values in allowed.items():
        value = rows.common["spec"].get(name)
        if value is not None and value not in values:
            shown = json.dumps(value)
            problems.append(
                Problem(
                    f"{shown if len(shown) < 40 else 'what is here'} is about the Job of one item, which "
                    f"{shape.words} is not",
                    place_of(rows.first, ("spec", name)),
                    None,
                    f"spec.{name}",
                    hints.get(name, "--as jobs makes a Job of each item"),
                )
            )
    if problems:
        raise InputError(problems)


def add_volume(tree: Tree, rows: Rows, volume: Mapping[str, Any]) -> None:
    """Give the pod a volume. Raises InputError when it has one of that name."""
    assert rows.first is not None
    pod = tree["spec"]["template"]["spec"]
    volumes = pod.setdefault("volumes", [])
    for number, other in enumerate(volumes):
        if other["name"] == volume["name"]:
            path = (*POD, "volumes", number)
            raise InputError(f"the name {VOLUME} is needed for the items", where=place_of(rows.first, path))
    volumes.append(volume)


def manifest(tree: Tree, rows: Rows, item: object | None = None) -> Manifest:
    """A manifest of a shape, which comes from the template's place of the Job."""
    assert rows.first is not None
    return Manifest(tree, rows.first.where, item)
