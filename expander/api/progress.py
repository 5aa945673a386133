"""``progress=True``: how far a call is, shown where it was made, in a notebook or on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from importlib import import_module
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Final

from expander.base.html import html_table

if TYPE_CHECKING:
    from expander.notify.submission import SubmitEvents
    from expander.submit.submit import Submitter

PAUSE_SECONDS: Final = 0.25
"""Between two pictures at least."""

MAX_FAILURES: Final = 10
"""Failures that are shown; the text counts all."""


class Progress:
    """How many Jobs there are and have ended; a notebook shows it as a bar and the first failures.

    ``done`` is what becomes of them in place of that.
    """

    def __init__(self, title: str, done: str = "ended") -> None:
        self.title = title
        self._done = done
        self._total: int | None = 0
        self._ended = self._failed = 0
        self._failures: list[tuple[str, str]] = []
        self._handle: Any = None
        self._notebook = _notebook()
        self._is_terminal = self._notebook is None and sys.stderr is not None and sys.stderr.isatty()
        self._shown_at = float("-inf")

    def __repr__(self) -> str:
        failed = f", {self._failed:,} failed" if self._failed else ""
        whole = "" if self._total is None else f" of {self._total:,}"
        return f"{self.title}: {self._ended:,}{whole} {self._done}{failed}"

    def _repr_html_(self) -> str:
        known = "" if self._total is None else f' max="{max(self._total, 1)}" value="{self._ended}"'
        bar = f"<progress{known}></progress>"
        table = html_table("", ("FAILED", "REASON"), self._failures) if self._failures else ""
        return f"<div>{bar} {escape(repr(self))}</div>{table}"

    def update(self, total: int | None, ended: int, failed: int = 0, done: str | None = None) -> None:
        """Show these numbers of Jobs, unless others were shown just now; ``total`` is None if not known."""
        self._total, self._ended, self._failed = total, ended, failed
        self._done = done or self._done
        if time.monotonic() >= self._shown_at + PAUSE_SECONDS:
            self._show()

    def add_failure(self, name: str, why: str) -> None:
        """Name a Job that has failed."""
        if len(self._failures) < MAX_FAILURES:
            self._failures.append((name, why))

    def end(self) -> None:
        """Show how it ended."""
        if self._total is None:
            self._total = self._ended
        self._show()
        self._write("\n")

    def _show(self) -> None:
        self._shown_at = time.monotonic()
        if self._is_terminal:
            self._write(f"\r\x1b[K{self!r}")
        elif self._handle is not None:
            self._handle.update(self)
        elif self._notebook is not None:
            self._handle = self._notebook.display(self, display_id=True)

    def _write(self, text: str) -> None:
        """Write to the terminal, if there is one; one that is gone does not end the call."""
        if self._is_terminal:
            try:
                sys.stderr.write(text)
                sys.stderr.flush()
            except OSError:
                self._is_terminal = False


def _notebook() -> Any:
    """What shows objects in the notebook that this is, None where it is none."""
    module: Any = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return import_module("IPython.display") if getattr(shell, "kernel", None) is not None else None


@contextmanager
def showing(progress: bool, title: str, done: str = "ended") -> Iterator[Progress | None]:
    """Within it a call is at work; its progress, if that is asked for, is shown to the end."""
    if not progress:
        yield None
        return
    shown = Progress(title, done)
    try:
        yield shown
    finally:
        shown.end()


@contextmanager
def showing_submission(
    progress: bool, submitter: Submitter, events: SubmitEvents, total: int | None, *, waits: bool
) -> Iterator[Progress | None]:
    """As `showing`: how many objects of ``total`` are sent; then, if the call ``waits``, how many ended."""

    def look(shown: Progress) -> None:
        counts, sent = events.counts(), events.settled_count
        if submitter.group is not None:
            shown.title = f"group {submitter.group}"
        if submitter.is_fed and waits:
            shown.update(
                sum(counts), sum(counts) - counts.unfinished, counts.failed + counts.refused, "ended"
            )
        else:
            known = sent + submitter.workers.pending if submitter.is_fed else total
            shown.update(known, sent, counts.refused)

    with showing(progress, "submission", "sent") as shown:
        if shown is None:
            yield None
            return
        then = submitter.on_failed

        def failed(job: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> None:
            from expander.group.job_status import job_status

            status = job_status(job, pods, {})
            shown.add_failure(status.outcome.key or status.outcome.name, status.explanation)
            if then is not None:
                then(job, pods)

        submitter.on_failed = failed
        with _looking(lambda: look(shown)):
            yield shown
        look(shown)


@contextmanager
def _looking(look: Callable[[], None]) -> Iterator[None]:
    """Within it ``look`` is called now and then, in a thread of its own."""
    over = Event()

    def work() -> None:
        while not over.wait(PAUSE_SECONDS):
            look()

    thread = Thread(target=work, daemon=True, name="progress")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
