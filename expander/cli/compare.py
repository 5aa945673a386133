"""The shapes that a plan puts side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any

from expander.base.errors import ItemError, UsageError
from expander.cli.selection import check_standard_input, edits_of, spec_of, template_settings
from expander.cli.shape_options import shape_of

if TYPE_CHECKING:
    from expander.manifests.manifest import Manifest
    from expander.shapes.shape import Shape

CHUNKED_JOBS = 100
"""The shape of several items a Job is shown with about so many Jobs."""


def shapes_of(
    arguments: tuple[str, ...], flags: Mapping[str, Any], on_error: Callable[[ItemError], None]
) -> Iterator[tuple[str, Iterator[Manifest]]]:
    """The batch in the shape asked for, then in each other shape, with the names of the shapes.

    The items are read once and kept. ``on_error`` is told of items of the first shape only. Raises UsageError
    when there is no template.
    """
    from expander.batch.load import from_template, is_template
    from expander.items import items
    from expander.render.template_file import TemplateFile

    if not is_template(arguments, bool(flags["sources"] or flags["include"])):
        raise UsageError("--compare is for a template and its items: manifests have their shape")
    spec = spec_of(arguments[1:], flags)
    check_standard_input(arguments[0], spec)
    file = TemplateFile(arguments[0])
    known = None if spec is None else list(items(spec))
    settings, edits = template_settings(flags), edits_of(flags)
    for number, shape in enumerate(_candidates(shape_of(flags), None if known is None else len(known))):
        tell = on_error if number == 0 else _nobody
        yield (
            str(shape),
            from_template(file, known, edits, tell, _nobody, output="json", **{**settings, "shape": shape}),
        )


def _candidates(asked: Shape, count: int | None) -> list[Shape]:
    """The shape asked for, and one of each other kind that fits so many items."""
    chunk = 10 if count is None else max(2, ceil(count / CHUNKED_JOBS))
    others = [
        replace(asked, kind="jobs"),
        replace(asked, kind="indexed"),
        replace(asked, kind="chunks", chunk=chunk),
        replace(asked, kind="queue", broker="redis", secret="broker"),
    ]
    return [asked, *[shape for shape in others if shape.kind != asked.kind]]


def _nobody(_: object) -> None:
    """What a plan does not say of the other shapes."""
