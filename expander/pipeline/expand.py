"""One template and items -> manifests, lazily."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from expander.base.errors import ItemError, UsageError
from expander.items import Item, from_python
from expander.manifests.edits import GROUP_LABEL, Edits
from expander.manifests.manifest import Manifest
from expander.manifests.names import LABEL_VALUE
from expander.pipeline.expansion import Expansion
from expander.render.template_file import Engine, TemplateFile

if TYPE_CHECKING:
    from expander.shapes.shape import Shape
    from expander.shapes.work_queue import Queued


def prepare(
    template: str | os.PathLike[str] | TemplateFile,
    items: Iterable[Item] | None,
    *,
    engine: Engine | None = None,
    output: Literal["json", "yaml"] = "json",
    on_error: Callable[[ItemError], None],
    values: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    edits: Edits | None = None,
    allow_shell: bool = False,
    validate: bool = True,
    version: str | None = None,
    shape: Shape | str | None = None,
    on_queue: Callable[[Queued], None] | None = None,
) -> Expansion:
    """Compile ``template`` for ``items``, in ``shape`` (a Job of each item by default).

    ``items`` None means a Jinja2 template that brings its own parameters. Raises InputError with all that
    is wrong with the template, UsageError for what does not fit together. With ``validate`` a manifest that
    an API server of ``version`` (the newest by default) would refuse is an error of its item, or of the
    template when no item reaches the field.
    """
    from expander.render.compile import Rules

    file = template if isinstance(template, TemplateFile) else TemplateFile(template)
    if items is None and (engine or file.engine) != "jinja2":
        raise UsageError(
            "there are no items",
            hint="give them after the template, or with -i (- reads standard input); a Jinja2 template "
            "(*.jinja2, *.j2) may bring its own parameters",
        )
    compiled = file.compile(Rules(edits or Edits(), allow_shell), engine, values, overrides)
    validator = None
    if validate:
        from expander.pipeline.validator import Validator

        validator = Validator(version)
    if shape is not None and str(shape) != "jobs":
        from expander.pipeline.shaped import ShapedExpansion

        return ShapedExpansion(compiled, items, output, on_error, validator, shape, on_queue)
    return Expansion(compiled, items, output, on_error, validator)


def expand(
    template: str | os.PathLike[str] | TemplateFile,
    items: Iterable[Item | str | int | float | bool | Mapping[str, Any]] | None = None,
    *,
    engine: Engine | None = None,
    values: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    group: str | None = None,
    group_label: str = GROUP_LABEL,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    overwrite: bool = False,
    ttl: int | None = None,
    namespace: str | None = None,
    allow_shell: bool = False,
    validate: bool = True,
    version: str | None = None,
    shape: Shape | str | None = None,
    on_error: Callable[[ItemError], None] | None = None,
) -> Iterator[Manifest]:
    """The manifests of ``template``, one after the other.

    ``template`` is a path (``-`` is standard input) or a `TemplateFile`; ``items`` are values, mappings of
    named columns, or `Item`; None for a Jinja2 template that brings its own parameters. ``ttl`` is in
    seconds, ``shape`` a value of ``--as``. The other words mean what the options of ``expander expand`` mean.

    Raises InputError with all that is wrong with the template, UsageError for arguments that do not fit
    together, and ItemError for the first item that cannot become a manifest; with ``on_error`` that
    function gets the errors of items and the other items go on.
    """
    edits = Edits(
        group=checked_group(group),
        group_label=group_label,
        labels=labels or {},
        annotations=annotations or {},
        overwrite=overwrite,
        ttl=ttl,
        namespace=namespace,
    )
    expansion = prepare(
        template,
        None if items is None else from_python(items),
        engine=engine,
        on_error=on_error or _raise,
        values=values,
        overrides=overrides,
        edits=edits,
        allow_shell=allow_shell,
        validate=validate,
        version=version,
        shape=shape,
    )
    for manifests in expansion:
        yield from manifests


def checked_group(group: str | None) -> str | None:
    """``group`` if it can be a label's value; UsageError otherwise."""
    if group is not None and (not group or not LABEL_VALUE.accepts(group)):
        raise UsageError(
            f"the group {group!r} is not a label value: at most 63 letters, digits, '-', '_' or '.', "
            "beginning and ending with a letter or digit"
        )
    return group


def _raise(error: ItemError) -> None:
    raise error
