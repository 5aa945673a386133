"""Arguments of functions: of the right type, or CEL's error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from expander.validate.cel.values import LISTS, no_overload


def text(value: Any) -> str:
    """A string."""
    return value if type(value) is str else no_overload()


def integer(value: Any) -> int:
    """An int."""
    return value if type(value) is int else no_overload()


def listed(value: Any) -> list[Any]:
    """The entries of a list."""
    return list(value) if type(value) in LISTS else no_overload()


def on_texts(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` of strings alone."""

    def call(*arguments: Any) -> Any:
        for each in arguments:
            if type(each) is not str:
                no_overload()
        return function(*arguments)

    return call
