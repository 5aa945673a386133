"""Notices that nothing moves: for a while no Job has ended or come to be, and none of the unfinished runs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from threading import Event, Thread
from typing import Final

from expander.base.errors import ExpanderError
from expander.group.job_status import REMOVED, explained_jobs, job_status
from expander.group.open import GroupSelector, open_source
from expander.kube.workloads import ACTIVE
from expander.notify.notification import Waiting

STALLED_SECONDS: Final = 600.0
"""Seconds without progress after which it is asked why."""

POLL_SECONDS: Final = 10.0
"""Seconds between two looks at the progress, which cost no request."""


class StallWatch:
    """Looks at ``progress``, any value that changes when something moves, in a thread of its own.

    Without a change for ``seconds``, ``look`` says why: nothing when it moves after all; ``told`` gets the
    reasons, once. A context manager.
    """

    def __init__(
        self,
        progress: Callable[[], object],
        look: Callable[[], Sequence[Waiting]],
        told: Callable[[Sequence[Waiting]], None],
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._progress = progress
        self._look = look
        self._told = told
        self._seconds = STALLED_SECONDS if seconds is None else seconds
        self._clock = clock
        self._last: object = None
        self._since = clock()
        self._ended = Event()

    def __enter__(self) -> StallWatch:
        Thread(target=self._work, daemon=True, name="stall watch").start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def step(self) -> bool:
        """Look once; whether it is over, as a stall was told."""
        now, progress = self._clock(), self._progress()
        if progress != self._last:
            self._last, self._since = progress, now
        elif now - self._since >= self._seconds:
            self._since = now
            if (waiting := self._look()) and not self._ended.is_set():
                self._told(waiting)
                return True
        return False

    def _work(self) -> None:
        while not self._ended.wait(min(POLL_SECONDS, self._seconds)):
            if self.step():
                return


def why_nothing_moves(wanted: GroupSelector) -> list[Waiting]:
    """Why the unfinished Jobs of a group wait, the commonest reason first; nothing when one of them runs."""
    counts: Counter[tuple[str, str]] = Counter()
    try:
        with closing(open_source(wanted, awaited=True)) as source:
            for found in explained_jobs(source):
                one = job_status(*found)
                if one.state == ACTIVE:
                    return []
                if not one.has_ended and one.state != REMOVED:
                    counts[one.reason or one.state, one.message] += 1
    except ExpanderError as error:
        return [Waiting("Unreachable", error.problems[0].message, 0)]
    if not counts:
        return [Waiting("NoJobs", "no Job is unfinished; others are expected", 0)]
    by_reason: dict[str, Waiting] = {}
    for (reason, message), jobs in counts.most_common():
        known = by_reason.get(reason)
        by_reason[reason] = (
            Waiting(reason, message, jobs) if known is None else known._replace(jobs=known.jobs + jobs)
        )
    return sorted(by_reason.values(), key=lambda each: -each.jobs)
