"""Values of fields that differ, and the items that have them, as one line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from operator import eq
from typing import Any

from expander.base.text import cut
from expander.cli.output.streams import printable

MAX_VALUE_CHARS = 200
"""Characters shown of a value; -o json has it whole."""

CONTEXT_CHARS = 40
"""Characters before a difference that are shown of a value that is longer than `MAX_VALUE_CHARS`."""

MAX_TITLES = 3
"""Objects named where many have the same change."""


def who_of(titles: Sequence[str], compared: int) -> str:
    """The objects that have a change, ``compared`` in all: ``a, b and 3 more``, or ``all 20``."""
    if len(titles) == compared and compared > MAX_TITLES:
        return f"all {compared:,}"
    return listed(titles, MAX_TITLES)


def listed(titles: Sequence[str], most: int) -> str:
    """The first ones, and how many more there are."""
    more = len(titles) - most
    return ", ".join(map(one_line, titles[:most])) + (f" and {more:,} more" if more > 0 else "")


def one_line(text: str) -> str:
    """Text in which nothing steers the terminal or begins a line."""
    return printable(text).replace("\n", r"\n")


def shown_value(value: Any) -> str:
    """A value as one line; text that needs no quotes has none."""
    return cut(_as_line(value), MAX_VALUE_CHARS)


def shown_values(old: Any, new: Any) -> tuple[str, str]:
    """Two values that differ, each as one line: of long ones what differs, with the line where it begins."""
    first, second = _as_line(old), _as_line(new)
    if old is None or new is None or max(len(first), len(second)) <= MAX_VALUE_CHARS:
        return shown_value(old), shown_value(new)
    place = ""
    if isinstance(old, str) and isinstance(new, str) and ("\n" in old or "\n" in new):
        number, old, new = _differing_lines(old.split("\n"), new.split("\n"))
        place, first, second = f"line {number}: ", _as_line(old), _as_line(new)
    skipped = _common(first, second) - CONTEXT_CHARS
    if skipped > 0 and max(len(first), len(second)) > MAX_VALUE_CHARS:
        first, second = f"...{first[skipped:]}", f"...{second[skipped:]}"
    return place + cut(first, MAX_VALUE_CHARS), cut(second, MAX_VALUE_CHARS)


def _as_line(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str) and value.strip() == value != "" and value.isprintable():
        return value
    import json

    return one_line(json.dumps(value, ensure_ascii=False))


def _differing_lines(old: list[str], new: list[str]) -> tuple[int, str | None, str | None]:
    """The number of the first line that differs, and the lines from it to the last; None for no line."""
    start = _common(old, new)
    old, new = old[start:], new[start:]
    end = _common(old[::-1], new[::-1])
    lines = ["\n".join(each[: len(each) - end]) if len(each) > end else None for each in (old, new)]
    return start + 1, lines[0], lines[1]


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """How many parts both begin with."""
    return sum(takewhile(bool, map(eq, first, second)))
