"""What users read: messages on standard error, data and outcomes (JSON Lines) on standard output."""

from __future__ import annotations

import os
import select
import sys
from _thread import RLock
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import Any, Protocol

import click

from expander.base.errors import ExpanderError, ItemError
from expander.base.text import FirstFew, ItemNumbers, counted


class Clearable(Protocol):
    """A display on the terminal (`progress.Display`)."""

    def clear(self) -> None:
        """Take the lines away."""

    def show(self) -> None:
        """Show them again."""


displays: list[Clearable] = []
"""The displays that are live."""

_lock = RLock()


@contextmanager
def above_display() -> Iterator[None]:
    """Within it the terminal has no display, and no other thread writes."""
    with _lock:
        for display in displays:
            display.clear()
        try:
            yield
        finally:
            for display in displays:
                display.show()


def show_error(error: ExpanderError) -> None:
    """Every problem of an error, each with its hint."""
    for problem in error.problems:
        say(f"error: {problem}")


def say(message: str) -> None:
    """A line on standard error."""
    write_error(printable(message) + "\n")


def warn(words: str) -> None:
    """Tell the user what is allowed and probably not meant."""
    say(f"warning: {words}")


def say_on_terminal(message: str) -> None:
    """A line on standard error, only when a person is likely to read it."""
    if sys.stderr is not None and sys.stderr.isatty():
        say(message)


def write_error(text: str) -> None:
    """Write to standard error at once, also in a signal handler; what cannot be written there is lost."""
    with suppress(OSError, ValueError), above_display():
        if sys.stderr is not sys.__stderr__ or sys.stderr is None:
            click.echo(text, err=True, nl=False)
            return
        rest = memoryview(text.encode(sys.stderr.encoding, "backslashreplace"))
        while rest:
            try:
                rest = rest[os.write(2, rest) :]
            except BlockingIOError:
                select.select([], [2], [])


def printable(text: str) -> str:
    """``text`` with the characters that would steer a terminal as escapes; line ends stay."""
    if text.isprintable():
        return text
    safe = "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
    return safe.encode("utf-8", "backslashreplace").decode()


class Output:
    """Standard output. Raises ClosedPipe when the reader went away, OutputError when it cannot be written."""

    def __init__(self) -> None:
        from expander.sinks.stream import StreamSink

        self._sink = StreamSink(sys.stdout.buffer)
        self._is_terminal = sys.stdout.isatty()

    def put(self, text: str) -> None:
        """Write some text; a terminal sees it at once."""
        self.write(text.encode("utf-8", "backslashreplace"))

    def write(self, data: bytes) -> None:
        """Write some bytes as they are. What is no terminal may wait for its reader; messages do not."""
        with above_display() if self._is_terminal else nullcontext():
            self._sink.write(data)

    def finish(self) -> None:
        """Hand everything to the system."""
        self._sink.flush()


class ItemErrors:
    """Shows the errors of items as they come, the first `MAX_ERRORS` of them, each hint once.

    ``told`` gets each error too.

    ``do`` calls what prints, in another thread if need be; None: it is called at once.
    """

    def __init__(self, told: Callable[[ItemError], None] | None = None) -> None:
        self._told = told
        self._hints: set[str | None] = set()
        self._first = FirstFew()
        self.refused = ItemNumbers()
        self.items = 0
        """How many items those objects would have done that were refused."""
        self.do: Callable[[Callable[[], None]], None] | None = None

    @property
    def count(self) -> int:
        """How many there were."""
        return self._first.count

    def __call__(self, error: ItemError) -> None:
        self.items += error.items
        self.refused.add(error.number)
        show = partial(self._show, error, self._first.take())
        show() if self.do is None else self.do(show)

    def _show(self, error: ItemError, is_shown: bool) -> None:
        if self._told is not None:
            self._told(error)
        if not is_shown:
            return
        from dataclasses import replace  # a command without errors does without

        for problem in error.problems:
            is_new = problem.hint not in self._hints
            self._hints.add(problem.hint)
            say(f"error: {problem if is_new else replace(problem, hint=None)}")

    def finish(self) -> None:
        """Say how many were not shown."""
        if more := self._first.more:
            say(f"error: {counted(more, 'more item')} failed ({self.count:,} in all)")


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

    def finish(
        self,
        *,
        interrupted: bool = False,
        counts: Mapping[str, int] | None = None,
        left: Mapping[str, int] | None = None,
        stopped: str | None = None,
    ) -> None:
        """The last line; ``counts`` in place of those of the lines, ``left`` what there are no lines of.

        ``stopped`` says why a run ended early.
        """
        summary = dict(sorted([*(self.counts if counts is None else counts).items(), *(left or {}).items()]))
        early = {"interrupted": True} if interrupted else {}
        self._line({"summary": summary, **early, **({"stopped": stopped} if stopped else {})})
        self._out.finish()

    def _line(self, data: Mapping[str, Any]) -> None:
        import json

        self._out.put(json.dumps(data, ensure_ascii=False) + "\n")
