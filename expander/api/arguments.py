"""What the calls that take a batch have in common: from their arguments to a request, and whom to tell."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from expander.base.errors import ExpanderError, ItemError, UsageError
from expander.base.text import ItemNumbers
from expander.batch.request import Batch, BatchOptions, BatchRequest, Items
from expander.items.python import from_python
from expander.items.python_values import named_index
from expander.shapes.shape import Shape

_KINDS: Final[Mapping[str, tuple[str, Any]]] = {
    **dict.fromkeys(
        "values overrides labels annotations images image_commands claims env changes".split(),
        ("a mapping", Mapping),
    ),
    **dict.fromkeys(
        "engine group group_label version selector runtime halt on_oom on_timeout".split(), ("text", str)
    ),
    **dict.fromkeys("on_error on_note on_output on_outcome on_queue".split(), ("a function", Callable)),
    "shape": ("text", (str, Shape)),
    "ttl": ("a whole number of seconds", int),
    "key": ("text, or a list of texts", (str, list, tuple)),
    **dict.fromkeys(("logs", "state"), ("a path", (str, os.PathLike))),
}
"""What arguments have to be, and how that is said; other checks are where they are used."""


def check_kinds(given: Mapping[str, object]) -> None:
    """Raise UsageError for an argument that is not what its name asks for; None is always fine."""
    for name, value in given.items():
        expected, kind = _KINDS.get(name, ("", object))
        if value is not None and not isinstance(value, kind):
            raise UsageError(f"{name}: found {value!r}, expected {expected}")


def texts(name: str, given: object) -> tuple[str, ...]:
    """The argument ``name``: one text or several; numbers are their texts. Raises UsageError for others."""
    several = isinstance(given, Iterable) and not isinstance(given, (str, Mapping))
    found: Sequence[object] = [*given] if several else [given]  # type: ignore[misc]
    for one in found:
        if not isinstance(one, (str, int)):
            hint = "key of a result or status names its item" if name == "items" else None
            raise UsageError(f"{name}: found {one!r}, expected text", hint=hint)
    return tuple(map(str, found))


def request_of(
    call: str, batch: Batch | BatchRequest, items: Items | None, options: BatchOptions
) -> BatchRequest:
    """The batch that a call means. Raises TypeError for an option that there is not."""
    if unknown := [*options.keys() - BatchOptions.__annotations__.keys()]:
        raise TypeError(f"expander.{call}() got an unexpected keyword argument {min(unknown)!r}")
    request = batch if isinstance(batch, BatchRequest) else BatchRequest(batch=batch)
    given = request.items if items is None else items
    for name in named_index(given):
        warn(f"warning: the index {name!r} of the data frame is no column: reset_index() makes it one")
    request = replace(request, items=None if given is None else from_python(given), **options)
    check_kinds({field.name: getattr(request, field.name) for field in fields(BatchRequest)})
    if isinstance(batch, str) and "\n" in batch:
        raise UsageError(
            "found the text of a template, expected a path", hint="use expander.TemplateFile.of(text, name)"
        )
    return request


def filled_queue(request: BatchRequest) -> BatchRequest:
    """``request``. Raises UsageError when workers would be made for a queue that nobody fills."""
    if request.parsed_shape.kind == "queue" and request.on_queue is None:
        raise UsageError("a work queue has to be filled before its workers run: on_queue gets its messages")
    return request


class Errors:
    """Counts the errors of items and gives them to ``on_error``; without it the first is raised."""

    def __init__(self, on_error: Callable[[ItemError], None] | None) -> None:
        self._on_error = on_error
        self.count = 0
        self.refused = ItemNumbers()

    def __call__(self, error: ItemError) -> None:
        if self._on_error is None:
            raise error
        self.count += 1
        self.refused.add(error.number)
        self._on_error(error)


def warn(text: str) -> None:
    """A line for people that nobody asked for: only a warning is told, as one of Python's
    at the line that called the package."""
    if text.startswith("warning: "):
        import warnings

        level, frame = 1, sys._getframe()
        inner = ("expander.", "contextlib")  # which ends what the package has opened
        while frame.f_back and frame.f_globals.get("__name__", "").startswith(inner):
            level, frame = level + 1, frame.f_back
        warnings.warn(text.removeprefix("warning: "), stacklevel=level)


def raise_error(error: ExpanderError) -> None:
    """Nobody takes errors."""
    raise error
