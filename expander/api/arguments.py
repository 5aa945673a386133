"""What the calls that take a batch have in common: from their arguments to a request, and whom to tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from expander.base.errors import ExpanderError, ItemError, UsageError
from expander.batch.request import Batch, BatchOptions, BatchRequest, Items
from expander.items import from_python


def request_of(
    call: str, batch: Batch | BatchRequest, items: Items | None, options: BatchOptions
) -> BatchRequest:
    """The batch that a call means. Raises TypeError for an option that there is not."""
    if unknown := [*options.keys() - BatchOptions.__annotations__.keys()]:
        raise TypeError(f"expander.{call}() got an unexpected keyword argument {min(unknown)!r}")
    given = None if items is None else from_python(items)
    if isinstance(batch, BatchRequest):
        return replace(batch, items=batch.items if given is None else given, **options)
    return BatchRequest(batch=batch, items=given, **options)


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

    def __call__(self, error: ItemError) -> None:
        if self._on_error is None:
            raise error
        self.count += 1
        self._on_error(error)


def warn(text: str) -> None:
    """A line for people that nobody asked for: only a warning is told, as Python's warnings are."""
    if text.startswith("warning: "):
        import warnings

        warnings.warn(text.removeprefix("warning: "), stacklevel=2)


def ignore(*_: object) -> None:
    """Nobody listens."""


def raise_error(error: ExpanderError) -> None:
    """Nobody takes errors."""
    raise error
