"""One line of progress of a submission on a terminal."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from expander.cli.messages import printable, say

if TYPE_CHECKING:
    from expander.submit.submit import Submit, Tally

REFRESH = 0.2
"""Seconds between two pictures."""

RECENT = 15.0
"""Seconds over which the rate is measured."""


class SubmitPicture:
    """Drawn by a thread; nothing when standard error is no terminal. ``total`` gives the number of items."""

    def __init__(self, tally: Tally, total: Callable[[], int | None]) -> None:
        self._tally = tally
        self._total = total
        self._submit: Submit | None = None
        self._on = sys.stderr.isatty()
        self._lock = threading.RLock()
        self._drawn = False
        self._over = False
        self._recent: deque[tuple[float, int]] = deque()

    def watch(self, submit: Submit) -> None:
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
