"""What users read: messages on standard error, data on standard output."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from expander.base.errors import ExpanderError, ItemError

SHOWN = 20
"""So many failed items are shown one by one; of the rest only the number."""


def show_error(error: ExpanderError) -> None:
    """Every problem of an error, each with its hint."""
    for problem in error.problems:
        say(f"error: {problem}")


def say(message: str) -> None:
    """A line on standard error."""
    click.echo(printable(message), err=True)


class Output:
    """Standard output. Raises ClosedPipe when the reader went away, OutputError when it cannot be written."""

    def __init__(self) -> None:
        from expander.sinks.stream import StreamSink

        self._sink = StreamSink(sys.stdout.buffer)

    def put(self, text: str) -> None:
        """Write some text; a terminal sees it at once."""
        self._sink.write(text.encode("utf-8", "backslashreplace"))

    def finish(self) -> None:
        """Hand everything to the system."""
        self._sink.flush()


def printable(text: str) -> str:
    """``text`` with the characters that would steer a terminal as escapes; line ends stay."""
    if text.isprintable():
        return text
    safe = "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
    return safe.encode("utf-8", "backslashreplace").decode()


def say_on_terminal(message: str) -> None:
    """A line on standard error, only when a person is likely to read it."""
    if sys.stderr.isatty():
        say(message)


class ItemErrors:
    """Shows the errors of items as they come, the first `SHOWN` of them; ``told`` gets each one too."""

    def __init__(self, told: Callable[[ItemError], None] | None = None) -> None:
        self._told = told
        self.count = 0

    def __call__(self, error: ItemError) -> None:
        self.count += 1
        if self._told is not None:
            self._told(error)
        if self.count <= SHOWN:
            show_error(error)

    def finish(self) -> None:
        """Say how many were not shown."""
        if self.count > SHOWN:
            say(f"error: {self.count - SHOWN} more items failed ({self.count} in all)")
