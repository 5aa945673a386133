"""What ``suspend`` and ``resume`` have in common."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import click

from expander.base.text import FirstFew, counted
from expander.cli.options.group import group_options, opened, wanted_of
from expander.cli.options.params import Duration, all_of, output_option, qps_option
from expander.cli.output.interrupts import Interrupts
from expander.cli.output.progress import Progress, Step
from expander.cli.output.streams import OutcomeLines, Output, printable, say

if TYPE_CHECKING:
    from expander.group.open import AnySource, GroupSelector
    from expander.group.suspension.plan import SuspensionOutcome, SuspensionPlan

EXIT_CODES: Final = """\b
Exit codes: 0 done, or there was nothing to do; 1 some were refused or failed, or controllers have not acted
within --timeout; 2 wrong usage, no such group or item; 130 interrupted (the same command does the rest)."""

suspension_options = all_of(
    click.argument("items", metavar="[KEY|JOB]...", nargs=-1),
    group_options,
    qps_option,
    click.option("--dry-run", is_flag=True, help="List what would be done; do nothing."),
    click.option(
        "--wait/--no-wait", default=True, show_default=True, help="Wait until the controllers have acted."
    ),
    click.option(
        "--timeout",
        type=Duration(fractions=True),
        default="5m",
        show_default=True,
        help="How long to wait for that.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Do not print each Job."),
    output_option("text, or json: an object per Job, then a summary."),
)


def change(flags: dict[str, Any], *, suspend: bool) -> int:
    """Suspend or resume; gives the exit code."""
    from expander.group.suspension.suspend import open_suspension, planned, suspension_outcomes

    wanted, stopped = wanted_of(flags), list[int]()
    source = opened(wanted, collected=False)
    report = _Report(as_json=flags["output"] == "json", quiet=flags["quiet"])
    suspension = open_suspension(source, lambda: bool(stopped), qps=flags["qps"])
    plan = planned(suspension, source, wanted, flags["items"], suspend=suspend)
    if flags["dry_run"]:
        return report.dry(plan)
    if suspend and not flags["items"]:
        _tell_of_more(source, wanted)
    report.total = len(plan.targets) + len(plan.left)
    left = 0
    with Interrupts(stopped.append), Progress(report.step):
        for told in suspension_outcomes(suspension, plan):
            report.show(told)
        if flags["wait"] and not stopped:
            left = suspension.unsettled(plan, flags["timeout"], report.waiting)
    report.finish(interrupted=bool(stopped))
    if stopped:
        say("Interrupted. The same command does the rest.")
        return 130
    if left:
        done = "suspended" if suspend else "resumed"
        say(f"error: {counted(left, 'Job')} not {done} yet: expander status shows why")
    return 1 if left or report.bad.count else 0


def _tell_of_more(source: AnySource, wanted: GroupSelector) -> None:
    """Say so when a submission of this machine goes on to create Jobs of the group."""
    from expander.group.open import is_submitting

    if is_submitting(source, wanted):
        say(f"warning: expander submit is running for {wanted}: what it creates from now on is not suspended")


class _Report:
    """Prints outcomes as lines for people, or for machines."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self._out = Output()
        self._lines = OutcomeLines(self._out) if as_json else None
        self._quiet = quiet
        self._counts: Counter[str] = Counter()
        self._left: int | None = None
        self._done_dry = ""
        """What a dry run would do: ``suspended``."""
        self.bad = FirstFew()
        """What was refused, or failed."""
        self.total = 0

    def show(self, told: SuspensionOutcome) -> None:
        """What became of one Job."""
        self._counts[told.outcome] += 1
        if self._lines is not None:
            self._lines.put(
                told.name,
                told.namespace,
                told.item,
                told.outcome,
                reason=told.reason,
                message=told.message,
            )
        elif told.passed and told.outcome != "unchanged" and not self._quiet:
            self._out.put(printable(f"{told.title}/{told.name} {self._words(told.outcome)}") + "\n")
        if not told.passed and self.bad.take():
            say(f"{told.outcome}: {told.title}/{told.name}: {told.message}")

    def dry(self, plan: SuspensionPlan) -> int:
        """What would be done."""
        from expander.group.suspension.plan import outcome

        self._done_dry = plan.done
        for told in plan.left:
            self.show(told)
        for obj in plan.targets:
            self.show(outcome(obj, plan.done, "DryRun"))
        self.finish(interrupted=False)
        return 1 if self.bad.count else 0

    def _words(self, outcome: str) -> str:
        return f"would be {outcome}" if outcome == self._done_dry else outcome

    def waiting(self, left: int) -> None:
        """The controllers still have to act on so many."""
        self._left = left

    def step(self) -> Step:
        """How far it is."""
        done = sum(self._counts.values())
        parts = [] if self._left is None else [f"waiting for the controllers of {counted(self._left, 'Job')}"]
        return Step(done, self.total, parts=parts)

    def finish(self, *, interrupted: bool) -> None:
        """The summary."""
        if self.bad.more:
            say(f"{self.bad.more:,} more refused or failed")
        if self._lines is not None:
            self._lines.finish(interrupted=interrupted)
            return
        self._out.finish()
        parts = [f"{count:,} {self._words(name)}" for name, count in sorted(self._counts.items())]
        say(f"{counted(sum(self._counts.values()), 'Job')}: {', '.join(parts)}")
