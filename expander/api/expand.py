"""`expander.expand`: the manifests of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Unpack

from expander.api.arguments import Errors, request_of
from expander.base.errors import ItemError
from expander.batch.request import Batch, BatchOptions, BatchRequest, Items
from expander.manifests.manifest import Manifest


def expand(
    template: Batch | BatchRequest,
    items: Items | None = None,
    *,
    on_error: Callable[[ItemError], None] | None = None,
    **options: Unpack[BatchOptions],
) -> Iterator[Manifest]:
    """The manifests of ``template``, one after the other, as they are asked for.

    ``template`` is a path (``-`` is standard input), a `TemplateFile` or a `BatchRequest`; ``items`` are
    values, mappings of named columns, records, a data frame, or a `Path` of a file with items; None for a
    Jinja2 template that brings its own parameters. ``options`` are the fields of `BatchRequest`.

    Raises InputError with all that is wrong with the template, UsageError for arguments that do not fit
    together, and ItemError for the first item that cannot become a manifest; with ``on_error`` that
    function gets the errors of items and the other items go on.
    """
    request = request_of("expand", template, items, options)
    yield from request.selected(request.expansion(Errors(on_error)).each())
