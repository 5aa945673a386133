"""``expander wait``: wait until the Jobs of a group are finished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from expander.cli.options.group import group_options, opened, report_option, save_report, wanted_of
from expander.cli.options.notify import notifier_of, notify_option
from expander.cli.options.once import Once
from expander.cli.options.params import Duration, output_option
from expander.cli.output.interrupts import Interrupts
from expander.cli.output.streams import say
from expander.cli.pages.page import Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from expander.group.open import AnySource, GroupSelector
    from expander.group.wait import JobCounts
    from expander.notify.notifier import Notifier

MAX_IDLE_TICKS: Final = 3
"""Turns without a running `expander run` before the user is told; it may just have finished its last Job."""

EXAMPLES = """
\b
Examples:
  expander wait --group thumbnails
  expander wait --group night --timeout 8h -q && expander results --group night -o out
  expander wait --group night --notify "$WEBHOOK_URL"
  expander wait -l team=render --for any
  expander wait --group night --for percent=95 --expect 10000 -o json

\b
Values of --for:
  all          every Job is finished (the default)
  any          one is finished
  complete     every Job is complete; ends at the first failed Job
  failed       one has failed
  count=N      N are finished
  percent=P    P percent are finished, of those that exist or are expected
With --expect N the wait lasts until N Jobs have been seen, and may begin before there are any. While `submit`
on this machine sends the group, more Jobs are expected anyway.

\b
Jobs that were submitted from this machine and are no longer in the cluster, because ttlSecondsAfterFinished
has passed or somebody deleted them, are named; their results are unknown. They count as removed only when no
other Job of the group is left, or when they were submitted during the wait.

\b
Exit codes: 0 the condition was met and no finished Job failed; 1 some failed, were deleted unfinished or had
been removed, or the condition cannot be met any more; 2 wrong usage or no such group; 3 timed out; 130
interrupted. With --for failed: 0 one failed, 1 all are complete.
"""


@click.command(cls=Page, epilog=EXAMPLES)
@group_options
@click.option(
    "--for",
    "goal",
    cls=Once,
    noun="condition",
    default="all",
    show_default=True,
    metavar="all|any|complete|failed|count=N|percent=P",
    help="The condition to wait for.",
)
@click.option("--expect", type=click.IntRange(1), metavar="N", help="Expect at least N Jobs.")
@click.option(
    "--timeout",
    type=Duration(fractions=True),
    help="Give up after this time; 0 looks once.  [default: never]",
)
@click.option("-q", "--quiet", is_flag=True, help="Do not print each Job as it finishes.")
@output_option("text, or json: an object per finished Job, then a summary.")
@report_option
@notify_option
def command(goal: str, expect: int | None, timeout: float | None, **flags: Any) -> int:
    """Wait until the Jobs of a group are finished.

    Prints each Job as it finishes. Survives restarts of the API server.
    """
    from expander.cli.output.progress import Progress
    from expander.cli.output.wait import WaitOutput
    from expander.group.open import nothing_found
    from expander.group.wait import Waiter, WaitGoal, exit_code
    from expander.notify.notifier import notifying
    from expander.notify.waiting import WaitEvents

    wanted = wanted_of(flags)
    awaited = WaitGoal.parse(goal)
    expected = awaited.expected(expect)
    source = opened(wanted, awaited=expected > 0)
    output = WaitOutput(source, quiet=flags["quiet"], as_json=flags["output"] == "json", expected=expected)
    waiting = Waiter.of(
        source,
        wanted,
        awaited,
        output.ended,
        expected=expected,
        timeout=timeout,
        on_tick=_hinting(output.tick, source) if wanted.is_local else output.tick,
    )
    stop: list[int] = []
    with notifying(_notifier(flags, wanted, source)) as notifier:
        events = WaitEvents(notifier, waiting, wanted)
        with Interrupts(stop.append), Progress(output.step), events.watching():
            ending = waiting.run(lambda: bool(stop))
        if ending == "empty":
            raise nothing_found(wanted, source)
        events.done(ending)
        if ending == "timeout" and not waiting.listed:
            say(f"{source.where} did not list the Jobs in time")
        if waiting.forgotten:
            from expander.cli.output.status import removed_note

            say(removed_note(waiting.forgotten))
        output.finish(waiting.tally, ending)
        if flags["report"]:
            save_report(source, wanted, flags["report"])
    return exit_code(waiting.tally, ending, awaited)


def _notifier(flags: dict[str, Any], wanted: GroupSelector, source: AnySource) -> Notifier:
    namespace = source.selection.namespace
    return notifier_of(flags, "wait", local=wanted.is_local, group=wanted.called, namespace=namespace)


def _hinting(tick: Callable[[JobCounts], None], source: Any) -> Callable[[JobCounts], None]:
    """``tick``, and a hint when nothing runs the Jobs that are left in local state."""
    from expander.local.state import lock_holder

    alone = 0

    def on_tick(tally: JobCounts) -> None:
        nonlocal alone
        tick(tally)
        if alone < MAX_IDLE_TICKS:
            idle = tally.jobs and not any(lock_holder(folder) for folder in source.folders.found())
            alone = alone + 1 if idle else 0
            if alone == MAX_IDLE_TICKS:
                say("Nothing runs these Jobs now: repeat `expander run`, or use `expander retry`")

    return on_tick
