"""Live progress of a run on a terminal; nothing when standard error is none.

How many items a batch has, for the time that is left.

What a command does when it is interrupted.

One line of progress of a submission on a terminal.
"""

from __future__ import annotations

import shutil
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from expander.base.errors import ExpanderError
from expander.cli.output import printable, say

if TYPE_CHECKING:
    from expander.submit.submit import Counts, Submitter


class ItemCount:
    """Counts in a thread of its own when it is first asked; None until then, and when it cannot be known.

    Items of standard input can be read only once, and files of manifests are not counted.
    """

    def __init__(self, arguments: tuple[str, ...], flags: Mapping[str, Any]) -> None:
        self._arguments = arguments
        self._flags = flags
        self._found: int | None = None
        self._begun = False

    def __call__(self) -> int | None:
        if not self._begun:
            self._begun = True
            threading.Thread(target=self._count, daemon=True).start()
        return self._found

    def _count(self) -> None:
        from expander.batch.load import is_template
        from expander.cli.batch_options import spec_of
        from expander.items import items

        flags = self._flags
        if any(source.rpartition(":")[2].rpartition("=")[2] == "-" for source in flags["sources"]):
            return
        try:
            if is_template(self._arguments, bool(flags["sources"] or flags["include"])):
                spec = spec_of(self._arguments[1:], flags)
                self._found = 1 if spec is None else sum(1 for _ in items(spec))
        except ExpanderError:
            return  # whoever reads the batch says what is wrong


class Interrupts:
    """Within it the first SIGINT or SIGTERM calls ``first`` with its number, every other one ``again``."""

    def __init__(self, first: Callable[[int], None], again: Callable[[], None]) -> None:
        self._first = first
        self._again = again
        self.seen = False

    def __enter__(self) -> Interrupts:
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in self._before:
            signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _: object) -> None:
        if self.seen:
            self._again()
        else:
            self.seen = True
            self._first(number)


REFRESH = 0.2
"""Seconds between two pictures."""

RECENT = 15.0
"""Seconds over which the rate is measured."""


class SubmitPicture:
    """Drawn by a thread; nothing when standard error is no terminal. ``total`` gives the number of items."""

    def __init__(self, tally: Counts, total: Callable[[], int | None]) -> None:
        self._tally = tally
        self._total = total
        self._submit: Submitter | None = None
        self._on = sys.stderr.isatty()
        self._lock = threading.RLock()
        self._drawn = False
        self._over = False
        self._recent: deque[tuple[float, int]] = deque()

    def watch(self, submit: Submitter) -> None:
        """Show how ``submit`` is going."""
        self._submit = submit
        if self._on:
            threading.Thread(target=self._draw, daemon=True).start()

    def say(self, words: str) -> None:
        """A line for people, above the picture."""
        with self._lock:
            self.clear()
            say(words)

    def clear(self) -> None:
        """Make room for a line of text."""
        if not self._on:
            return
        with self._lock:
            if self._drawn:
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()
                self._drawn = False

    def __enter__(self) -> SubmitPicture:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._over = True
            self.clear()

    def _draw(self) -> None:
        while True:
            time.sleep(REFRESH)
            words = self._words(time.monotonic())
            width = shutil.get_terminal_size().columns - 1
            with self._lock:
                if self._over:
                    return
                sys.stderr.write(f"\r\x1b[K{printable(words)[:width]}")
                sys.stderr.flush()
                self._drawn = True

    def _words(self, now: float) -> str:
        assert self._submit is not None
        submission, tally = self._submit.submission, self._tally
        counts = submission.counts()
        done = sum(tally.counts.values())
        total = done + submission.on_the_way if submission.is_fed else self._total()
        parts = [f"{done:,} of {total:,}" if total else f"{done:,} sent"]
        parts += [f"{tally.failed:,} refused"] if tally.failed else []
        parts += [f"{counts['held']:,} wait for quota"] if counts["held"] else []
        parts += [f"{counts['retrying']:,} wait to be tried again"] if counts["retrying"] else []
        window, finishing = submission.books.window, self._submit.finishing
        if window is not None:
            bound = "" if window.most is None else f" of {window.most:,}"
            parts.append(f"{window.active:,}{bound} active")
        if finishing is not None:
            parts.append(f"{finishing.collected:,} collected")
        self._recent.append((now, done))
        while now - self._recent[0][0] > RECENT:
            self._recent.popleft()
        since, before = self._recent[0]
        rate = (done - before) / max(now - since, REFRESH)
        parts.append(f"{rate:,.0f}/s" if rate >= 1 or not rate else f"{rate:.2f}/s")
        if total and rate and done < total:
            parts.append(f"{span((total - done) / rate)} left")
        why = self._why(counts)
        return ", ".join(parts) + (f" ({why})" if why else "")

    def _why(self, counts: dict[str, int]) -> str:
        """What is being waited for."""
        assert self._submit is not None
        books = self._submit.submission.books
        if counts["held"] or counts["retrying"]:
            return books.why
        if books.window is not None and books.window.is_full:
            return "Jobs have to finish first"
        return ""


def span(seconds: float) -> str:
    """A time to come, roughly: ``42 s``, ``3 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Progress:
    """A bar with counts, rate and the time that is left, on standard error."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._shown = 0.0

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )
            from rich.progress import Progress as Bar

            self._bar = Bar(
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("starting", total=None)
        return self

    def show(self, counts: Mapping[str, int]) -> None:
        """The counts of Jobs by state, now."""
        if self._bar is None or time.monotonic() - self._shown < REFRESH:
            return
        self._shown = time.monotonic()
        ended = counts["succeeded"] + counts["failed"]
        words = ", ".join(
            f"{counts[state]:,} {state}" for state in ("running", "pending", "failed") if counts[state]
        )
        self._bar.update(self._task, completed=ended, total=sum(counts.values()), description=words)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
