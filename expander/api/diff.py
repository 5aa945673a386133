"""`expander.diff`: what a change of a template, or of manifests, changes in the batch."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Unpack

from expander.api.arguments import Errors, request_of
from expander.base.errors import ItemError
from expander.batch.request import BatchOptions, Items
from expander.diff.comparison import Comparison
from expander.render.template_file import TemplateFile


def diff(
    old: str | os.PathLike[str] | TemplateFile,
    new: str | os.PathLike[str] | TemplateFile,
    items: Items | None = None,
    *,
    local: bool = False,
    state: str | os.PathLike[str] | None = None,
    kubeconfig: str | None = None,
    context: str | None = None,
    on_error: Callable[[ItemError], None] | None = None,
    **options: Unpack[BatchOptions],
) -> Comparison:
    """What differs between two batches, by item and field; defaults of the API server are no difference.

    ``old`` and ``new`` are templates (paths or `TemplateFile`), files or folders of manifests, or
    ``group/NAME`` for the Jobs of a group in the cluster or, if ``local`` or with a ``state`` folder, on this
    machine. Templates get the same ``items``; ``options`` are the fields of `BatchRequest`.

    Raises UsageError for what is no path, InputError for what cannot be read or a group that is not there,
    and ItemError for the first item that cannot be expanded; with ``on_error`` that function gets the errors
    of items, for each side.
    """
    from expander.diff.sides import compare_sides, sides_of, template_of
    from expander.group.open import GroupSelector

    before, after = (each if isinstance(each, TemplateFile) else os.fspath(each) for each in (old, new))
    sides = sides_of(before, after, options.get("engine"))
    template = template_of(sides, has_items=items is not None)
    request = request_of("diff", template or after, items, options)
    where = GroupSelector(
        namespace=request.namespace,
        local=local,
        state=None if state is None else os.fspath(state),
        kubeconfig=kubeconfig,
        context=context,
        group_label=request.group_label,
    )
    return compare_sides(*sides, request, where, Errors(on_error))
