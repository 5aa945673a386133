"""The Jobs of a batch taken apart, and the Job of a shape begun from what they have in common."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from expander.base.dataclass import dataclass
from expander.base.digests import blake2b
from expander.base.errors import InputError, Problem, SourceLocation
from expander.base.option_names import option
from expander.base.text import cut
from expander.base.written_numbers import dumps
from expander.items.item import Item
from expander.items.keys import item_text
from expander.manifests.edits import ITEM_ANNOTATION, KEY_ANNOTATION
from expander.manifests.manifest import Manifest, path_text
from expander.manifests.names import SUBDOMAIN, valid_name
from expander.manifests.rerun import COUNT_ANNOTATION, ITEMS_ANNOTATION, items_text
from expander.render.compiled import RenderedManifest
from expander.shapes.shape import Shape
from expander.shapes.shell import Own

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
                self._later = self._later or self._item is not None
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
                f"the template has no Job (only a {found}), and {self._shape.words} is made of Jobs",
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
            message = f"not a valid Job, and {self._shape.words} is made of valid ones"
            raise InputError(message, where=manifest.where) from None
        row = Row(manifest.item, value, name, own)
        if self.common is None:
            self.common, self.first = tree, manifest
        elif tree != self.common:
            raise self._differs(manifest, tree, row.label)
        return row

    def _keep(self, manifest: Manifest, tree: Tree) -> None:
        for name in (ITEM_ANNOTATION, KEY_ANNOTATION):
            (tree["metadata"].get("annotations") or {}).pop(name, None)
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
                hint=f"{option('--as jobs')} makes all objects for each item",
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


def place_of(manifest: Manifest, path: Path) -> SourceLocation:
    """The place in the template that a field comes from, as near as it is known."""
    return manifest.compiled.locate(path) if isinstance(manifest, RenderedManifest) else manifest.where


def _group(manifest: Manifest) -> str:
    """The group of what is called a Job and is none of Kubernetes."""
    return f" of {manifest.api_version.partition('/')[0]}" if manifest.kind == "Job" else ""


def _label(manifest: Manifest) -> str:
    return f"Job {manifest.name!r}" if manifest.item is None else str(manifest.item)


def _shown(value: Any) -> str:
    return cut("nothing" if value is None else json.dumps(value, ensure_ascii=False), 60)


def _hint(path: Path) -> str:
    if path[:2] in (("metadata", "labels"), ("metadata", "annotations")):
        jobs = option("--as jobs")
        return f"leave it out (the item is kept without it), or make a Job of each item: {jobs}"
    return f"{option('--as jobs')} makes a Job of each item"


DIGEST = "expander/items-digest"
"""The annotation of a Job that changes when one of its items changes."""

MAX_NAME_CHARS = 63
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
    return valid_name(name, SUBDOMAIN.shortened(MAX_NAME_CHARS - room))


def _follows_item(job: Manifest) -> bool:
    """Whether the name of a Job can depend on the item."""
    if not isinstance(job, RenderedManifest):
        return True
    return any(placeholder.path == ("metadata", "name") for placeholder in job.compiled.placeholders)


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
        found.update(dumps([row.value, *row.own.values()], separators=(",", ":")).encode())
        found.update(b"\n")
    return found.hexdigest()


def _span(items: Sequence[Row]) -> str:
    if len(items) == 1:
        return item_text(items[0].value)
    first, last = [cut(item_text(row.value), 40) for row in (items[0], items[-1])]
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
                    hints.get(name) or f"{option('--as jobs')} makes a Job of each item",
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
            raise InputError(f"the name {VOLUME} is reserved for the items", where=place_of(rows.first, path))
    volumes.append(volume)


def manifest(tree: Tree, rows: Rows, item: object | None = None) -> Manifest:
    """A manifest of a shape, which comes from the template's place of the Job."""
    assert rows.first is not None
    return Manifest(tree, rows.first.where, item)
