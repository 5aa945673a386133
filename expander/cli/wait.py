"""``expander wait``: until the Jobs of a group have ended.

What ``expander wait`` prints: each Job as it ends, how far it is on a terminal, and the sum.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from expander.base.errors import ExpanderError
from expander.cli import status_output
from expander.cli.group_options import group_options, report_option, save_report, source_of, wanted_of
from expander.cli.help import Page
from expander.cli.output import OutcomeLines, Output, printable, say
from expander.cli.params import Duration
from expander.cli.status_output import name_of
from expander.group.attempts import pods_by_job
from expander.group.job_status import JobStatus, job_status, statuses_of_jobs
from expander.group.wait import DELETED_JOB, FAILED_JOB, SUCCEEDED_JOB, JobCounts

if TYPE_CHECKING:
    from collections.abc import Callable

    from expander.group.open import GroupSelector
    from expander.group.source import Reader
    from expander.group.wait import WaitResult
    from expander.kube.objects import Object

EXPLAINED: Final = 100
"""Of so many failed Jobs the pods are asked why."""

SHOWN: Final = 20
"""So many unfinished Jobs are named at the end."""

WORDS: Final = {
    SUCCEEDED_JOB: "complete",
    FAILED_JOB: "failed",
    DELETED_JOB: "deleted before it was seen to end",
}


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
            why = f": {one.explanation}" if became == FAILED_JOB and one.explanation else ""
            seconds = one.outcome.seconds
            took = f" ({status_output.span_of(one, 0.0)})" if seconds is not None else ""
            self._out.put(printable(f"{name_of(job)} {WORDS[became]}{why}{took}") + "\n")

    def _standing(self, job: Object, became: str) -> JobStatus:
        """How the Job stands; of the first that failed with what its pods say."""
        pods: list[Object] = []
        if (
            became == FAILED_JOB
            and (self._failures < EXPLAINED)
            and (self._lines is not None or not self._quiet)
        ):
            self._failures += 1
            try:
                pods = [*self._reader.pods([job])]
            except ExpanderError:
                pods = []  # the Job's own words must do
        return job_status(job, pods, {})

    def turn(self, tally: JobCounts) -> None:
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

    def finish(self, tally: JobCounts, ending: WaitResult) -> None:
        """The sum, and what keeps those that have not ended."""
        self._clear()
        if self._lines is not None:
            unfinished = {"unfinished": len(tally.jobs)} if tally.jobs else {}
            counts = {name: count for name, count in tally.counts.items() if count}
            self._lines.finish(interrupted=ending == "interrupted", counts={**counts, **unfinished})
        self._out.finish()
        if ending == "timeout":
            self._explain([*tally.jobs.values()])
        parts = [f"{tally.counts[SUCCEEDED_JOB]:,} complete", f"{tally.counts[FAILED_JOB]:,} failed"]
        parts += [f"{tally.counts[DELETED_JOB]:,} deleted"] if tally.counts[DELETED_JOB] else []
        parts += [f"{len(tally.jobs):,} unfinished"] if tally.jobs else []
        missing = self._expected - tally.known
        parts += [f"{missing:,} not created"] if missing > 0 else []
        said = {"timeout": "the time is up: ", "interrupted": "interrupted: "}.get(ending, "")
        say(f"{said}{tally.known:,} Jobs: {', '.join(parts)}")

    def _explain(self, jobs: Sequence[Object]) -> None:
        """Say what the first unfinished Jobs wait for."""
        shown = jobs[:SHOWN]
        try:
            found = statuses_of_jobs(self._reader, shown, pods_by_job(self._reader.pods(shown)))
        except ExpanderError:
            found = [job_status(job, (), {}) for job in shown]
        for one in found:
            words = f": {one.summary}" if one.summary else ""
            say(f"{one.state.lower()}: {status_output.label(one)}{words}")
        if len(jobs) > SHOWN:
            say(f"and {len(jobs) - SHOWN:,} more")

    def _clear(self) -> None:
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False


ALONE = 3
"""So many turns in a row without a run at work are worth a word: it may just have ended its last Job."""

EXAMPLES = """
\b
Examples:
  expander wait --group thumbnails
  expander wait --group night --timeout 8h -q && expander results --group night -o out
  expander wait -l team=render --for any
  expander wait --group night --for percent=95 --expect 10000 -o json

