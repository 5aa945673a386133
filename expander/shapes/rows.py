"""The Jobs of a batch taken apart: what all have in common, and what each has of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from expander.base.errors import InputError, Position, Problem
from expander.items.item import Item
from expander.manifests.edits import ITEM_ANNOTATION
from expander.manifests.manifest import Manifest, path_text
from expander.render.compiled import Rendered
from expander.shapes.shape import Shape
from expander.shapes.variables import Own

Tree: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str | int, ...]
Place: TypeAlias = tuple[str, int]

LISTS = ("initContainers", "containers")
OWN = ("command", "args", "env")
POD: Path = ("spec", "template", "spec")


@dataclass(slots=True)
class Row:
    """One item: its value, the name of its Job, and what its containers have of their own."""

    item: object | None
    value: Any
    name: str
    own: dict[Place, Own]

    @property
    def label(self) -> str:
        """How messages call the item."""
        return f"Job {self.name!r}" if self.item is None else str(self.item)


class Rows:
    """Takes the manifests of a batch in order and gives a row for each Job.

    ``common`` is the first Job without name, item and what a container may have of its own. ``companions``
    are the other objects, each once. An object or field that differs otherwise raises InputError: it names
    the field, the line and the two items.
    """

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self.common: Tree | None = None
        self.first: Manifest | None = None
        self.companions: dict[str, tuple[Tree, Manifest]] = {}
        self._item: object | None = None
        self._later = False
        self._has_job = False

    def of(self, manifests: Sequence[Manifest]) -> Iterator[Row]:
        """The rows of the next ``manifests``."""
        for manifest in manifests:
            if manifest.item is None or manifest.item is not self._item:
                self._later = self._item is not None
                self._item = manifest.item
                self._has_job = False
            tree: Tree = json.loads(manifest.json())
            if tree["kind"] != "Job" or tree["apiVersion"] != "batch/v1":
                self._keep(manifest, tree)
                continue
            if self._has_job:
                raise InputError(
                    Problem(
                        f"each item has two Jobs here; {self._shape.words} is made of one",
                        manifest.where,
                        hint="put them into two templates",
                    )
                )
            self._has_job = True
            yield self._row(manifest, tree)

    def require_job(self) -> None:
        """Raise InputError when there were objects and no Job among them."""
        if self.common is None and self.companions:
            _, manifest = next(iter(self.companions.values()))
            found = f"{manifest.kind}{_group(manifest)}"
            raise InputError(
                f"the template makes no Job (but a {found}), and {self._shape.words} is made of Jobs",
                where=manifest.where,
            )

    def others(self) -> list[Manifest]:
        """The companions seen so far, as they are for all items."""
        return [Manifest(tree, manifest.where) for tree, manifest in self.companions.values()]

    def _row(self, manifest: Manifest, tree: Tree) -> Row:
        metadata = tree["metadata"]
        text = (metadata.get("annotations") or {}).pop(ITEM_ANNOTATION, None)
        name = metadata.pop("name", "")
        item = manifest.item
        value = item.value if isinstance(item, Item) else name if text is None else text
        try:
            own = dict(_taken(tree))
        except (AttributeError, KeyError, TypeError):
            message = f"this is no valid Job, and {self._shape.words} is made of valid ones"
            raise InputError(message, where=manifest.where) from None
        row = Row(manifest.item, value, name, own)
        if self.common is None:
            self.common, self.first = tree, manifest
        elif tree != self.common:
            raise self._differs(manifest, tree, row.label)
        return row

    def _keep(self, manifest: Manifest, tree: Tree) -> None:
        (tree["metadata"].get("annotations") or {}).pop(ITEM_ANNOTATION, None)
        if not tree["metadata"].get("annotations", True):
            del tree["metadata"]["annotations"]
        known = self.companions.get(manifest.identity)
        if known is None and (manifest.item is None or not self._later):
            self.companions[manifest.identity] = (tree, manifest)
            return
        if manifest.item is None or (known is not None and known[0] == tree):
            return
        if self.common is None:
            self.require_job()
        what = f"{manifest.kind} {manifest.name!r}"
        raise InputError(
            Problem(
                f"{what} depends on the item; beside {self._shape.words} there can only be objects that all "
                "items have in common",
                manifest.where,
                str(manifest.item),
                hint="--as jobs makes all objects for each item",
            )
        )

    def _differs(self, manifest: Manifest, tree: Tree, label: str) -> InputError:
        assert self.common is not None
        path, first, second = next(differences(self.common, tree))
        return InputError(
            Problem(
                f"differs between items: {_shown(first)} for {self._label_of_first()}, "
                f"{_shown(second)} for {label}; {self._shape.words} has one pod template, in which only "
                "command, args and the values of env can depend on the item",
                place_of(manifest, path),
                None,
                path_text(path),
                _hint(path),
            )
        )

    def _label_of_first(self) -> str:
        assert self.first is not None
        return _label(self.first)


def _taken(tree: Tree) -> Iterator[tuple[Place, Own]]:
    """Take out of ``tree`` what its containers may have of their own."""
    pod = tree["spec"]["template"]["spec"]
    for name in LISTS:
        for number, container in enumerate(pod.get(name) or ()):
            parts = [container.pop(field, None) or [] for field in OWN]
            yield (name, number), Own(*parts)


def differences(first: Any, second: Any, path: Path = ()) -> Iterator[tuple[Path, Any, Any]]:
    """The paths at which two trees differ, with what is there."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for key in [*first, *[key for key in second if key not in first]]:
            if key not in first or key not in second:
                yield (*path, key), first.get(key), second.get(key)
            else:
                yield from differences(first[key], second[key], (*path, key))
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for number, (one, other) in enumerate(zip(first, second, strict=True)):
            yield from differences(one, other, (*path, number))
    elif first != second:
        yield path, first, second


def place_of(manifest: Manifest, path: Path) -> Position:
    """The place in the template that a field comes from, as near as it is known."""
    return manifest.skeleton.locate(path) if isinstance(manifest, Rendered) else manifest.where


def _group(manifest: Manifest) -> str:
    """The group of what is called a Job and is none of Kubernetes."""
    return f" of {manifest.api_version.partition('/')[0]}" if manifest.kind == "Job" else ""


def _label(manifest: Manifest) -> str:
    return f"Job {manifest.name!r}" if manifest.item is None else str(manifest.item)


def _shown(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _hint(path: Path) -> str:
    if path[:2] in (("metadata", "labels"), ("metadata", "annotations")):
        return "leave it out (the item is kept without it), or make a Job of each item: --as jobs"
    return "--as jobs makes a Job of each item"
