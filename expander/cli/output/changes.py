"""Values of fields that differ, and the items that have them, as one line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from expander.base.text import cut
from expander.cli.output.streams import printable

MAX_VALUE_CHARS = 200
"""Characters shown of a value; -o json has it whole."""

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
    if value is None:
        return "nothing"
    if isinstance(value, str) and value.strip() == value != "" and value.isprintable():
        text = value
    else:
        text = one_line(json.dumps(value, ensure_ascii=False))
    return cut(text, MAX_VALUE_CHARS)