\b
--for says what is waited for:
  all          every Job has ended (the default)
  any          one has ended
  complete     every Job is complete; at the first one that fails the wait is over
  failed       one has failed
  count=N      N have ended
  percent=P    P percent have ended, of those there are, or are expected
With --expect N it is not over before N Jobs were seen, and it may begin before there is any. While `submit`
sends the group from this machine, more Jobs are expected anyway.

\b
Exit codes: 0 what was waited for came, and no Job that ended until then failed; 1 some failed, were deleted
before they ended, or what was waited for cannot come any more; 3 the time was up; 2 wrong usage or no such
group; 130 interrupted. With --for failed: 0 one failed, 1 all are complete.
"""

TIMED_OUT = 3
"""The exit code when the time is up."""


@click.command(cls=Page, epilog=EXAMPLES)
@group_options
@click.option(
    "--for",
    "goal",
    default="all",
    show_default=True,
    metavar="all|any|complete|failed|count=N|percent=P",
    help="What to wait for.",
)
@click.option("--expect", type=click.IntRange(1), metavar="N", help="There will be N Jobs, or more.")
@click.option("--timeout", type=Duration(), help="Give up after this time.  [default: never]")
@click.option("-q", "--quiet", is_flag=True, help="Do not print each Job as it ends.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What is printed of each Job that ends; json has a last line with the sums.",
)
@report_option
def command(goal: str, expect: int | None, timeout: float | None, **flags: Any) -> int:
    """Wait until the Jobs of a group have ended, and say how.

    Each Job is printed as it ends. A server that restarts meanwhile is waited for.
    """
    from expander.cli.progress import Interrupts
    from expander.group.open import nothing_found
    from expander.group.wait import Waiter, WaitGoal

    wanted = wanted_of(flags)
    awaited = WaitGoal.parse(goal)
    expected = max(expect or 0, int(awaited.number) if awaited.kind == "count" else 0)
    source = source_of(flags, awaited=expected > 0)
    output = WaitOutput(source, quiet=flags["quiet"], as_json=flags["output"] == "json", expected=expected)
    waiting = Waiter(
        source,
        awaited,
        expected,
        timeout,
        on_end=output.ended,
        on_turn=_turns(output.turn, source) if wanted.is_local else output.turn,
        busy=_submission(wanted, source.where),
    )
    stop: list[int] = []
    with Interrupts(stop.append, _end):
        ending = waiting.run(lambda: bool(stop))
    if ending == "empty":
        raise nothing_found(wanted, source)
    if ending == "timeout" and not waiting.listed:
        say(f"{source.where} did not say in time which Jobs there are")
    output.finish(waiting.tally, ending)
    if flags["report"]:
        save_report(source, flags["report"], wanted.group or str(wanted.selector))
    return _exit_code(waiting.tally, ending, awaited.kind)


def _end() -> None:
    raise KeyboardInterrupt


def _turns(turn: Callable[[JobCounts], None], source: Any) -> Callable[[JobCounts], None]:
    """``turn``, and a word when Jobs of local state are left that nobody runs: a wait for them has no end."""
    from expander.local.state import lock_holder

    alone = 0

    def on_turn(tally: JobCounts) -> None:
        nonlocal alone
        turn(tally)
        if alone < ALONE:
            idle = tally.jobs and not any(lock_holder(folder) for folder in source.folders.found())
            alone = alone + 1 if idle else 0
            if alone == ALONE:
                say("nobody runs these Jobs now: the same run again, or `expander retry`, goes on with them")

    return on_turn


def _exit_code(tally: JobCounts, ending: WaitResult, kind: str) -> int:
    if ending == "interrupted":
        return 130
    if ending == "timeout":
        return TIMED_OUT
    if ending == "missed":
        return 1
    return 1 if tally.bad and kind != "failed" else 0


def _submission(wanted: GroupSelector, server: str) -> Callable[[], bool]:
    """Says whether a submission of the group is at work on this machine."""
    if wanted.is_local or wanted.group is None:
        return lambda: False
    from expander.base.state_dir import state_folder
    from expander.submit.journal import is_locked, journal_file

    path = journal_file(state_folder("submit"), wanted.group, server)
    return lambda: is_locked(path)
