"""Wait until enough Jobs of a group have ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from expander.base.dataclass import dataclass
from expander.base.errors import ExpanderError, UsageError
from expander.base.option_names import option
from expander.group.attempts import pods_by_job
from expander.group.job_status import JobStatus, job_status
from expander.group.names import job_order
from expander.group.source import Reader
from expander.kube.objects import Change, Object, namespaced_name, uid_of
from expander.kube.workloads import COMPLETE, FAILED, has_ended
from expander.run.outcomes import outcome_of

if TYPE_CHECKING:
    from expander.group.open import AnySource, GroupSelector

MAX_BATCH_SECONDS: Final = 0.5
"""Seconds after which ended Jobs are yielded although more changes come."""

BATCH_JOBS: Final = 100
"""Ended Jobs whose pods are read with one request."""

MAX_ORDERED: Final = 1000
"""Jobs that are there at the start are held and told in the order of items, so many at a time."""

GOAL_KINDS: Final = ("all", "any", "complete", "failed")

SUCCEEDED_JOB: Final = "succeeded"

FAILED_JOB: Final = "failed"

DELETED_JOB: Final = "gone"
"""The result of a Job; gone means deleted before it was seen to end."""

REMOVED_JOB: Final = "removed"
"""The result of a Job that was submitted, and had been deleted before the wait began: not known."""

RESULT_WORDS: Final = {
    SUCCEEDED_JOB: "complete",
    FAILED_JOB: "failed",
    DELETED_JOB: "deleted before it finished",
    REMOVED_JOB: "removed: result unknown",
}
"""The results of Jobs for people."""

WaitResult = Literal["reached", "missed", "empty", "timeout", "interrupted"]
"""How a wait ended. Missed: the goal cannot be reached any more. Empty: there are no Jobs."""

TIMED_OUT: Final = 3
"""The exit code of a timeout."""

OnEnd = Callable[[Object, str], None]
"""Receives a Job that has ended, and its result."""


def ended_jobs(reader: Reader, stopped: Callable[[], bool] = lambda: False) -> Iterator[list[Object]]:
    """The Jobs that have ended, in batches and each once, until none is unfinished.

    They are yielded at once when nothing else happens, and soon when much does: a Job with a short
    ttlSecondsAfterFinished keeps its pods only so long.
    """
    told: set[str] = set()
    news: list[Object] = []
    unfinished: set[str] = set()
    since = time.monotonic()
    for change in reader.changes(stopped, pods=False):
        if change is None:
            if not unfinished:
                there = list(reader.jobs())
                if all(map(has_ended, there)):
                    yield news + [job for job in there if uid_of(job) not in told]
                    return
            if news:
                yield news
                news = []
            continue
        uid = uid_of(change.object)
        if change.type == "DELETED":
            unfinished.discard(uid)
        elif not has_ended(change.object):
            unfinished.add(uid)
        elif uid not in told:
            unfinished.discard(uid)
            told.add(uid)
            if not news:
                since = time.monotonic()
            news.append(change.object)
        if news and time.monotonic() - since > MAX_BATCH_SECONDS:
            yield news
            news = []


def ended_statuses(reader: Reader, news: Sequence[tuple[Object, str]]) -> Iterator[tuple[JobStatus, str]]:
    """The status of Jobs that have ended, each with its result; times and causes are those of their pods."""
    from expander.group.known.removed import removed_status

    those = [job for job, became in news if became in (SUCCEEDED_JOB, FAILED_JOB)]
    pods: dict[str, list[Object]] = {}
    with suppress(ExpanderError):  # else the Job's own status must do
        pods = pods_by_job(reader.pods(those)) if those else {}
    for job, became in news:
        if became == REMOVED_JOB:
            yield removed_status(job), became
        else:
            yield job_status(job, pods.get(uid_of(job), ()), {}), became


@dataclass(frozen=True, slots=True)
class WaitGoal:
    """The goal of a wait: ``kind`` is one of `GOAL_KINDS`, count or percent, with ``number``."""

    kind: str = "all"
    number: float = 0

    @classmethod
    def parse(cls, text: str) -> WaitGoal:
        """``any``, ``count=20``, ``percent=95`` ... Raises UsageError for anything else."""
        kind, equals, number = text.partition("=")
        if not equals and kind in GOAL_KINDS:
            return cls(kind)
        try:
            if kind == "count" and int(number) > 0:
                return cls(kind, int(number))
            if kind == "percent" and 0 < float(number.removesuffix("%")) <= 100:
                return cls(kind, float(number.removesuffix("%")))
        except ValueError:
            pass
        raise UsageError(
            f"{option('--for')} {text!r}: expected one of {', '.join(GOAL_KINDS)}, count=N (1 or more), "
            "percent=P (up to 100)"
        )

    def expected(self, least: int | None = None) -> int:
        """How many Jobs there have to be, at ``least`` so many, before the goal is reached."""
        return max(least or 0, int(self.number) if self.kind == "count" else 0)


@dataclass(slots=True)
class JobCounts:
    """The Jobs seen so far, by namespace and name, with their result; None while unfinished."""

    ends: dict[tuple[str, str], str | None] = field(default_factory=dict)
    uids: dict[tuple[str, str], str] = field(default_factory=dict)
    jobs: dict[tuple[str, str], Object] = field(default_factory=dict)
    """The unfinished ones."""
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys([SUCCEEDED_JOB, FAILED_JOB, DELETED_JOB, REMOVED_JOB], 0)
    )

    @property
    def known(self) -> int:
        """How many Jobs were seen."""
        return len(self.ends)

    @property
    def ended(self) -> int:
        """How many Jobs have ended or are gone."""
        return sum(self.counts.values())

    @property
    def bad(self) -> int:
        """How many Jobs ended without being complete."""
        return self.ended - self.counts[SUCCEEDED_JOB]

    def add_removed(self, names: Iterable[tuple[str, str]]) -> list[Object]:
        """Count those of the Jobs, by namespace and name, that were not seen; returns them."""
        from expander.group.known.removed import removed_jobs

        found = removed_jobs({*names}, self.ends.keys())
        self.ends |= {namespaced_name(job): REMOVED_JOB for job in found}
        self.counts[REMOVED_JOB] += len(found)
        return found

    def update(self, job: Object, deleted: bool) -> str | None:
        """Apply a Job's current state; returns its result if that is new."""
        key = namespaced_name(job)
        uid, before = uid_of(job), self.ends.get(key)
        if deleted and uid != self.uids.get(key):
            return None  # one of the same name has come in its place
        state = outcome_of(job, ()).state
        now = (
            SUCCEEDED_JOB
            if state == COMPLETE
            else FAILED_JOB
            if state == FAILED
            else DELETED_JOB
            if deleted
            else None
        )
        if deleted and before is not None:
            return None
        news = now if now != before or uid != self.uids.get(key) else None
        if before is not None:
            self.counts[before] -= 1
        if now is not None:
            self.counts[now] += 1
        self.ends[key], self.uids[key] = now, uid
        if now is None:
            self.jobs[key] = job
        else:
            self.jobs.pop(key, None)
        return news


