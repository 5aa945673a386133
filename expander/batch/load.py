"""Manifests in files, folders, standard input and plain objects, validated; and what of them runs here."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from expander.base.errors import InputError, ItemError, Problem, SourceLocation, UsageError
from expander.base.late_module import late_module
from expander.base.option_names import option
from expander.base.regex import regex
from expander.base.text import counted
from expander.base.urls import without_credentials
from expander.base.yaml import Chunk, Document, read_chunk
from expander.batch.unique_names import UniqueNames, duplicate_name
from expander.batch.validator import Validator
from expander.kube.scheme import BY_KIND
from expander.kube.volcano import is_volcano
from expander.manifests.edits import Edits, apply_edits
from expander.manifests.manifest import Manifest
from expander.manifests.names import LABEL_VALUE, slug
from expander.render.compile import flattened, not_an_object
from expander.render.template_file import TemplateFile

if TYPE_CHECKING:
    from expander.batch import files
else:  # for manifests that are made already
    files = late_module("expander.batch.files")

_REFERENCE = regex(r"(?<!\$)\$(?:ITEM|INDEX)\b|(?<!\$)\$\{(?:ITEM|INDEX)[.}]")


def is_template(arguments: Sequence[str], has_items: bool) -> bool:
    """Whether the first of ``arguments`` is a template and the rest are items, not paths of manifests.

    It is when items come from elsewhere too, when its name says Jinja2, and when its text refers to an item;
    standard input is, when none of the others is there as a path.
    """
    first = arguments[0]
    if has_items or TemplateFile.is_jinja(first):
        return True
    if first == "-":
        return len(arguments) > 1 and not any(map(os.path.exists, arguments[1:]))
    if not os.path.isfile(first):
        return False
    return refers_to_item(first)


def refers_to_item(path: str) -> bool:
    """Whether the text of the file ``path`` refers to an item, as ``$ITEM`` does."""
    return has_reference(TemplateFile(path).text)


def has_reference(text: str) -> bool:
    """Whether ``text`` refers to an item, as ``$ITEM`` does."""
    return _REFERENCE.search(text) is not None


def from_paths(
    paths: Sequence[str],
    edits: Edits,
    on_error: Callable[[ItemError], None],
    validator: Validator | None = None,
) -> Iterator[Manifest]:
    """The manifests in files, folders and standard input, with ``edits`` made to them.

    Raises InputError for what cannot be read and UsageError for a path that is not there; a manifest that a
    server would refuse goes to ``on_error``.
    """
    taken = UniqueNames()
    for path in files.files_of(paths):
        source = "<stdin>" if path == "-" else path
        for chunk in files.chunks_of(path):
            for document in _documents(chunk, source):
                for tree in _objects(document.data, document.position()):
                    apply_edits(tree, edits)
                    manifest = Manifest(tree, document.position())
                    if taken.add([manifest]):
                        raise duplicate_name(manifest)
                    yield from [manifest] if validator is None else validator.accepted([manifest], on_error)


_JINJA = regex(r"\{[{%#].*[}%#]\}")


def _documents(chunk: Chunk, source: str) -> Iterator[Document]:
    """The documents of a chunk. Raises InputError, with a hint when it looks like a Jinja2 template."""
    try:
        yield from read_chunk(chunk, source)
    except InputError as error:
        problem = error.problems[0]
        if _JINJA.search(chunk.text):
            hint = f"is it a Jinja2 template? use {option('--engine jinja2')}"
            raise InputError(problem.message, where=problem.where, hint=hint) from None
        raise


def _objects(data: Any, where: SourceLocation) -> list[dict[str, Any]]:
    objects = flattened(data)
    for found in objects:
        if problem := not_an_object(found, where):
            raise InputError(problem)
    return objects


def from_objects(
    objects: Iterable[Manifest | Mapping[str, Any]],
    edits: Edits,
    on_error: Callable[[ItemError], None],
    validator: Validator | None = None,
) -> Iterator[Manifest]:
    """The manifests of ``objects``: a `Manifest` as it is, a copy of plain data with ``edits`` made to it.

    Raises InputError for what is no object of the API and for one that is there twice; a manifest that a
    server would refuse goes to ``on_error``.
    """
    taken = UniqueNames()
    for number, given in enumerate(objects):
        if isinstance(given, Manifest):
            manifest = given
        else:
            manifest = Manifest(_copied(given, number), SourceLocation(f"object {number}"))
            apply_edits(manifest.tree, edits)  # type: ignore[arg-type]
        if taken.add([manifest]):
            raise duplicate_name(manifest)
        yield from [manifest] if validator is None else validator.accepted([manifest], on_error)


def _copied(given: Mapping[str, Any], number: int) -> dict[str, Any]:
    """A copy that nobody else changes. Raises InputError when it is no object of the API."""
    try:
        tree = json.loads(json.dumps(given))
    except (TypeError, ValueError) as error:
        raise InputError(Problem(f"not valid JSON: {error}", SourceLocation(f"object {number}"))) from None
    if not isinstance(tree, dict) or not all(
        isinstance(tree.get(name), str) for name in ("apiVersion", "kind")
    ):
        raise InputError(
            Problem("expected an object with apiVersion and kind", SourceLocation(f"object {number}"))
        )
    return tree


def used_here(manifests: Iterable[Manifest], tell: Callable[[str], None]) -> Iterator[Manifest]:
    """The manifests that a run on this machine makes use of; ``tell`` gets one line per other kind.

    A CronJob becomes a Job that runs once, now. Of Volcano Jobs it is told what of them does nothing here.
    Raises InputError at the end if there are manifests, and none was made use of.
    """
    from expander.local.controllers.volcano.plugins import unsupported_plugins

    told = set()
    is_used, skipped = False, 0
    for manifest in manifests:
        if manifest.kind in BY_KIND and BY_KIND[manifest.kind].runs_here:
            if is_volcano(manifest.tree):
                for words in unsupported_plugins(manifest.tree):
                    if words not in told:
                        told.add(words)
                        tell(words)
            is_used = True
            yield manifest
        elif manifest.kind == "CronJob":
            is_used = True
            yield once(manifest)
        else:
            skipped += 1
            if manifest.kind not in told:
                told.add(manifest.kind)
                words = f"{manifest.kind} objects do not run here and are skipped"
                tell(f"{words} (the first is {manifest.name!r})")
    if skipped and not is_used:
        raise InputError(f"nothing to run: {counted(skipped, 'object')} skipped")


def once(manifest: Manifest) -> Manifest:
    """The Job that a CronJob would start, to run once: as ``kubectl create job NAME-once --from`` makes it.

    Labels of the CronJob itself, which hold the group, are added where the template has no such label.
    """
    tree = manifest.tree
    template = tree["spec"]["jobTemplate"]
    inner = template.get("metadata") or {}
    metadata: dict[str, Any] = {
        "name": f"{manifest.name}-once",
        "labels": {**(tree["metadata"].get("labels") or {}), **(inner.get("labels") or {})},
        "annotations": {
            **(tree["metadata"].get("annotations") or {}),
            **(inner.get("annotations") or {}),
            "cronjob.kubernetes.io/instantiate": "manual",
        },
    }
    if manifest.namespace:
        metadata["namespace"] = manifest.namespace
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}
    return Manifest(job, manifest.where, manifest.item)


def group_of_paths(paths: Sequence[str]) -> str:
    """The group for manifests that name none: from the first path."""
    first = os.path.abspath(paths[0]) if paths[0] != "-" else ""
    stem = os.path.basename(first).split(".")[0]
    return slug(stem, LABEL_VALUE)[:63].strip("-_.") or "batch"


def only_paths(arguments: Sequence[str]) -> None:
    """Raise UsageError when an argument is no path: probably an item of a template that is none."""
    for argument in arguments:
        if argument != "-" and not os.path.exists(argument):
            raise UsageError(
                f"no such file or folder: {without_credentials(argument)!r}",
                hint=f"is it an item? {arguments[0]} does not refer to one ($ITEM)"
                if argument != arguments[0]
                else None,
            )
