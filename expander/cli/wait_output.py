"""What ``expander wait`` prints: each Job as it ends, how far it is on a terminal, and the sum."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from expander.base.errors import ExpanderError
from expander.cli import status_text
from expander.cli.messages import Output, printable, say
from expander.cli.outcome_lines import OutcomeLines
from expander.cli.status_data import name_of
from expander.group.attempts import by_job
from expander.group.job_status import Standing, standing_of, standings_of
from expander.group.wait import GONE, LOST, SUCCEEDED, Tally

if TYPE_CHECKING:
    from expander.group.source import Reader
    from expander.group.wait import Ending
    from expander.kube.objects import Object

EXPLAINED: Final = 100
"""Of so many failed Jobs the pods are asked why."""

SHOWN: Final = 20
"""So many unfinished Jobs are named at the end."""

WORDS: Final = {SUCCEEDED: "complete", LOST: "failed", GONE: "deleted before it was seen to end"}


class WaitOutput:
    """Prints the Jobs of a wait. ``expected`` is the number of Jobs that is waited for, 0 if unknown."""

    def __init__(self, reader: Reader, *, quiet: bool, as_json: bool, expected: int) -> None:
        self._reader = reader
        self._quiet = quiet
        self._expected = expected
        self._out = Output()
        self._lines = OutcomeLines(self._out) if as_json else None
        self._failures = 0
        self._drawn = False
        self._since = time.monotonic()

    def ended(self, job: Object, became: str) -> None:
        """A Job has ended, or is gone."""
        one = self._standing(job, became)
        if self._lines is not None:
            outcome = one.outcome
            self._lines.put(
                outcome.name,
                outcome.namespace,
                outcome.item or None,
                became,
                reason=one.reason,
                attempts=outcome.attempts,
                message=": ".join(part for part in (one.message, one.cause, one.detail) if part),
            )
        elif not self._quiet:
            self._clear()
            why = f": {one.why}" if became == LOST and one.why else ""
            seconds = one.outcome.seconds
            took = f" ({status_text.span_of(one, 0.0)})" if seconds is not None else ""
            self._out.put(printable(f"{name_of(job)} {WORDS[became]}{why}{took}") + "\n")

    def _standing(self, job: Object, became: str) -> Standing:
        """How the Job stands; of the first that failed with what its pods say."""
        pods: list[Object] = []
        if became == LOST and (self._failures < EXPLAINED) and (self._lines is not None or not self._quiet):
            self._failures += 1
            try:
                pods = [*self._reader.pods([job])]
            except ExpanderError:
                pods = []  # the Job's own words must do
        return standing_of(job, pods, {})

    def turn(self, tally: Tally) -> None:
        """Time has passed: on a terminal, say how far it is."""
        self._out.finish()
        if not sys.stderr.isatty():
            return
        total = max(tally.known, self._expected)
        words = f"{tally.ended:,} of {total:,} Jobs have ended"
        words += f", {tally.bad:,} failed" if tally.bad else ""
        words += f", {int(time.monotonic() - self._since)}s"
        width = shutil.get_terminal_size().columns
        sys.stderr.write(f"\r\x1b[K{words[: width - 1]}")
        sys.stderr.flush()
        self._drawn = True

    def finish(self, tally: Tally, ending: Ending) -> None:
        """The sum, and what keeps those that have not ended."""
        self._clear()
        if self._lines is not None:
            unfinished = {"unfinished": len(tally.jobs)} if tally.jobs else {}
            counts = {name: count for name, count in tally.counts.items() if count}
            self._lines.finish(interrupted=ending == "interrupted", counts={**counts, **unfinished})
        self._out.finish()
        if ending == "timeout":
            self._explain([*tally.jobs.values()])
        parts = [f"{tally.counts[SUCCEEDED]:,} complete", f"{tally.counts[LOST]:,} failed"]
        parts += [f"{tally.counts[GONE]:,} deleted"] if tally.counts[GONE] else []
        parts += [f"{len(tally.jobs):,} unfinished"] if tally.jobs else []
        missing = self._expected - tally.known
        parts += [f"{missing:,} not created"] if missing > 0 else []
        said = {"timeout": "the time is up: ", "interrupted": "interrupted: "}.get(ending, "")
        say(f"{said}{tally.known:,} Jobs: {', '.join(parts)}")

    def _explain(self, jobs: Sequence[Object]) -> None:
        """Say what the first unfinished Jobs wait for."""
        shown = jobs[:SHOWN]
        try:
            found = standings_of(self._reader, shown, by_job(self._reader.pods(shown)))
        except ExpanderError:
            found = [standing_of(job, (), {}) for job in shown]
        for one in found:
            words = f": {one.words}" if one.words else ""
            say(f"{one.state.lower()}: {status_text.label(one)}{words}")
        if len(jobs) > SHOWN:
            say(f"and {len(jobs) - SHOWN:,} more")

    def _clear(self) -> None:
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False
