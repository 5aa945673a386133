"""Regular expressions compiled at their first use: a command uses few of all there are."""

from __future__ import annotations

import re
from _thread import get_ident
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, AnyStr, cast


class _Regex:
    """Stands for ``re.compile(expression, flags)``; what has been asked for once is an attribute."""

    def __init__(self, expression: Any, flags: int) -> None:
        self._arguments = (expression, flags)

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(*self._arguments), name)
        setattr(self, name, found)
        return found


def regex(expression: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """The compiled form of a regular expression; a wrong one raises `re.error` at its first use."""
    return cast("re.Pattern[AnyStr]", _Regex(expression, flags))


@contextmanager
def lazy_patterns() -> Iterator[None]:
    """Modules that this thread imports meanwhile get their patterns by `regex`.

    For a library that only calls methods of its patterns, and uses few of them here.
    """
    thread, now = get_ident(), re.compile

    def later(expression: Any, flags: int = 0) -> Any:
        return regex(expression, flags) if get_ident() == thread else now(expression, flags)

    re.compile = later  # type: ignore[assignment]
    try:
        yield
    finally:
        re.compile = now
