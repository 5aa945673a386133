"""What ``wait`` prints: each Job as it finishes, progress, and a summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expander.base.errors import ExpanderError
from expander.base.text import MAX_ERRORS, counted
from expander.cli.output import status
from expander.cli.output.progress import Step
from expander.cli.output.streams import OutcomeLines, Output, printable, say
from expander.group.attempts import pods_by_job
from expander.group.job_status import JobStatus, job_status, statuses_of_jobs
from expander.group.wait import (
    BATCH_JOBS,
    DELETED_JOB,
    FAILED_JOB,
    REMOVED_JOB,
    RESULT_WORDS,
    SUCCEEDED_JOB,
    JobCounts,
    ended_statuses,
)
from expander.kube.workloads import title_of

if TYPE_CHECKING:
    from expander.group.source import Reader
    from expander.group.wait import WaitResult
    from expander.kube.objects import Object


MAX_EXPLAINED = 1000
"""Unfinished Jobs whose pods are read to say why they wait."""


class WaitOutput:
    """Prints the Jobs of a wait. ``expected`` is the number of Jobs to come, 0 if unknown."""

    def __init__(self, reader: Reader, *, quiet: bool, as_json: bool, expected: int) -> None:
        self._reader = reader
        self._quiet = quiet
        self._expected = expected
        self._out = Output()
        self._lines = OutcomeLines(self._out) if as_json else None
        self._news: list[tuple[Object, str]] = []
        """Ended Jobs that are not printed yet, and what became of each."""
        self._tally: JobCounts | None = None

    def ended(self, job: Object, became: str) -> None:
        """A Job has ended, or is gone."""
        if self._lines is None and self._quiet:
            return
        self._news.append((job, became))
        if len(self._news) >= BATCH_JOBS:
            self._tell_news()

    def _tell_news(self) -> None:
        """Print the Jobs that have ended since; their times and causes are those of their pods."""
        news, self._news = self._news, []
        for one, became in ended_statuses(self._reader, news):
            self._tell(one, became)

    def _tell(self, one: JobStatus, became: str) -> None:
        outcome = one.outcome
        if self._lines is not None:
            self._lines.put(
                outcome.name,
                outcome.namespace,
                outcome.item or None,
                became,
                reason=one.reason,
                attempts=outcome.attempts,
                message=": ".join(part for part in (one.message, one.cause, one.detail) if part),
            )
            return
        why = f": {one.explanation}" if became == FAILED_JOB and one.explanation else ""
        took = f" ({status.span_of(one, 0.0)})" if outcome.seconds is not None else ""
        self._out.put(printable(f"{title_of(one.job)} {RESULT_WORDS[became]}{why}{took}") + "\n")

    def tick(self, tally: JobCounts) -> None:
        """Time has passed."""
        self._tell_news()
        self._out.finish()
        self._tally = tally

    def step(self) -> Step | None:
        """How far the wait is."""
        if self._tally is None:
            return None
        failed = [f"{self._tally.bad:,} failed"] if self._tally.bad else []
        return Step(self._tally.ended, max(self._tally.known, self._expected), failed)

    def finish(self, tally: JobCounts, ending: WaitResult) -> None:
        """The summary, and why unfinished Jobs wait."""
        self._tell_news()
        if self._lines is not None:
            unfinished = {"unfinished": len(tally.jobs)} if tally.jobs else {}
            counts = {name: count for name, count in tally.counts.items() if count}
            self._lines.finish(interrupted=ending == "interrupted", counts={**counts, **unfinished})
        self._out.finish()
        if ending == "timeout":
            self._explain([*tally.jobs.values()])
        parts = [f"{tally.counts[SUCCEEDED_JOB]:,} complete", f"{tally.counts[FAILED_JOB]:,} failed"]
        parts += [f"{tally.counts[DELETED_JOB]:,} deleted"] if tally.counts[DELETED_JOB] else []
        removed = tally.counts[REMOVED_JOB]
        parts += [f"{removed:,} removed"] if removed else []
        parts += [f"{len(tally.jobs):,} unfinished"] if tally.jobs else []
        missing = self._expected - tally.known
        parts += [f"{missing:,} not created"] if missing > 0 else []
        said = {"timeout": "timed out, ", "interrupted": "interrupted, "}.get(ending, "")
        say(f"{said}{counted(tally.known, 'Job')}: {', '.join(parts)}")
        if removed:
            say(status.removed_note(removed))

    def _explain(self, jobs: Sequence[Object]) -> None:
        """Print why unfinished Jobs wait, a line for those that are alike."""
        shown = jobs[:MAX_EXPLAINED]
        try:
            found = statuses_of_jobs(self._reader, shown, pods_by_job(self._reader.pods(shown)))
        except ExpanderError:
            found = [job_status(job, (), {}) for job in shown]
        groups = status.alike(found)
        for those in groups[:MAX_ERRORS]:
            first = those[0]
            words = f": {first.summary}" if first.summary else ""
            say(f"{first.state.lower()}: {status.label_of_all(those)}{words}")
        if left := len(jobs) - sum(map(len, groups[:MAX_ERRORS])):
            say(f"and {left:,} more")
