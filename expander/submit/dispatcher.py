"""Which item goes next: those that are ready, and those that wait for their time.

The books of a delivery: where every item is, and what its answer leads to. Time and chance come in.
"""

from __future__ import annotations

import heapq
from collections import deque
from itertools import count
from typing import Final

from expander.base.log import Log
from expander.submit.active_window import ActiveWindow
from expander.submit.delivery import (
    Action,
    Continue,
    Delivery,
    Finished,
    QuotaExceeded,
    RetryAfter,
    Stage,
    Unauthorized,
)
from expander.submit.options import Outcome, SubmitOptions
from expander.submit.quota_gate import QuotaGate, summarize_quota
from expander.submit.rate_limiter import AdaptiveRateLimiter
from expander.submit.request import PreparedRequest

log = Log("submit")


class WorkQueue:
    """Tasks in the order they may be sent; a retry that is due goes before what was never tried."""

    def __init__(self) -> None:
        self._urgent: deque[Delivery] = deque()
        self._ready: deque[Delivery] = deque()
        self._waiting: list[tuple[float, int, Delivery]] = []
        self._number = count()

    def __len__(self) -> int:
        return len(self._urgent) + len(self._ready) + len(self._waiting)

    @property
    def waiting(self) -> int:
        """Tasks that wait for their time."""
        return len(self._waiting)

    def add(self, task: Delivery) -> None:
        """A task that was never tried."""
        self._ready.append(task)

    def next(self, task: Delivery) -> None:
        """A task that goes on at once."""
        self._urgent.append(task)

    def later(self, task: Delivery, at: float) -> None:
        """A task that is tried again at ``at``."""
        heapq.heappush(self._waiting, (at, next(self._number), task))

    def take(self, now: float, begun_only: bool = False) -> Delivery | None:
        """The next task whose time has come; with ``begun_only`` none that was never tried."""
        while self._waiting and self._waiting[0][0] <= now:
            self._urgent.append(heapq.heappop(self._waiting)[2])
        if self._urgent:
            return self._urgent.popleft()
        return self._ready.popleft() if self._ready and not begun_only else None

    def due(self, now: float) -> float | None:
        """Seconds until the first waiting task may go; None when none waits."""
        return max(0.0, self._waiting[0][0] - now) if self._waiting else None


MAX_UNAUTHORIZED: Final = 3
"""So many times in a row the credentials are asked for again before everything ends."""

IDLE_SECONDS: Final = 1.0
"""Seconds to wait at most when nothing is known to become due."""


