"""``progress=True``: how far a call is, shown where it was made, in a notebook or on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from importlib import import_module
from typing import Any, Final

from expander.base.html import html_table

PAUSE_SECONDS: Final = 0.25
"""Between two pictures at least."""

MAX_FAILURES: Final = 10
"""Failures that are shown; the text counts all."""


class Progress:
    """How many Jobs there are and have ended; a notebook shows it as a bar and the first failures."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._total = self._ended = self._failed = 0
        self._failures: list[tuple[str, str]] = []
        self._handle: Any = None
        self._notebook = _notebook()
        self._is_terminal = self._notebook is None and sys.stderr is not None and sys.stderr.isatty()
        self._shown_at = float("-inf")

    def __repr__(self) -> str:
        failed = f", {self._failed:,} failed" if self._failed else ""
        return f"{self._title}: {self._ended:,} of {self._total:,} ended{failed}"

    def _repr_html_(self) -> str:
        bar = f'<progress max="{max(self._total, 1)}" value="{self._ended}"></progress>'
        table = html_table("", ("FAILED", "REASON"), self._failures) if self._failures else ""
        return f"<div>{bar} {escape(repr(self))}</div>{table}"

    def update(self, total: int, ended: int, failed: int) -> None:
        """Show these numbers of Jobs, unless others were shown just now."""
        self._total, self._ended, self._failed = total, ended, failed
        if time.monotonic() >= self._shown_at + PAUSE_SECONDS:
            self._show()

    def add_failure(self, name: str, why: str) -> None:
        """Name a Job that has failed."""
        if len(self._failures) < MAX_FAILURES:
            self._failures.append((name, why))

    def end(self) -> None:
        """Show how it ended."""
        self._show()
        if self._is_terminal:
            sys.stderr.write("\n")

    def _show(self) -> None:
        self._shown_at = time.monotonic()
        if self._is_terminal:
            sys.stderr.write(f"\r\x1b[K{self!r}")
            sys.stderr.flush()
        elif self._handle is not None:
            self._handle.update(self)
        elif self._notebook is not None:
            self._handle = self._notebook.display(self, display_id=True)


def _notebook() -> Any:
    """What shows objects in the notebook that this is, None where it is none."""
    module: Any = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return import_module("IPython.display") if getattr(shell, "kernel", None) is not None else None


@contextmanager
def showing(progress: bool, title: str) -> Iterator[Progress | None]:
    """Within it a call is at work; its progress, if that is asked for, is shown to the end."""
    if not progress:
        yield None
        return
    shown = Progress(title)
    try:
        yield shown
    finally:
        shown.end()
