"""Changes made to every manifest of a batch: group label, labels, annotations, time to live.

They work on any mutable mapping, so that plain data and comment-preserving YAML trees are edited by
the same code. What the template says itself wins unless a flag says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import field
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.kube.scheme import is_namespaced

Tree = MutableMapping[str, Any]

GROUP_LABEL = "jobgroup"
ITEM_ANNOTATION = "expander/item"
KEY_ANNOTATION = "expander/key"
"""The annotation beside the item that names the columns of its key (see `items.keys`)."""
THIS_MACHINE: Final = "this-machine"
"""The image of a command for this machine only: a Job needs one, though no runtime here looks at it."""


@dataclass(frozen=True, slots=True)
class Edits:
    """What to change in each manifest.

    ``group`` overrides the template's own group; ``default_group`` serves where the template has
    none. ``labels`` and ``annotations`` are added to the object and its pod template; ``overwrite``
    lets them replace what the template has. ``ttl`` is ttlSecondsAfterFinished in seconds.
    """

    group: str | None = None
    default_group: str | None = None
    group_label: str = GROUP_LABEL
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    overwrite: bool = False
    ttl: int | None = None
    namespace: str | None = None


def apply_edits(tree: Tree, edits: Edits) -> list[str]:
    """Change ``tree`` in place; return what was left alone because the template has it otherwise."""
    kept: list[str] = []
    group = edits.group or _present(tree, edits.group_label) or edits.default_group
    adds = group is not None or bool(edits.labels) or bool(edits.annotations)
    places = list(_metadata_of(tree)) if adds else []
    for number, metadata in enumerate(places):
        where = "" if number == 0 else " of the pod template"
        if group is not None:
            labels = _child(metadata, "labels")
            if labels is not None and (edits.group or edits.group_label not in labels):
                labels[edits.group_label] = group
        for name, wanted in (("labels", edits.labels), ("annotations", edits.annotations)):
            kept += _merge(metadata, name, wanted, edits.overwrite, where)
    if edits.namespace is not None and is_namespaced(tree):
        own = _child(tree, "metadata")
        if own is not None:
            own["namespace"] = edits.namespace
    if edits.ttl is not None:
        for spec in _job_specs(tree):
            spec["ttlSecondsAfterFinished"] = edits.ttl
    return kept


def item_annotations(tree: Tree) -> Iterator[Tree]:
    """The annotations that hold the item: the object's own, and those a CronJob gives to its Jobs."""
    spec = tree.get("spec")
    template = (
        spec.get("jobTemplate") if tree.get("kind") == "CronJob" and isinstance(spec, Mapping) else None
    )
    for part in (tree, template):
        metadata = _child(part, "metadata", first=True) if isinstance(part, MutableMapping) else None
        annotations = None if metadata is None else _child(metadata, "annotations")
        if annotations is not None:
            yield annotations


def _merge(metadata: Tree, name: str, wanted: Mapping[str, str], overwrite: bool, where: str) -> list[str]:
    kept: list[str] = []
    if not wanted:
        return kept
    present = _child(metadata, name)
    if present is None:
        return kept
    for key, value in wanted.items():
        if key in present and present[key] != value and not overwrite:
            kept.append(f"{name[:-1]} {key}={present[key]}{where} of the template is kept")
        else:
            present[key] = value
    return kept


def _present(tree: Tree, label: str) -> str | None:
    """The value of a label on the object or in one of its templates."""
    for part in (tree, *_templates(tree.get("spec"))):
        metadata = part.get("metadata")
        labels = metadata.get("labels") if isinstance(metadata, Mapping) else None
        if isinstance(labels, Mapping) and label in labels:
            return labels[label]  # type: ignore[no-any-return]
    return None


def _metadata_of(tree: Tree) -> Iterator[Tree]:
    """The metadata of the object itself, then of the templates in it that pods or Jobs are made from."""
    metadata = _child(tree, "metadata")
    if metadata is None:
        return
    yield metadata
    for template in _templates(tree.get("spec")):
        inner = _child(template, "metadata", first=True)
        if inner is not None:
            yield inner


def _templates(spec: Any) -> Iterator[Tree]:
    """Pod and Job templates below a spec: Job, CronJob, Volcano Job (tasks), JobSet (replicatedJobs)."""
    if not isinstance(spec, MutableMapping):
        return
    if isinstance(template := spec.get("template"), MutableMapping):
        yield template
        yield from _templates(template.get("spec"))
    if isinstance(template := spec.get("jobTemplate"), MutableMapping):
        yield template
        yield from _templates(template.get("spec"))
    for name in ("tasks", "replicatedJobs"):
        parts = spec.get(name)
        for part in parts if isinstance(parts, list) else ():
            yield from _templates(part)


def _job_specs(tree: Tree) -> Iterator[Tree]:
    spec = tree.get("spec")
    if tree.get("kind") in ("Job", "JobSet") and isinstance(spec, MutableMapping):
        yield spec
    elif tree.get("kind") == "CronJob" and isinstance(spec, MutableMapping):
        template = spec.get("jobTemplate")
        if isinstance(template, MutableMapping) and isinstance(template.get("spec"), MutableMapping):
            yield template["spec"]


def _child(parent: Tree, name: str, *, first: bool = False) -> Tree | None:
    """The mapping at ``name``, made when absent or null; None when something else is there."""
    present = parent.get(name)
    if isinstance(present, MutableMapping):
        return present
    if present is not None:
        return None
    made: Tree = {}
    if first and name not in parent:
        later = dict(parent)
        insert = getattr(parent, "insert", None)
        if insert is not None:  # a comment-preserving mapping keeps its comments this way
            insert(0, name, made)
        else:
            parent.clear()
            parent[name] = made
            parent.update(later)
    else:
        parent[name] = made
    return made


DIGEST_ANNOTATION: Final = "expander/digest"
"""The annotation with the digest of the manifest as it was sent."""
