"""Live progress of a run on a terminal; nothing when standard error is none."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

REFRESH = 0.2
"""Seconds between two pictures."""


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
