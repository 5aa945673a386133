"""Live display on a terminal: how far a command is, or a picture that is kept up to date.

There is one display at a time, at the bottom of the terminal. What is printed meanwhile goes above it: all
output to the terminal is written within `above_display`.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from typing import Any, Final, Self, TextIO

from expander.base.dataclass import dataclass
from expander.base.errors import ExpanderError
from expander.cli.output.streams import above_display, displays, printable
from expander.cli.output.table import fit

REFRESH_SECONDS: Final = 0.2
"""Time between two drawings."""

RATE_WINDOW_SECONDS: Final = 15.0
"""The time over which the rate is measured."""

BAR_WIDTH: Final = 20
"""Characters of the bar."""


class Display:
    """Lines at the bottom of the terminal that ``stream`` is; does nothing when it is none."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._height = 0
        self.is_live = stream is not None and stream.isatty()

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines in place of those before; what does not fit is cut."""
        if not self.is_live:
            return
        width, height = shutil.get_terminal_size()
        shown = [fit(printable(line).replace("\n", " "), width - 1) for line in lines[: height - 1]]
        with above_display(), suppress(OSError):
            self._stream.write("\n".join(shown))
            self._stream.flush()
            self._height = len(shown)

    def clear(self) -> None:
        """Take the lines away."""
        if self._height:
            up = f"\x1b[{self._height - 1}A" if self._height > 1 else ""
            self._height = 0
            with suppress(OSError):
                self._stream.write(f"\r{up}\x1b[J")
                self._stream.flush()

    def keep(self) -> None:
        """Leave the lines as they are: what follows goes below."""
        if self._height:
            self._stream.write("\n")
            self._stream.flush()
            self._height = 0

    def __enter__(self) -> Self:
        displays.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        with above_display():
            displays.remove(self)


@dataclass(slots=True)
class Step:
    """How far a command is: ``done`` of ``total`` (None: not known), and more parts of the line."""

    done: int
    total: int | None = None
    parts: list[str] = field(default_factory=list)
    why: str = ""
    """What is being waited for."""


class Progress:
    """One line on the terminal of standard error: a bar, counts, rate, the time so far and that to come.

    ``step`` is asked, in a thread, before each drawing.
    """

    def __init__(self, step: Callable[[], Step | None]) -> None:
        self._step = step
        self._display = Display(sys.stderr)
        self._since = time.monotonic()
        self._recent: deque[tuple[float, int]] = deque()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw, daemon=True)

    def __enter__(self) -> Self:
        if self._display.is_live:
            self._display.__enter__()
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._display.is_live:
            self._thread.join()
            self._display.__exit__()

    def _draw(self) -> None:
        while not self._over.wait(REFRESH_SECONDS):
            step = self._step()
            if step is not None:
                self._display.draw([self._line(step, time.monotonic())])

    def _line(self, step: Step, now: float) -> str:
        parts = [f"{step.done:,}/{step.total:,}" if step.total else f"{step.done:,}", *step.parts]
        rate = self._rate(step.done, now)
        if rate:
            parts.append(f"{rate:,.0f}/s" if rate >= 1 else f"{rate:.2f}/s")
        parts.append(clock(now - self._since))
        if step.total and rate and step.done < step.total:
            parts.append(f"{span((step.total - step.done) / rate)} left")
        drawn = f"{bar(step.done, step.total)} " if step.total else ""
        return drawn + ", ".join(parts) + (f" ({step.why})" if step.why else "")

    def _rate(self, done: int, now: float) -> float:
        """How many a second lately."""
        self._recent.append((now, done))
        while now - self._recent[0][0] > RATE_WINDOW_SECONDS:
            self._recent.popleft()
        since, before = self._recent[0]
        return (done - before) / max(now - since, REFRESH_SECONDS)


def bar(done: int, total: int) -> str:
    """``[=====>    ]``."""
    filled = min(BAR_WIDTH, done * BAR_WIDTH // total)
    head = ">" if filled < BAR_WIDTH else ""
    return f"[{('=' * filled + head).ljust(BAR_WIDTH)}]"


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
    """How far a run on this machine is, by its Jobs of each state; None before the first counts."""
    if not counts:
        return None
    parts = [f"{counts[state]:,} {state}" for state in ("running", "pending", "failed") if counts[state]]
    return Step(counts["succeeded"] + counts["failed"], sum(counts.values()), parts)


class ItemCount:
    """The number of items, counted in a thread when it is first asked for.

    None until it is known, and for items of standard input, which can be read only once, and manifests.
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
        from expander.cli.options.batch import spec_of
        from expander.items import items

        flags = self._flags
        if any(source.rpartition(":")[2].rpartition("=")[2] == "-" for source in flags["sources"]):
            return
        try:
            if is_template(self._arguments, bool(flags["sources"] or flags["include"])):
                spec = spec_of(self._arguments[1:], flags)
                self._found = 1 if spec is None else sum(1 for _ in items(spec))
        except ExpanderError:
            return  # whoever reads the batch reports what is wrong