class Dispatcher:
    """Items on their way. Not safe for threads: the caller holds a lock.

    ``settled`` are outcomes nobody has taken yet; ``denied`` says why the credentials are not accepted;
    ``why`` is what the last item that waits is waiting for.
    """

    def __init__(
        self, pace: AdaptiveRateLimiter, options: SubmitOptions, window: ActiveWindow | None = None
    ) -> None:
        self.window = window
        self.gate: QuotaGate[Delivery] = QuotaGate()
        self.settled: deque[Outcome] = deque()
        self.on_the_way = 0
        self.under_way = 0
        self.denied: str | None = None
        self.why = ""
        self._pace = pace
        self._options = options
        self._retry = options.retry
        self._agenda = WorkQueue()
        self._held_at: dict[int, float] = {}
        self._denials = 0

    def counts(self) -> dict[str, int]:
        """What the items on their way are doing: ``sending``, ``retrying`` or ``held`` for quota."""
        return {"sending": self.under_way, "retrying": self._agenda.waiting, "held": len(self.gate)}

    def add(self, prepared: PreparedRequest) -> None:
        """An item to be delivered."""
        self.on_the_way += 1
        stage: Stage = "delete" if prepared.replaces else "create"
        self._agenda.add(Delivery(prepared, stage, uid=prepared.replaces, apply=self._options.apply))

    def take(self, now: float) -> Delivery | None:
        """A task whose next request is to be made now, if there is one."""
        while self.under_way < self._pace.limit and self._pace.wait(now) == 0:
            full = self.window is not None and self.window.is_full
            task = self._released(now) or self._agenda.take(now, begun_only=full)
            if task is None:
                return None
            if self._may_go(task, now):
                self._pace.begin()
                self.under_way += 1
                task.first = now if task.first is None else task.first
                return task
        return None

    def wait(self, now: float) -> float:
        """Seconds until `take` may have something, unless an answer or an item comes before."""
        if self.under_way >= self._pace.limit:
            return IDLE_SECONDS
        due = self._agenda.due(now)
        return max(self._pace.wait(now), IDLE_SECONDS if due is None else due, 0.001)

    def answered(
        self, task: Delivery, verdict: Action, asked: float | None, now: float, chance: float
    ) -> None:
        """The request of a task came to ``verdict``; the server ``asked`` to wait so many seconds."""
        self.under_way -= 1
        self._pace.answered(now, isinstance(verdict, RetryAfter) and verdict.busy)
        if task.released and isinstance(verdict, Finished | QuotaExceeded):
            made = isinstance(verdict, Finished) and verdict.outcome == "created"
            self.gate.over(task.place, task, now, made)
            task.released = False
        self._follow(task, verdict, asked, now, chance)

    def _released(self, now: float) -> Delivery | None:
        if self.window is not None and self.window.is_full:
            return None
        for place in self.gate.places():
            task = self.gate.release(place, now)
            if task is not None:
                log.info("quota has room: sending %(path)s", path=task.prepared.path)
                task.first = None  # the time it was held is no failure of the server
                task.released = True
                return task
        return None

    def _may_go(self, task: Delivery, now: float) -> bool:
        """Whether a task is not to wait in line for its quota."""
        if task.stage == "create" and not task.released and self.gate.closed(task.place):
            if task.asked:
                self._wait_for_room(task, now)
                return False
            task.stage, task.refusal = "compare", self.why
        elif self.window is not None and task.stage == "create" and task.prepared.is_job:
            self.window.sending(task.prepared)
        return True

    def _follow(
        self, task: Delivery, verdict: Action, asked: float | None, now: float, chance: float
    ) -> None:
        if not isinstance(verdict, Unauthorized):
            self._denials = 0
        if isinstance(verdict, Finished):
            self._settle(task, verdict)
        elif task.refusal is not None and task.stage == "create":
            self._refused(task, task.refusal, now)  # it was looked for, and is not there
        elif isinstance(verdict, Continue):
            task.failures = 0
            self._agenda.next(task)
        elif isinstance(verdict, QuotaExceeded):
            self._hold(task, verdict, now)
        elif isinstance(verdict, RetryAfter):
            self.why = verdict.why
            asked = verdict.after if verdict.after is not None else asked
            task.failures += asked is None
            wait = self._retry.wait(task.failures, asked, chance)
            if self._retry.is_over(task.first or now, now, wait):
                words = f"given up after {task.attempts} attempts: {verdict.why}"
                self._settle(task, Finished("failed", "RetryBudget", words, passed=False))
            else:
                self._log_retry(task, verdict.why, wait)
                self._agenda.later(task, now + wait)
        else:
            self._log_retry(task, verdict.message, 0.0)
            self._denials += 1
            if self._denials > MAX_UNAUTHORIZED * self._pace.limit:
                self.denied = verdict.message
            self._agenda.later(task, now + self._retry.wait(1, None, chance))

    def _log_retry(self, task: Delivery, why: str, wait: float) -> None:
        log.info(
            "%(stage)s %(path)s: %(why)s, attempt %(attempt)d, retry in %(wait).1f s",
            stage=task.stage,
            path=task.prepared.path,
            why=why,
            attempt=task.attempts,
            wait=wait,
        )

    def _hold(self, task: Delivery, hold: QuotaExceeded, now: float) -> None:
        """A quota has no room. Since it is asked before names are, the object may be there nevertheless."""
        if self._options.on_quota == "wait":
            self.why = summarize_quota(hold.message)
            self.gate.refuse(task.place, hold.excess, now)
        log.info("%(path)s refused: %(why)s", path=task.prepared.path, why=hold.message)
        if task.stage == "create" and not task.asked:
            task.stage, task.refusal = "compare", hold.message
            self._agenda.next(task)
        else:
            self._refused(task, hold.message, now)

    def _refused(self, task: Delivery, message: str, now: float) -> None:
        task.refusal = None
        if self._options.on_quota != "wait":
            skip = self._options.on_quota == "skip"
            self._settle(task, Finished("refused", "QuotaExceeded", message, passed=skip))
        elif self.gate.closed(task.place):
            self._wait_for_room(task, now)
        else:
            self._leave_window(task)
            self._agenda.add(task)

    def _wait_for_room(self, task: Delivery, now: float) -> None:
        self._leave_window(task)
        first = id(task) in self._held_at
        log.debug("%(path)s waits: %(why)s", path=task.prepared.path, why=self.why)
        self._held_at.setdefault(id(task), now)
        self.gate.join(task.place, task, first)

    def _leave_window(self, task: Delivery) -> None:
        if self.window is not None:
            self.window.answered(task.prepared, False)

    def give_up_held(self, now: float) -> None:
        """Settle what was held for quota longer than the options allow."""
        if self._options.quota_timeout is None:
            return
        for task in self.gate.expired(now - self._options.quota_timeout, self._held_at):
            words = f"no room in the quota within {self._options.quota_timeout:g} s"
            self._settle(task, Finished("failed", "QuotaExceeded", words, passed=False))

    def _settle(self, task: Delivery, done: Finished) -> None:
        prepared = task.prepared
        if self.window is not None and prepared.is_job:
            there = done.outcome in ("created", "unchanged") and not task.ended
            self.window.answered(prepared, there)
        self.on_the_way -= 1
        self._held_at.pop(id(task), None)
        log.debug(
            "%(path)s %(outcome)s, attempts %(attempts)d",
            path=prepared.path,
            outcome=done.outcome,
            attempts=task.attempts,
        )
        self.settled.append(Outcome(prepared, done, task.attempts))
