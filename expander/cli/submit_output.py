"""What ``submit`` prints: outcomes on standard output, failures, progress and a sum on standard error."""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from expander.cli.messages import Output, printable, say

if TYPE_CHECKING:
    from expander.cluster.terms import Settled
    from expander.pipeline.submit import Submit
    from expander.pipeline.tally import Tally

SHOWN = 20
"""So many items that did not arrive are shown one by one."""

REFRESH = 0.2
"""Seconds between two pictures of the progress."""


class SubmitReport:
    """Prints what became of each item, and the sum."""

    def __init__(self, tally: Tally, *, as_json: bool, quiet: bool) -> None:
        self.tally = tally
        self._out = Output()
        self._as_json = as_json
        self._quiet = quiet

    def show(self, settled: Settled) -> None:
        self.tally.add(settled)
        prepared, done = settled.prepared, settled.done
        if self._as_json:
            self._line(
                {
                    "name": prepared.name,
                    "namespace": prepared.namespace,
                    "item": prepared.item,
                    "outcome": done.outcome,
                    "reason": done.reason,
                    "attempts": settled.attempts,
                    **({"message": done.message} if done.message else {}),
                }
            )
        elif done.passed and not self._quiet:
            self._out.put(printable(f"{prepared.title}/{prepared.name} {done.outcome}") + "\n")
        if not done.passed and self.tally.failed <= SHOWN:
            item = "" if prepared.item is None else f" (item {prepared.item!r})"
            say(f"{done.outcome}: {prepared.title}/{prepared.name}{item}: {done.message or done.reason}")

    def _line(self, data: dict[str, Any]) -> None:
        self._out.put(json.dumps(data, ensure_ascii=False) + "\n")

    def finish(self, interrupted: bool) -> None:
        counts = self.tally.counts
        if self._as_json:
            self._line({"summary": counts, **({"interrupted": True} if interrupted else {})})
        self._out.finish()
        if self.tally.failed > SHOWN:
            say(f"{self.tally.failed - SHOWN:,} more items did not arrive")
        parts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items()))
        say(f"{sum(counts.values()):,} items: {parts or 'nothing to do'} ({self.tally.rate:,.0f} a second)")


class SubmitPicture:
    """One line of progress on a terminal, drawn by a thread; nothing when standard error is none."""

    def __init__(self, submit: Submit, tally: Tally) -> None:
        self._submit = submit
        self._tally = tally
        self._on = sys.stderr.isatty()
        self._drawn = False
        self._over = False

    def __enter__(self) -> SubmitPicture:
        if self._on:
            threading.Thread(target=self._draw, daemon=True).start()
        return self

    def _draw(self) -> None:
        while not self._over:
            time.sleep(REFRESH)
            submission = self._submit.submission
            now = submission.counts()
            words = f"{self._tally.delivered:,} in the cluster, {self._tally.rate:,.0f}/s"
            words += "".join(f", {count:,} {state}" for state, count in now.items() if count)
            if submission.books.window is not None:
                words += f", {submission.books.window.active:,} active"
            if submission.books.why and (now["retrying"] or now["held"]):
                words += f" ({submission.books.why})"
            sys.stderr.write(f"\r\x1b[K{printable(words)[:100]}")
            sys.stderr.flush()
            self._drawn = True

    def clear(self) -> None:
        """Make room for a line of text."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False

    def __exit__(self, *_: object) -> None:
        self._over = True
        self.clear()
