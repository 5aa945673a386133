"""Regular expressions compiled at their first use: a command uses few of all there are; and sets of texts."""

from __future__ import annotations

import re
from _thread import get_ident
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, AnyStr, Final, cast

_compile: Final = re.compile
"""Python's own, also within `lazy_patterns`."""


class _Regex:
    """Stands for ``re.compile(expression, flags)``; what has been asked for once is an attribute."""

    def __init__(self, expression: Any, flags: int) -> None:
        self._arguments = (expression, flags)

    def __getattr__(self, name: str) -> Any:
        found = getattr(_compile(*self._arguments), name)
        setattr(self, name, found)
        return found


def regex(expression: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """The compiled form of a regular expression; a wrong one raises `re.error` at its first use."""
    return cast("re.Pattern[AnyStr]", _Regex(expression, flags))


class Texts:
    """The texts that ``expression`` matches in full; ``in`` says so of one.

    With ``is_linewise`` it matches no line end and looks at nothing after its match: then many texts are
    looked at in one go, as lines.
    """

    def __init__(self, expression: str, is_linewise: bool = True) -> None:
        self._one = regex(expression)
        self._lines = regex(rf"(?:(?:{expression})\n)*+") if is_linewise else None

    def __contains__(self, text: str) -> bool:
        return self._one.fullmatch(text) is not None

    def has_all(self, texts: Sequence[str], before: str = "", behind: str = "") -> bool:
        """Whether all of these are among them, with ``before`` and ``behind`` around each."""
        if self._lines is None:
            return all(self._one.fullmatch(f"{before}{text}{behind}") for text in texts)
        between = f"{behind}\n{before}"
        lines = f"{before}{between.join(texts)}{behind}\n"
        return lines.count("\n") == len(texts) and self._lines.fullmatch(lines) is not None


@contextmanager
def lazy_patterns() -> Iterator[None]:
    """Modules that this thread imports meanwhile get their patterns by `regex`.

    For a library that only calls methods of its patterns, and uses few of them here.
    """
    thread = get_ident()

    def later(expression: Any, flags: int = 0) -> Any:
        return regex(expression, flags) if get_ident() == thread else _compile(expression, flags)

    re.compile = later  # type: ignore[assignment]
    try:
        yield
    finally:
        re.compile = _compile
