"""What users read: messages on standard error, data on standard output.

Tables for people: columns as wide as what is in them.

Writes logs to standard output: blocks of whole lines, in front of each whose line it is.

Outcomes for machines: a JSON object a line for each item, and a last one with the sums.
"""

from __future__ import annotations

import os
import re
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

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
    write_error(printable(message) + "\n")


def write_error(text: str) -> None:
    """Write to standard error, in one piece; what cannot be written there is lost."""
    with suppress(OSError, ValueError):
        click.echo(text, err=True, nl=False)


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


LONGEST: Final = 60
"""Characters of a cell; the last column is never cut."""

_digits = re.compile(r"([0-9]+)").split


def lines_of(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table, whose first row is its header."""
    clean = [[*map(cell_of, row[:-1]), _one_line(row[-1])] for row in rows]
    widths = [max(map(len, column)) for column in zip(*clean, strict=True)]
    for row in clean:
        yield "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"


def cell_of(text: str) -> str:
    """A text as one cell: on one line, harmless for a terminal, not too long."""
    text = _one_line(text)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def natural(name: str) -> tuple[tuple[str, int], ...]:
    """A key that sorts ``item-9`` before ``item-10``."""
    parts = iter(_digits(name))
    return tuple((text, int(next(parts, "0"))) for text in parts)


def without(rows: Sequence[Sequence[str]], empty: Iterable[str]) -> list[list[str]]:
    """The table without those columns named in ``empty`` in which there is nothing."""
    head, *body = rows
    kept = [
        place
        for place, name in enumerate(head)
        if name not in set(empty) or any(row[place] not in ("", "0") for row in body)
    ]
    return [[row[place] for place in kept] for row in rows]


def _one_line(text: str) -> str:
    return printable(text).replace("\n", "\\n")


_COLOURS: Final = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
_LONGEST: Final = 60
"""Characters of a prefix."""
_END: Final = 20
"""So many of them are the end of a title that is longer."""


class LogOutput:
    """Standard output for logs. ``failures`` counts the logs that could not be read."""

    def __init__(self) -> None:
        from expander.sinks.stream import StreamSink

        self._sink = StreamSink(sys.stdout.buffer)
        self._coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self.failures = 0

    def prefix(self, title: str) -> bytes:
        """What stands before the lines of a log."""
        text = printable(title).replace("\n", "\\n")
        if len(text) > _LONGEST:  # the end tells indexes, attempts and containers apart
            text = f"{text[: _LONGEST - _END - 3]}...{text[-_END:]}"
        text = f"[{text}]"
        if self._coloured:
            name = title.split(" #")[0].encode("utf-8", "replace")
            text = f"\x1b[{_COLOURS[zlib.crc32(name) % len(_COLOURS)]}m{text}\x1b[0m"
        return f"{text} ".encode("utf-8", "backslashreplace")

    def put(self, said: object) -> None:
        """Print a block; an error goes to standard error."""
        if isinstance(said, bytes):
            self._sink.write(said)
        else:
            self.flush()
            self.failures += 1
            show_error(said)  # type: ignore[arg-type]

    def flush(self) -> None:
        """Let the reader see what there is."""
        self._sink.flush()


class OutcomeLines:
    """Prints the lines as outcomes become known; `counts` are those printed so far, by outcome."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self.counts: Counter[str] = Counter()

    def put(
        self,
        name: str | None,
        namespace: str | None,
        item: str | None,
        outcome: str,
        *,
        reason: str = "",
        attempts: int = 0,
        message: str = "",
    ) -> None:
        """One item. ``item`` is its raw value, None for an object that came from none."""
        self.counts[outcome] += 1
        line: dict[str, Any] = {"name": name, "namespace": namespace, "item": item, "outcome": outcome}
        line |= {"reason": reason, "attempts": attempts}
        self._line(line | ({"message": message} if message else {}))

    def invalid(self, error: ItemError) -> None:
        """An item that became no object, or one that cannot be sent; its name is not known for sure."""
        item = next((problem.item for problem in error.problems if problem.item), None)
        self.put(None, None, item, "refused", reason=error.reason, message=str(error))

    def finish(self, *, interrupted: bool = False, counts: Mapping[str, int] | None = None) -> None:
        """The last line; ``counts`` in place of those of the lines."""
        summary = dict(sorted((self.counts if counts is None else counts).items()))
        self._line({"summary": summary, **({"interrupted": True} if interrupted else {})})
        self._out.finish()

    def _line(self, data: Mapping[str, Any]) -> None:
        import json

        self._out.put(json.dumps(data, ensure_ascii=False) + "\n")
