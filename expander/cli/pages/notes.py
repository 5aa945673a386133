"""What stands below the options of a command: examples, facts and exit codes."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from typing import Final

from expander.base.named_tuple import NamedTuple
from expander.base.regex import regex

NEW_THOUGHT: Final = regex(r"[A-Z$][\w $-]*: ")
"""A line that begins a paragraph of its own within the notes of a command: ``Exit codes: ...``."""

EXIT_CODES: Final = "Exit codes"

TWO_COLUMNS: Final = regex(r"( *\S[^'\"]*?  +)(\S.*)")
"""A line of a list: a name or an example, and what it does."""

WORD: Final = regex(r"(?:--?[\w-]* (?=[^-\s&|>]))?(?:'[^']*'|\"[^\"]*\"|\\.|[^\s'\"])+|['\"]")
"""A word of a shell's command line, with the option in front of it."""

MIN_TEXT_WIDTH: Final = 20
"""Columns that the text of a list needs to be broken."""

INDENT: Final = 2
"""Columns before a line that stays as it is."""


class Note(NamedTuple):
    """A paragraph: its heading, if it has one, and text or lines that stay as they are."""

    heading: str
    text: str
    literal: bool

    def lines(self, width: int) -> Iterator[str]:
        """The paragraph in ``width`` columns."""
        if self.literal:
            yield from [f"{self.heading}:"] * bool(self.heading)
            for line in self.text.splitlines():
                yield from _broken(f"{' ' * INDENT}{line}", width)
        else:
            text = f"{self.heading}: {self.text}" if self.heading else self.text
            yield from textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def notes(text: str) -> Iterator[list[Note]]:
    """The blocks of ``text``: indented lines below a heading stay as they are, others are joined."""
    for block in filter(None, text.split("\n\n")):
        lines = block.splitlines()
        heading = lines.pop(0).rstrip(":") if lines[0].endswith(":") else ""
        literal = [line for line in lines if line.startswith(" " * INDENT)]
        found: list[Note] = []
        if literal:
            found.append(Note(heading, inspect.cleandoc("\n" + "\n".join(literal)), True))
            heading = ""
        joined: list[str] = []
        for line in lines[len(literal) :]:
            if joined and not NEW_THOUGHT.match(line):
                joined[-1] += f" {line}"
            else:
                joined.append(line)
        for each in joined:
            codes = each.removeprefix(f"{EXIT_CODES}: ")
            found.append(Note(heading if codes == each else EXIT_CODES, codes, False))
        yield found


def _broken(line: str, width: int) -> list[str]:
    """A line of an example or a list in ``width`` columns, if that can be."""
    if len(line) <= width:
        return [line]
    if columns := TWO_COLUMNS.fullmatch(line):
        left, right = columns.groups()
        if width - len(left) < MIN_TEXT_WIDTH:
            below = " " * INDENT * 2
            return [
                left.rstrip(),
                *textwrap.wrap(right, width, initial_indent=below, subsequent_indent=below),
            ]
        first, *rest = textwrap.wrap(right, width - len(left), break_on_hyphens=False)
        return [left + first, *(" " * len(left) + each for each in rest)]
    lines = [" " * INDENT]
    for word in WORD.findall(line):
        if lines[-1].strip() and len(lines[-1]) + len(word) + 1 > width - len(" \\"):
            lines.append(" " * INDENT * 2)
        lines[-1] += f"{' ' if lines[-1].strip() else ''}{word}"
    return [*(f"{each} \\" for each in lines[:-1]), lines[-1]]
