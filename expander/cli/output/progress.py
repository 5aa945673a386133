"""Live display on a terminal: how far a command is, or a picture that is kept up to date.

There is one display at a time, at the bottom of the terminal. What is printed meanwhile goes above it: all
output to the terminal is written within `above_display`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, Self, TextIO

from expander.base.dataclass import dataclass
from expander.base.errors import ExpanderError
from expander.base.late_module import late_module
from expander.cli.output.streams import above_display, displays, printable, say

if TYPE_CHECKING:
    from expander.cli.output import table
else:  # for progress on a terminal
    table = late_module("expander.cli.output.table")

REFRESH_SECONDS: Final = 0.2
"""Time between two drawings."""

RATE_WINDOW_SECONDS: Final = 15.0
"""The time over which the rate is measured."""

MAX_BAR_WIDTH: Final = 20
MIN_BAR_WIDTH: Final = 6
"""Characters of the bar; it takes the room that is left."""

ROOM: Final = 3
"""Columns that stay free, so that the ``^C`` of a terminal does not wrap the line."""

LOOK_SECONDS: Final = 1.0
"""Without a terminal: seconds between two looks at whether a line is due."""

FIRST_LINE_SECONDS: Final = 5.0
"""Without a terminal: seconds until the first line; the time to the next one doubles."""

LAST_LINE_SECONDS: Final = 300.0
"""The longest time between two lines."""

STANDING_LINE_SECONDS: Final = 10.0
"""The same while nothing goes on."""

SWITCH: Final = "EXPANDER_PROGRESS"


class Display:
    """Lines at the bottom of the terminal that ``stream`` is; does nothing when it is none."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown: list[str] = []
        self._visible = False
        self.is_live = stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"

    def size(self) -> tuple[int, int]:
        """Columns and rows of the terminal now."""
        with suppress(OSError, ValueError):
            columns, rows = os.get_terminal_size(self._stream.fileno())
            if columns and rows:
                return columns, rows
        from shutil import get_terminal_size  # which loads the compressors

        return get_terminal_size()

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines in place of those before; what does not fit is cut."""
        if not self.is_live:
            return
        width, height = self.size()
        shown = [table.fit(printable(line).replace("\n", " "), width - ROOM) for line in lines[: height - 1]]
        if shown == self._shown and self._visible:
            return
        with above_display():
            self._shown = shown

    def clear(self) -> None:
        """Take the lines away."""
        if self._visible:
            self._visible = False
            width, _ = self.size()  # a terminal that has become narrower has wrapped them
            rows = sum(max(1, -(-table.width_of(line) // width)) for line in self._shown)
            up = f"\x1b[{rows - 1}A" if rows > 1 else ""
            self._put(f"\r{up}\x1b[J")

    def show(self) -> None:
        """Show the lines that were drawn last, below what was printed meanwhile."""
        if self._shown:
            self._visible = True
            self._put("\n".join(self._shown))

    def keep(self) -> None:
        """Leave the lines as they are: what follows goes below."""
        if self._visible:
            self._put("\n")
        self._visible, self._shown = False, []

    def _put(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)
            self._stream.flush()

    def __enter__(self) -> Self:
        displays.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        with above_display():
            displays.remove(self)


@dataclass(slots=True)
class Step:
    """How far a command is: ``done`` of ``total`` (None: not known), and more parts of the line.

    The first parts are the most important: where there is no room the others are left out.
    """

    done: int
    total: int | None = None
    parts: list[str] = field(default_factory=list)
    why: str = ""
    """What is being waited for."""
    stands: bool = False
    """Nothing goes on until that comes, which should be soon."""


class Progress:
    """How far a command is: a line at the bottom of the terminal of standard error, else one now and then.

    ``step`` is asked, in a thread, before each line. The variable EXPANDER_PROGRESS=never switches it off.
    """

    def __init__(self, step: Callable[[], Step | None]) -> None:
        self._step = step
        self._display = Display(sys.stderr)
        self._line = ProgressLine(time.monotonic())
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=self._draw if self._display.is_live else self._say, daemon=True
        )
        self._is_on = sys.stderr is not None and os.environ.get(SWITCH) != "never"

    def __enter__(self) -> Self:
        if self._is_on:
            if self._display.is_live:
                self._display.__enter__()
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._is_on:
            self._thread.join()
            if self._display.is_live:
                self._display.__exit__()

    def _draw(self) -> None:
        while not self._over.wait(REFRESH_SECONDS):
            step = self._step()
            if step is not None:
                width, _ = self._display.size()
                self._display.draw([self._line.text(step, time.monotonic(), width - ROOM)])

    def _say(self) -> None:
        times = LineTimes(time.monotonic())
        while not self._over.wait(LOOK_SECONDS):
            step, now = self._step(), time.monotonic()
            if step is not None and times.is_due(step, now):
                say(self._line.text(step, now))


class LineTimes:
    """When there is a line without a terminal; ``since`` is when the command began."""

    def __init__(self, since: float) -> None:
        self._last = self._moved = since
        self._pause = FIRST_LINE_SECONDS
        self._done = 0

    def is_due(self, step: Step, now: float) -> bool:
        """Whether there is one at ``now``, which counts as the last then."""
        if step.done != self._done:
            self._done, self._moved = step.done, now
        stands = step.stands and now - max(self._last, self._moved) >= STANDING_LINE_SECONDS
        if now - self._last < self._pause and not stands:
            return False
        self._last = now
        self._pause = min(2 * self._pause, LAST_LINE_SECONDS)
        return True


class ProgressLine:
    """The text of the line; ``since`` is when the command began."""

    def __init__(self, since: float) -> None:
        self._since = since
        self._recent: deque[tuple[float, int]] = deque([(since, 0)])
        self._first: int | None = None

    def text(self, step: Step, now: float, width: int | None = None) -> str:
        """The line at ``now``, with a bar and in ``width`` columns if there is a terminal.

        Rate, remaining time, reason, elapsed time and the last parts are left out, in this order, where they
        do not fit.
        """
        rate = self._rate(step.done, now)
        count = f"{step.done:,}/{step.total:,} done" if step.total else f"{step.done:,} done"
        left = (step.total - step.done) / rate if step.total and rate and step.done < step.total else None
        fields = {
            "count": count,
            **{f"part {number}": part for number, part in enumerate(step.parts)},
            "rate": (f"{rate:,.0f}/s" if rate >= 1 else f"{rate:.2f}/s") if rate else "",
            "elapsed": f"elapsed {clock(now - self._since)}",
            "left": f"ETA {span(left)}" if left is not None else "",
            "why": step.why,
        }
        parts = [f"part {number}" for number in reversed(range(len(step.parts)))]
        for name in ("rate", "left", "why", "elapsed", *parts):
            if width is None or table.width_of(_joined(fields)) <= width:
                break
            fields[name] = ""
        line = _joined(fields)
        room = 0 if width is None else min(MAX_BAR_WIDTH, width - table.width_of(line) - len("[] "))
        return f"{bar(step.done, step.total, room)} {line}" if step.total and room >= MIN_BAR_WIDTH else line

    def _rate(self, done: int, now: float) -> float:
        """How many a second lately; what was done before the first look does not count."""
        if self._first is None:
            self._first = done
        self._recent.append((now, done - self._first))
        while len(self._recent) > 2 and now - self._recent[0][0] > RATE_WINDOW_SECONDS:
            self._recent.popleft()
        since, before = self._recent[0]
        return (done - self._first - before) / max(now - since, REFRESH_SECONDS)


def _joined(fields: Mapping[str, str]) -> str:
    why = f" ({fields['why']})" if fields["why"] else ""
    return ", ".join(text for name, text in fields.items() if text and name != "why") + why


def bar(done: int, total: int, width: int) -> str:
    """``[=====>    ]``."""
    filled = min(width, done * width // total)
    head = ">" if filled < width else ""
    return f"[{('=' * filled + head).ljust(width)}]"


def clock(seconds: float) -> str:
    """A time that has passed: ``0:07``, ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def span(seconds: float) -> str:
    """A time to come, roughly: ``42 s``, ``3 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def job_step(counts: Mapping[str, int]) -> Step | None:
    """How far a run on this machine is, by its items of each state; None before the first counts."""
    if not counts:
        return None
    words = {"failed": "failed", "running": "active", "pending": "pending", "suspended": "suspended"}
    parts = [f"{counts[state]:,} {word}" for state, word in words.items() if counts.get(state)]
    return Step(counts["succeeded"] + counts["failed"], sum(counts.values()), parts)


class ItemCount:
    """The number of items, counted in a thread when it is first asked for.

    None until it is known, for items of standard input and at URLs, which are read once, and for manifests.
    """

    def __init__(self, arguments: tuple[str, ...], flags: Mapping[str, Any]) -> None:
        self._arguments = arguments
        self._flags = flags
        self._found: int | None = None
        self._begun = False
        self._ended = threading.Event()

    def __call__(self) -> int | None:
        if not self._begun:
            self._begun = True
            threading.Thread(target=self._run, daemon=True).start()
        return self._found

    def wait(self, seconds: float) -> int | None:
        """The number, after waiting for it for a while."""
        self()
        self._ended.wait(seconds)
        return self._found

    def _run(self) -> None:
        try:
            self._count()
        finally:
            self._ended.set()

    def _count(self) -> None:
        from expander.batch.load import is_template
        from expander.cli.options.items import reads_standard_input, spec_of
        from expander.items.load import items

        flags = self._flags
        sources = flags["sources"]
        if reads_standard_input(sources) or any("://" in source for source in sources):
            return
        try:
            if flags["command"]:
                spec = spec_of(self._arguments, flags)
            elif is_template(self._arguments, bool(flags["sources"] or flags["include"])):
                spec = spec_of(self._arguments[1:], flags)
            else:
                return
            self._found = 1 if spec is None else sum(1 for _ in items(spec))
        except ExpanderError:
            return  # whoever reads the batch reports what is wrong
