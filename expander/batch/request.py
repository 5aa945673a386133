"""The batch that a call from Python gives: a template and items, paths, or objects."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from expander.base.errors import InputError, ItemError, Problem, SourceLocation, UsageError
from expander.batch.expand import checked_group
from expander.batch.load import from_paths, from_template, group_of_paths, is_template, only_paths
from expander.batch.unique_names import Taken, twice
from expander.batch.validator import Validator
from expander.items import Item, from_python
from expander.manifests.edits import GROUP_LABEL, Edits, apply_edits
from expander.manifests.manifest import Manifest
from expander.render.template_file import Engine, TemplateFile

if TYPE_CHECKING:
    from expander.shapes.shape import Shape
    from expander.shapes.work_queue import Queued

Batch = str | os.PathLike[str] | TemplateFile | Iterable[Manifest | Mapping[str, Any]]
"""A path of a template or of manifests (a file or a folder), a template, or manifests and plain objects."""

Items = Iterable[Item | str | int | float | bool | Mapping[str, Any]]


class BatchOptions(TypedDict, total=False):
    """What the arguments of the same names mean for `expander.expand`."""

    engine: Engine | None
    values: Mapping[str, Any] | None
    overrides: Mapping[str, Any] | None
    group: str | None
    group_label: str
    labels: Mapping[str, str] | None
    annotations: Mapping[str, str] | None
    overwrite: bool
    ttl: int | None
    namespace: str | None
    allow_shell: bool
    validate: bool
    version: str | None
    shape: Shape | str | None
    on_queue: Callable[[Queued], None] | None


def manifests_of(
    batch: Batch,
    items: Items | None,
    on_error: Callable[[ItemError], None],
    **options: Unpack[BatchOptions],
) -> Iterator[Manifest]:
    """The manifests of ``batch``, validated; what cannot be sent goes to ``on_error``.

    ``items`` are for a template. A `Manifest` is taken as it is, a mapping gets the group and labels of
    ``options``. Raises UsageError and InputError as `expander.expand` does.
    """
    validate, version = options.get("validate", True), options.get("version")
    template: dict[str, Any] = {
        "engine": options.get("engine"),
        "values": options.get("values"),
        "overrides": options.get("overrides"),
        "allow_shell": options.get("allow_shell", False),
        "validate": validate,
        "version": version,
        "shape": options.get("shape"),
        "on_queue": options.get("on_queue"),
    }
    if isinstance(batch, TemplateFile) or items is not None:
        if not isinstance(batch, (str, os.PathLike, TemplateFile)):
            raise UsageError("items are for a template; manifests and objects have none")
        file = batch if isinstance(batch, TemplateFile) else TemplateFile(batch)
        stream = None if items is None else from_python(items)
        return from_template(file, stream, _edits(options), on_error, **template)
    if not isinstance(batch, (str, os.PathLike)):
        return _from_objects(batch, _edits(options, "batch"), on_error, validate, version)
    path = os.fspath(batch)
    if is_template([path], has_items=False):
        return from_template(TemplateFile(path), None, _edits(options), on_error, **template)
    only_paths([path])
    edits = _edits(options, group_of_paths([path]))
    return from_paths([path], edits, on_error, validate=validate, version=version)


def must_fill_queue(options: BatchOptions) -> None:
    """Raise UsageError when workers would be made for a queue that nobody fills."""
    shape = options.get("shape")
    if str(shape).startswith("queue") and options.get("on_queue") is None:
        raise UsageError("a work queue has to be filled before its workers run: on_queue gets its messages")


def _edits(options: BatchOptions, default_group: str | None = None) -> Edits:
    return Edits(
        group=checked_group(options.get("group")),
        default_group=default_group,
        group_label=options.get("group_label", GROUP_LABEL),
        labels=options.get("labels") or {},
        annotations=options.get("annotations") or {},
        overwrite=options.get("overwrite", False),
        ttl=options.get("ttl"),
        namespace=options.get("namespace"),
    )


def _from_objects(
    objects: Iterable[Manifest | Mapping[str, Any]],
    edits: Edits,
    on_error: Callable[[ItemError], None],
    validate: bool,
    version: str | None,
) -> Iterator[Manifest]:
    taken = Taken()
    validator = Validator(version) if validate else None
    for number, given in enumerate(objects):
        if isinstance(given, Manifest):
            manifest = given
        else:
            manifest = Manifest(_copied(given, number), SourceLocation(f"object {number}"))
            apply_edits(manifest.tree, edits)  # type: ignore[arg-type]
        if taken.add([manifest]):
            raise twice(manifest)
        yield from [manifest] if validator is None else validator.accepted([manifest], on_error)


def _copied(given: Mapping[str, Any], number: int) -> dict[str, Any]:
    """A copy that nobody else changes. Raises InputError when it is no object of the API."""
    try:
        tree = json.loads(json.dumps(given))
    except (TypeError, ValueError) as error:
        raise InputError(
            Problem(f"this is no JSON data: {error}", SourceLocation(f"object {number}"))
        ) from None
    if not isinstance(tree, dict) or not all(
        isinstance(tree.get(name), str) for name in ("apiVersion", "kind")
    ):
        raise InputError(
            Problem("expected an object with apiVersion and kind", SourceLocation(f"object {number}"))
        )
    return tree
