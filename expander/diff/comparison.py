"""Two batches side by side: which objects are new, gone or changed, and which change many have."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from expander.base.dataclass import dataclass
from expander.base.named_tuple import NamedTuple
from expander.base.text import cut
from expander.diff.field_changes import FieldChange, field_changes
from expander.items.keys import item_key
from expander.kube.versions import DEFAULT, Release
from expander.manifests.edits import ITEM_ANNOTATION, KEY_ANNOTATION
from expander.manifests.manifest import Manifest

MAX_TITLE_CHARS = 60


class ObjectChange(NamedTuple):
    """An object that both batches have, with what differs. ``name`` is that of the new one."""

    title: str
    kind: str
    name: str
    fields: list[FieldChange]


@dataclass(slots=True)
class Comparison:
    """What differs between two batches. ``added`` and ``removed`` are titles of objects of one of them only.

    The title of an object is the key of its item, else kind and name.
    """

    changed: list[ObjectChange]
    added: list[str]
    removed: list[str]
    unchanged: int = 0
    skipped: int = 0
    """Objects beside Jobs, where the other batch is a group: of that only the Jobs are known."""

    @property
    def equal(self) -> bool:
        """Whether the batches are the same."""
        return not (self.changed or self.added or self.removed)

    @property
    def compared(self) -> int:
        """The number of objects that both batches have."""
        return len(self.changed) + self.unchanged

    def by_field(self) -> dict[str, list[tuple[Any, Any, list[str]]]]:
        """The changes of each field: old and new value, with the titles of all objects that have it."""
        found: dict[str, dict[str, tuple[Any, Any, list[str]]]] = {}
        for each in self.changed:
            for path, old, new in each.fields:
                values = found.setdefault(path, {})
                values.setdefault(json.dumps([old, new]), (old, new, []))[2].append(each.title)
        return {path: [*values.values()] for path, values in found.items()}


class _Kept(NamedTuple):
    """What is kept of an object of the old batch."""

    kind: str
    name: str
    namespace: str | None
    title: str
    text: str


def compare(old: Iterable[Manifest], new: Iterable[Manifest], release: Release = DEFAULT) -> Comparison:
    """``old`` and ``new`` side by side; JSON of all old objects is kept, and of new ones that have no pair.

    Objects of one item are a pair, in the order in which a template makes them; others when they have one
    kind and name, and one namespace where both name it.
    """
    pairs = {key: _kept(each) for key, each in _keyed(old)}
    result = Comparison([], [], [])
    alone: list[Manifest] = []
    for key, manifest in _keyed(new):
        kept = pairs.pop(key, None)
        if kept is None:
            alone.append(manifest)
        else:
            _compare(kept, manifest, release, result)
    named: dict[tuple[str, str], list[tuple[str, str, int]]] = {}
    for key, kept in pairs.items():
        named.setdefault((kept.kind, kept.name), []).append(key)
    for manifest in alone:
        keys = named.get((manifest.kind, manifest.name), ())
        found = next((key for key in keys if _may_be_one(pairs.get(key), manifest)), None)
        if found is None:
            result.added.append(title(manifest))
        else:
            _compare(pairs.pop(found), manifest, release, result)
    result.removed = [kept.title for kept in pairs.values()]
    return result


def title(manifest: Manifest) -> str:
    """The key of the object, cut where it is long."""
    return cut(key_of(manifest), MAX_TITLE_CHARS)


def key_of(manifest: Manifest) -> str:
    """What the object is called: the key of its item, else kind and name."""
    item = _annotation(manifest, ITEM_ANNOTATION)
    if item is None:
        return f"{manifest.kind.lower()}/{manifest.name}"
    return item_key(item, _annotation(manifest, KEY_ANNOTATION) or "")


def _annotation(manifest: Manifest, name: str) -> str | None:
    metadata = manifest.tree.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    found = annotations.get(name) if isinstance(annotations, dict) else None
    return found if isinstance(found, str) else None


def _keyed(manifests: Iterable[Manifest]) -> Iterator[tuple[tuple[str, str, int], Manifest]]:
    """Each object with what its pair has too."""
    seen: dict[tuple[str, str], int] = {}
    for manifest in manifests:
        item = _annotation(manifest, ITEM_ANNOTATION)
        key = (manifest.kind, manifest.identity if item is None else f"item {item}")
        number = seen[key] = seen.get(key, -1) + 1
        yield (*key, number), manifest


def _kept(manifest: Manifest) -> _Kept:
    return _Kept(manifest.kind, manifest.name, manifest.namespace, title(manifest), manifest.json())


def _may_be_one(kept: _Kept | None, manifest: Manifest) -> bool:
    """Whether both are in one namespace, for all that is known, and ``kept`` has no pair yet."""
    if kept is None:
        return False
    return kept.namespace == manifest.namespace or None in (kept.namespace, manifest.namespace)


def _compare(kept: _Kept, manifest: Manifest, release: Release, result: Comparison) -> None:
    if kept.text != manifest.json() and (
        fields := field_changes(json.loads(kept.text), manifest.tree, release)
    ):
        result.changed.append(ObjectChange(title(manifest), manifest.kind, manifest.name, fields))
    else:
        result.unchanged += 1
