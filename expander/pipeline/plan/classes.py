"""Which manifests ask for the same, so that a long batch is looked into only where it differs.

Manifests of a compiled template differ in their holes. Most holes say nothing about what is asked for
(names, labels, arguments, values of variables, images): manifests that are equal in all others are of one
class. A manifest of another origin is of the class of those with an equal essence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from expander.manifests.manifest import Manifest
from expander.pipeline.plan.needs import NAME_COPIES, Needs, needs_of, needs_of_anything
from expander.render.compiled import Rendered, Skeleton
from expander.render.placeholder import Path

REMEMBERED: Final = 5_000
"""So many classes are remembered; beyond, all are forgotten and found anew."""

_FREE: Final = ("command", "args", "env", "image", "workingDir")


class Classes:
    """Gives every manifest its class and its size. ``group_label`` is the key of the batch's label."""

    def __init__(self, group_label: str) -> None:
        self._group_label = group_label
        self._slots: dict[int, tuple[Skeleton, list[int]]] = {}
        self._known: dict[object, Needs] = {}

    def of(self, manifest: Manifest, name: str) -> tuple[Needs, int]:
        """What ``manifest``, called ``name``, asks for, and the bytes of JSON that a server keeps of it."""
        if isinstance(manifest, Rendered):
            key: object = self._key(manifest)
        else:
            key = _essence(manifest.tree)
        needs = self._known.get(key)
        if needs is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            needs = self._known[key] = self._look(manifest)
        copies = NAME_COPIES.get(needs.kind, 0)
        return needs, size_of(manifest.json()) + needs.added + copies * len(name)

    def _look(self, manifest: Manifest) -> Needs:
        try:
            return needs_of(manifest.tree, self._group_label)
        except (AttributeError, KeyError, TypeError, ValueError):
            return needs_of_anything(manifest.tree, self._group_label)  # it was not validated

    def _key(self, manifest: Rendered) -> object:
        skeleton, row = manifest.skeleton, manifest.row
        known = self._slots.get(id(skeleton))
        if known is None:
            if len(self._slots) >= REMEMBERED:
                self._slots.clear()
                self._known.clear()  # ids of skeletons may come again
            holes = [hole for hole in skeleton.holes if not says_nothing(hole.path)]
            known = self._slots[id(skeleton)] = skeleton, sorted({slot for h in holes for slot in h.slots})
        if not known[1]:
            return id(skeleton)
        return (id(skeleton), *[(type(row[slot]), str(row[slot])) for slot in known[1]])


def says_nothing(path: Path) -> bool:
    """Whether what an object asks for is the same whatever stands at ``path``."""
    if path[:1] in (("data",), ("stringData",), ("binaryData",)):
        return True
    if path[:1] == ("metadata",) or path[-3:-1] in (("metadata", "labels"), ("metadata", "annotations")):
        return path[1:2] != ("namespace",)
    places = [number for number, part in enumerate(path) if part in ("containers", "initContainers")]
    return bool(places) and path[places[0] + 2 : places[0] + 3] in [(name,) for name in _FREE]


def size_of(text: str) -> int:
    """The bytes of ``text`` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _essence(tree: Mapping[str, Any]) -> str:
    """A text that is equal for manifests of one class: the structure with all that says nothing emptied."""
    return json.dumps(_emptied(tree, ()), default=str)


def _emptied(value: Any, path: Path) -> Any:
    if path and not isinstance(value, (dict, list)) and says_nothing(path):
        return ""
    if isinstance(value, Mapping):
        return {key: _emptied(below, (*path, key)) for key, below in value.items()}
    if isinstance(value, list):
        return [_emptied(below, (*path, number)) for number, below in enumerate(value)]
    return value