@dataclass(slots=True)
class Waiter:
    """Waits for a goal. ``expected`` is the minimum number of Jobs, ``timeout`` in seconds; 0 looks once.

    ``busy`` says whether more Jobs are on their way, for example while a submission runs. ``on_end`` receives
    each Job as it ends, ``on_tick`` is called at least twice a second. ``submitted`` tells the namespace and
    name of each Job that was submitted so far: of those, the ones that are not there were removed. Those
    submitted before the wait count only when nothing else of the group is left, else they are ``forgotten``:
    a group may be used again and again.
    """

    reader: Reader
    goal: WaitGoal
    expected: int
    timeout: float | None
    on_end: OnEnd
    on_tick: Callable[[JobCounts], None] = lambda tally: None
    busy: Callable[[], bool] = lambda: False
    submitted: Callable[[], Iterable[tuple[str, str]]] = lambda: ()
    clock: Callable[[], float] = time.monotonic
    tally: JobCounts = field(default_factory=JobCounts)
    listed: bool = False
    """Whether the initial list is complete."""
    forgotten: int = 0
    """Removed Jobs that do not count."""
    _earlier: Set[tuple[str, str]] = frozenset()
    _was_busy: bool = False

    @classmethod
    def of(
        cls, source: AnySource, wanted: GroupSelector, goal: WaitGoal, on_end: OnEnd, **options: Any
    ) -> Waiter:
        """The wait for a group of a source; ``options`` are further fields."""
        from expander.group.open import is_submitting, submitted_jobs

        busy, submitted = partial(is_submitting, source, wanted), partial(submitted_jobs, source, wanted)
        return cls(source, goal, on_end=on_end, busy=busy, submitted=submitted, **options)

    def run(self, stopped: Callable[[], bool]) -> WaitResult:
        """Wait until the goal is reached, missed or timed out. Raises ExpanderError from the reader."""
        steps = self.steps(stopped)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                ending: WaitResult = end.value
                return ending

    def steps(self, stopped: Callable[[], bool]) -> Generator[None, None, WaitResult]:
        """The same, step by step: after each, ``on_end`` may have been called."""
        ends_at = None if self.timeout is None else self.clock() + self.timeout

        def is_over() -> bool:
            if stopped() or ends_at is None or self.clock() < ends_at:
                return stopped()
            return self.listed or self.timeout != 0

        self._earlier = {*self.submitted()}
        first: list[Change] = []
        for change in self.reader.changes(is_over, pods=False):
            if change is None:
                self._see_in_order(first)
                if not self.listed and not self.tally.known:
                    self._see_removed(self._earlier)
                elif not self.listed:
                    self.forgotten = len(self._earlier - self.tally.ends.keys())
                self.listed = True
                self.on_tick(self.tally)
            elif self.listed:
                self._see(change.object, deleted=change.type == "DELETED")
            else:
                first.append(change)
                if len(first) >= MAX_ORDERED:
                    self._see_in_order(first)
            if self.listed and (ending := self._ending()) is not None:
                return ending
            yield
        self._see_in_order(first)
        return "interrupted" if stopped() else "timeout"

    def _see_in_order(self, first: list[Change]) -> None:
        """Take what is there at the start in the order of items."""
        for change in sorted(first, key=lambda each: job_order(each.object)):
            self._see(change.object, deleted=change.type == "DELETED")
        first.clear()

    def _see(self, job: Object, deleted: bool = False) -> None:
        became = self.tally.update(job, deleted)
        if became is not None:
            self.on_end(job, became)

    def _see_removed(self, submitted: Iterable[tuple[str, str]]) -> None:
        for job in self.tally.add_removed(submitted):
            self.on_end(job, REMOVED_JOB)

    def _ending(self) -> WaitResult | None:
        tally, goal = self.tally, self.goal
        if goal.kind == "any" and tally.ended:
            return "reached"
        if goal.kind == "failed" and tally.counts[FAILED_JOB]:
            return "reached"
        if goal.kind == "complete" and tally.bad:
            return "missed"
        if goal.kind == "count" and tally.ended >= goal.number:
            return "reached"
        total = max(tally.known, self.expected, int(goal.number) if goal.kind == "count" else 0)
        if tally.ended < (total * goal.number / 100 if goal.kind == "percent" else total):
            return None
        if self._more():
            return None
        if not total:
            return "empty"
        return "missed" if goal.kind == "failed" else "reached"

    def _more(self) -> bool:
        """Whether Jobs are on their way that were not seen yet."""
        if self.busy():
            self._was_busy = True
            return True
        if self._was_busy:
            self._was_busy = False
            submitted = {*self.submitted()} - self._earlier
            for job in self.reader.jobs():  # the last ones may exist without having been reported
                self._see(job)
            self._see_removed(submitted)
            return self._ending() is None
        return False


def exit_code(tally: JobCounts, ending: WaitResult, goal: WaitGoal) -> int:
    """What a wait ends with: 0 reached without a bad end, 1 bad, 3 timed out, 130 interrupted."""
    if ending == "interrupted":
        return 130
    if ending == "timeout":
        return TIMED_OUT
    if ending == "missed":
        return 1
    return 1 if tally.bad and goal.kind != "failed" else 0
