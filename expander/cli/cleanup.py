"""``expander cleanup``: a group deleted, with all that was made for it."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import ExpanderError, UsageError
from expander.cli.group_options import group_options, wanted_of
from expander.cli.help import Page
from expander.cli.output import Output, printable, say
from expander.cli.params import Duration

if TYPE_CHECKING:
    from expander.group.cleanup import CleanupPlan, Target
    from expander.group.open import AnySource, GroupSelector

EXAMPLES = """
\b
Examples:
  expander cleanup --group night --dry-run
  expander cleanup --group night --finished --older-than 2h
  expander cleanup -l team=render -n batch --yes
  expander cleanup --group thumbnails --local

\b
Exit codes: 0 all of it is gone (also when nothing was there), 1 somebody said no, or something could not or
not yet be deleted, 2 wrong usage, or nobody there to ask, 130 interrupted: the same command goes on.
"""


@click.command(cls=Page, epilog=EXAMPLES)
@group_options
@click.option("--finished", is_flag=True, help="Only Jobs that are complete or failed.")
@click.option("--failed", is_flag=True, help="Only Jobs that failed.")
@click.option(
    "--older-than",
    type=Duration(),
    metavar="TIME",
    help="Only Jobs that ended (or, while they have not, began to be) so long ago.",
)
@click.option("--dry-run", is_flag=True, help="List what would be deleted, delete nothing.")
@click.option("-y", "--yes", is_flag=True, help="Delete unfinished Jobs without asking.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Return when all of it is gone.")
@click.option("--timeout", type=Duration(), default="5m", show_default=True, help="Wait no longer than this.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or a JSON object a line and a last one with the sums.",
)
def command(**flags: Any) -> int:
    """Delete the Jobs of a group with their pods, and what else bears its label.

    That is CronJobs, ConfigMaps, Secrets and Services.
    Nothing without that label is touched. With --finished, --failed or --older-than only such Jobs go,
    and the rest of the group when no Job is left that may need it; else also what comes while it works.
    Of local runs the state and logs go. The kubectl commands that would do the same are printed on
    standard error.
    """
    from expander.group import cleanup
    from expander.group.bookkeeping import forget_delivered, open_writer
    from expander.group.open import open_source

    wanted = wanted_of(flags)
    if wanted.group is None and wanted.selector is not None and not wanted.selector.strip():
        raise UsageError("an empty selector means every Job there is; say which group is meant")
    source = open_source(wanted, awaited=True)
    filters = cleanup.CleanupFilters(flags["finished"], flags["failed"], flags["older_than"])
    with open_writer(source) as writer:
        plan = cleanup.plan_cleanup(source, writer, filters, time.time())
        report = _Report(plan, as_json=flags["output"] == "json")
        if flags["dry_run"]:
            report.listing(cleanup.planned_pods(plan, source, writer))
            _tell_commands(plan, source, wanted)
            return 0
        if plan.whole:
            _refuse_while_more_comes(source, wanted)
        if not plan and not plan.whole:
            return report.end(Counter())
        if not _confirmed(plan, flags["yes"]):
            say("nothing was deleted")
            return 1
        if plan:
            _tell_commands(plan, source, wanted)
        counts: Counter[str] = Counter()
        failed: ExpanderError | None = None
        try:
            for counts in cleanup.delete_targets(plan, writer, source.selection, say):
                report.progress(counts)
        except ExpanderError as error:
            failed = error
        left = new = 0
        if failed is None and flags["wait"]:
            left, new = cleanup.wait_until_gone(plan, writer, flags["timeout"])
        folders = writer.drop_empty()
        if plan.whole and failed is None:
            forget_delivered(source, wanted, ((job.namespace, job.name) for job in plan.jobs))
    report.end(counts)
    if plan.whole and counts["Job"] > len(plan.jobs):
        say(f"{counts['Job'] - len(plan.jobs):,} of these Jobs came after the others had been counted")
    for folder in folders:
        say(f"removed {folder}")
    if failed is not None:
        raise failed
    if left:
        say(f"error: {left:,} Jobs and pods are still being deleted")
    if new:
        say(
            f"error: {new:,} new Jobs of the group came meanwhile: end what creates them, then clean up again"
        )
    return 1 if left or new else 0


def _refuse_while_more_comes(source: AnySource, wanted: GroupSelector) -> None:
    """Raise UsageError while a submission of this machine would create what is deleted, or more of it."""
    from expander.group.bookkeeping import submission_journal
    from expander.submit.journal import is_locked

    if (path := submission_journal(source, wanted)) is not None and is_locked(path):
        raise UsageError(
            f"expander submit is at work on {wanted}, and would go on; nothing was deleted",
            hint="end it first (Ctrl-C), or delete only what has ended: --finished",
        )


def _confirmed(plan: CleanupPlan, yes: bool) -> bool:
    """Whether unfinished Jobs may go; asks for it. Raises UsageError when there is nobody to ask."""
    if not plan.unfinished or yes:
        return True
    words = f"{plan.unfinished:,} of {len(plan.jobs):,} Jobs have not finished"
    if not sys.stdin.isatty():
        raise UsageError(
            f"{words}; nothing was deleted",
            hint="--yes deletes them too, --finished leaves them alone",
        )
    return click.confirm(f"{words}. Delete them too?", err=True)


def _tell_commands(plan: CleanupPlan, source: AnySource, wanted: GroupSelector) -> None:
    """The kubectl commands that do the same; of local state there are none."""
    from expander.group.cleanup import kubectl_commands

    if wanted.is_local:
        return
    options = [("--kubeconfig", wanted.kubeconfig), ("--context", wanted.context)]
    given = [f"{name} {shlex.quote(value)}" for name, value in options if value is not None]
    for line in kubectl_commands(plan, source.selection, " ".join(["kubectl", *given])):
        say(f"as: {line}")


class _Report:
    def __init__(self, plan: CleanupPlan, *, as_json: bool) -> None:
        self._plan = plan
        self._out = Output()
        self._as_json = as_json

    def listing(self, pods: list[Target]) -> None:
        """What would be deleted."""
        from expander.kube.time import human

        now = time.time()
        counts: Counter[str] = Counter()
        for found in [*self._plan.targets, *pods]:
            counts[found.kind] += 1
            if self._as_json:
                line = {"kind": found.kind, "namespace": found.namespace, "name": found.name}
                self._out.put(json.dumps(line | {"state": found.state, "outcome": "kept"}) + "\n")
            else:
                group = ".batch" if found.kind in ("Job", "CronJob") else ""
                words = f"{found.kind.lower()}{group}/{found.name} -n {found.namespace}"
                state = f" ({found.state} for {human(now - found.since)})" if found.state else ""
                self._out.put(printable(words + state) + "\n")
        self._sum(counts, "would be deleted")

    def progress(self, counts: Counter[str]) -> None:
        """So much is deleted; drawn on a terminal only."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{_words(counts)} deleted")
            sys.stderr.flush()

    def end(self, counts: Counter[str]) -> int:
        """The sums."""
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
        self._sum(counts, "deleted")
        return 0

    def _sum(self, counts: Counter[str], done: str) -> None:
        if self._as_json:
            self._out.put(
                json.dumps({"summary": {kind: count for kind, count in counts.items() if count}}) + "\n"
            )
            self._out.finish()
        else:
            self._out.finish()
            if counts["Job"] and not counts["Pod"]:
                done += " with their pods"
            say(f"{_words(counts)} {done}" if any(counts.values()) else "there is nothing to clean up")


def _words(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {kind}{'s' * (count != 1)}" for kind, count in counts.items() if count)
