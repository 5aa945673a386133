"""The line of a rendered text that an error is about: nobody but the error's reader has seen that text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from expander.base.errors import Problem
from expander.base.text import cut

MAX_LINE: Final = 120
"""Characters that are shown."""


def with_lines(problems: Iterable[Problem], text: str, fill: Callable[[str], str] = str) -> list[Problem]:
    """``problems`` of reading ``text`` as YAML, each with its line, as ``fill`` makes it of that line."""
    lines = text.split("\n")
    shown = []
    for problem in problems:
        number = problem.where.line if problem.where else 0
        line = fill(lines[number - 1]).strip() if 0 < number <= len(lines) else ""
        message = f"{problem.message}, in: {cut(line, MAX_LINE)}"
        shown.append(replace(problem, message=message) if line else problem)
    return shown
