"""The two sides of a comparison: templates, manifests in files, or the Jobs of a group."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from expander.base.errors import ItemError, UsageError
from expander.batch.load import from_paths, has_reference, only_paths
from expander.batch.request import BatchRequest
from expander.diff.comparison import Comparison, compare
from expander.manifests.edits import Edits
from expander.manifests.manifest import Manifest
from expander.render.template_file import Engine, TemplateFile

if TYPE_CHECKING:
    from expander.group.open import GroupSelector

Side: TypeAlias = TemplateFile | str
"""A template, or the path of manifests, or `GROUP_PREFIX` and the name of a group."""

GROUP_PREFIX = "group/"
"""What names of groups begin with, as kubectl's TYPE/NAME."""


def sides_of(old: Side, new: Side, engine: Engine | None = None) -> tuple[Side, Side]:
    """``old`` and ``new``: templates, paths, ``-`` for standard input, or ``group/NAME``.

    A template that names no group gets that of the other side. Raises UsageError for what is no path, and
    when both are standard input, InputError for what cannot be read.
    """
    if old == new == "-":
        raise UsageError("only one of OLD and NEW can be standard input")
    before, after = (_side_of(each, engine) for each in (old, new))
    if isinstance(before, TemplateFile):
        before.group = _group_of(after) or before.group
    if isinstance(after, TemplateFile):
        after.group = _group_of(before) or after.group
    return before, after


def template_of(sides: tuple[Side, Side], *, has_items: bool) -> TemplateFile | None:
    """The template among the sides, NEW before OLD. Raises UsageError for items when neither is one."""
    found = next((each for each in reversed(sides) if isinstance(each, TemplateFile)), None)
    if found is None and has_items:
        raise UsageError("items require a template: neither OLD nor NEW refers to one ($ITEM)")
    return found


def compare_sides(
    old: Side,
    new: Side,
    request: BatchRequest,
    where: GroupSelector,
    on_error: Callable[[ItemError], None],
) -> Comparison:
    """What differs between two sides.

    ``request`` has the items and options for those that are templates, ``where`` says where a group is.
    Raises InputError for what cannot be read, or a group that is not there; an item that cannot be expanded
    goes to ``on_error``, for each side.
    """
    request = replace(request, items=None if request.items is None else list(request.items))
    before, after = (_manifests(each, request, where, on_error) for each in (old, new))
    if not any(isinstance(each, str) and _is_group(each) for each in (old, new)):
        return compare(before, after, request.release)
    skipped: list[str] = []

    def jobs(manifests: Iterator[Manifest]) -> Iterator[Manifest]:
        for each in manifests:
            if each.kind == "Job":
                yield each
            else:
                skipped.append(each.kind)

    found = compare(jobs(before), jobs(after), request.release)
    found.skipped = len(skipped)
    return found


def _side_of(path: Side, engine: Engine | None) -> Side:
    if isinstance(path, TemplateFile):
        return copy(path)
    is_stream = path == "-" or (os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path))
    if is_stream or os.path.isfile(path):
        template = TemplateFile(path)
        if template.is_jinja(path) or engine or has_reference(template.text):
            return template
        if is_stream:
            source = "standard input" if path == "-" else f"the pipe {path}"
            raise UsageError(f"manifests from {source} cannot be compared; write them to a file")
    elif not _is_group(path):
        only_paths([path])
    return path


def _group_of(side: Side) -> str | None:
    """The group that a side has by its name; None for manifests, which say it themselves."""
    if isinstance(side, TemplateFile):
        return side.group
    return side.removeprefix(GROUP_PREFIX) if _is_group(side) else None


def _is_group(side: str) -> bool:
    return side.startswith(GROUP_PREFIX) and not os.path.exists(side)


def _manifests(
    side: Side,
    request: BatchRequest,
    where: GroupSelector,
    on_error: Callable[[ItemError], None],
) -> Iterator[Manifest]:
    if isinstance(side, TemplateFile):
        yield from replace(request, batch=side).manifests(on_error)
    elif _is_group(side):
        yield from _jobs(replace(where, group=side.removeprefix(GROUP_PREFIX)))
    else:
        yield from from_paths([side], Edits(group_label=request.group_label), on_error)


def _jobs(selector: GroupSelector) -> Iterator[Manifest]:
    """The Jobs of a group as somebody would write them now."""
    from expander.base.errors import SourceLocation
    from expander.group.open import nothing_found, open_source
    from expander.manifests.rerun import rerun

    with closing(open_source(selector)) as source:
        empty = True
        for job in source.jobs():
            empty = False
            yield Manifest(rerun(job), SourceLocation(source.where))
        if empty:
            raise nothing_found(selector, source)
