"""Errors of items in calls from Python."""

from __future__ import annotations

from collections.abc import Callable

from expander.base.errors import ItemError


class Errors:
    """Counts the errors of items; without a function to ``give`` them to, the first is raised."""

    def __init__(self, give: Callable[[ItemError], None] | None) -> None:
        self._give = give
        self.count = 0

    def __call__(self, error: ItemError) -> None:
        if self._give is None:
            raise error
        self.count += 1
        self._give(error)


def nobody_listens(*_: object) -> None:
    """Take what nobody wants to know."""
