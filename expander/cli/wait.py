"""``expander wait``: until the Jobs of a group have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from expander.cli.group_options import group_options, source_of, wanted_of
from expander.cli.help import Page
from expander.cli.messages import say
from expander.cli.parameters import Duration
from expander.cli.report_option import report_option, save_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from expander.group.open import Wanted
    from expander.group.wait import Ending, Tally

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
    from expander.cli.signals import Interrupts
    from expander.cli.wait_output import WaitOutput
    from expander.group.open import nothing_found
    from expander.group.wait import Goal, Waiting

    wanted = wanted_of(flags)
    awaited = Goal.parse(goal)
    expected = max(expect or 0, int(awaited.number) if awaited.kind == "count" else 0)
    source = source_of(flags, awaited=expected > 0)
    output = WaitOutput(source, quiet=flags["quiet"], as_json=flags["output"] == "json", expected=expected)
    waiting = Waiting(
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
        ending = waiting.go(lambda: bool(stop))
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


def _turns(turn: Callable[[Tally], None], source: Any) -> Callable[[Tally], None]:
    """``turn``, and a word when Jobs of local state are left that nobody runs: a wait for them has no end."""
    from expander.local.state import holder

    alone = 0

    def on_turn(tally: Tally) -> None:
        nonlocal alone
        turn(tally)
        if alone < ALONE:
            idle = tally.jobs and not any(holder(folder) for folder in source.folders.found())
            alone = alone + 1 if idle else 0
            if alone == ALONE:
                say("nobody runs these Jobs now: the same run again, or `expander retry`, goes on with them")

    return on_turn


def _exit_code(tally: Tally, ending: Ending, kind: str) -> int:
    if ending == "interrupted":
        return 130
    if ending == "timeout":
        return TIMED_OUT
    if ending == "missed":
        return 1
    return 1 if tally.bad and kind != "failed" else 0


def _submission(wanted: Wanted, server: str) -> Callable[[], bool]:
    """Says whether a submission of the group is at work on this machine."""
    if wanted.is_local or wanted.group is None:
        return lambda: False
    from expander.base.state_dir import state_folder
    from expander.submit.journal import is_at_work, journal_file

    path = journal_file(state_folder("submit"), wanted.group, server)
    return lambda: is_at_work(path)
