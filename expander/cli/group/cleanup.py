"""``expander cleanup``: delete a group with everything created for it."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from expander.base.errors import StateUnreadable, UsageError
from expander.base.text import counted
from expander.cli.options.group import group_options, last_used, opened, wanted_of
from expander.cli.options.params import Duration, output_option
from expander.cli.output.progress import Progress, Step
from expander.cli.output.streams import Output, printable, say
from expander.cli.pages.page import Page

if TYPE_CHECKING:
    from expander.group.bookkeeping import AnyWriter
    from expander.group.cleanup import CleanupFilters, CleanupPlan, Target
    from expander.group.open import AnySource, GroupSelector

NOTHING: Final = "nothing to clean up"

EXAMPLES = """
\b
Examples:
  expander cleanup --group night --dry-run
  expander cleanup --group night --finished --older-than 2h
  expander cleanup -l team=render -n batch --yes
  expander cleanup --group thumbnails --local

\b
Exit codes: 0 everything is deleted (or there was nothing), 1 declined, or something could not be deleted or
is still being deleted, 2 wrong usage, or no terminal to ask on, 130 interrupted (the same command resumes).
"""


@click.command(cls=Page, epilog=EXAMPLES)
@group_options
@click.option("--finished", is_flag=True, help="Delete only complete and failed Jobs.")
@click.option("--failed", is_flag=True, help="Delete only failed Jobs.")
@click.option(
    "--older-than",
    type=Duration(),
    metavar="TIME",
    help="Delete only Jobs that finished (or, if unfinished, were created) longer ago than this.",
)
@click.option("--dry-run", is_flag=True, help="List what would be deleted; delete nothing.")
@click.option("-y", "--yes", is_flag=True, help="Delete unfinished Jobs without asking.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until everything is gone.")
@click.option(
    "--timeout",
    type=Duration(fractions=True),
    default="5m",
    show_default=True,
    help="How long to wait for that.",
)
@click.option("-q", "--quiet", is_flag=True, help="Do not print the equivalent kubectl commands.")
@output_option("text, or json: an object per line, then a summary.")
def command(**flags: Any) -> int:
    """Delete the Jobs of a group with their pods, and everything else that has its label.

    That is CronJobs, ConfigMaps, Secrets and Services; nothing without the label is touched, and objects
    of custom kinds that have it are named with the command that deletes them (exit code 1). With
    --finished, --failed or --older-than only such Jobs are deleted, and the other objects once no Job is
    left that may need them. For local runs, state and logs are deleted, even if the state is damaged. The
    equivalent kubectl commands are printed to standard error.
    """
    from expander.group import cleanup

    unnamed = _unnamed_group(flags)
    wanted = wanted_of(flags)
    if wanted.group is None and wanted.selector is not None and not wanted.selector.strip():
        raise UsageError("an empty selector matches every Job: specify --group NAME or -l SELECTOR")
    source = opened(wanted, awaited=True, collected=False)
    filters = cleanup.CleanupFilters(flags["finished"], flags["failed"], flags["older_than"])
    try:
        return _clean(source, wanted, filters, flags, unnamed)
    except StateUnreadable as error:
        if not cleanup.may_be_damaged(source, wanted, filters):
            raise
        return _remove_unreadable(error, flags, unnamed)


def _clean(
    source: AnySource,
    wanted: GroupSelector,
    filters: CleanupFilters,
    flags: dict[str, Any],
    unnamed: Sequence[str],
) -> int:
    """Plan, ask, and delete; gives the exit code."""
    from expander.group import cleanup
    from expander.group.bookkeeping import open_writer

    with open_writer(source) as writer:
        plan = cleanup.plan_cleanup(source, writer, filters, time.time())
        report = _Report(plan, as_json=flags["output"] == "json")
        if flags["dry_run"]:
            report.listing(cleanup.planned_pods(plan, source, writer))
            if plan and not flags["quiet"]:
                _tell_commands(plan, source, wanted)
            if plan.whole:
                cleanup.refuse_custom(writer, source.selection)
            return 0
        if plan.whole:
            cleanup.refuse_while_submitting(source, wanted)
        if not plan and not plan.whole:
            return report.end(Counter())
        if not _confirmed(plan, flags["yes"], unnamed):
            say("nothing was deleted")
            return 1
        if plan and not flags["quiet"]:
            _tell_commands(plan, source, wanted)
        return _delete(plan, report, source, writer, wanted, flags["timeout"] if flags["wait"] else None)


def _unnamed_group(flags: dict[str, Any]) -> list[str]:
    """What is asked about first: the group, when none is named and so the last one is meant.

    Raises UsageError without a terminal.
    """
    if flags["group"] is not None or flags["selector"] is not None or flags["dry_run"]:
        return []
    use = last_used(flags)
    if use is None:
        return []
    words = f"group {use.group} ({use.where}) was used last in this folder"
    if not sys.stdin.isatty():
        raise UsageError(
            f"no terminal to ask on: {words}, and is not deleted unasked",
            hint="specify --group NAME or -l SELECTOR",
        )
    return [words]


def _remove_unreadable(error: StateUnreadable, flags: dict[str, Any], unnamed: Sequence[str]) -> int:
    """Remove the folder of a local group whose state is damaged; gives the exit code."""
    from expander.group.cleanup import remove_damaged

    folder = error.folder
    say(f"warning: {error.problems[0].message}")
    if flags["dry_run"]:
        say(f"{folder} would be removed")
        return 0
    words = f"how the Jobs of group {folder.name} ended is not known"
    if not flags["yes"] and not sys.stdin.isatty():
        raise UsageError(f"{words}; nothing was deleted", hint="--yes deletes the group with its logs")
    words = "; ".join([*unnamed, words])
    asks = unnamed or not flags["yes"]
    if asks and not click.confirm(f"{words}. Delete the group with its logs?", err=True):
        say("nothing was deleted")
        return 1
    remove_damaged(error)
    if flags["output"] == "json":
        click.echo(json.dumps({"summary": {}}))
    say(f"removed {folder}")
    return 0


def _delete(
    plan: CleanupPlan,
    report: _Report,
    source: AnySource,
    writer: AnyWriter,
    wanted: GroupSelector,
    timeout: float | None,
) -> int:
    """Delete what is planned, and wait for it; gives the exit code. ``timeout`` None does not wait."""
    from expander.group.cleanup import carry_out

    with Progress(report.step):
        end = carry_out(plan, source, writer, wanted, timeout, say, report.progress)
    report.end(end.counts, "nothing was deleted" if end.error is not None else NOTHING)
    if plan.whole and end.counts["Job"] > len(plan.jobs):
        more = end.counts["Job"] - len(plan.jobs)
        say(f"{counted(more, 'Job')} among them created during the cleanup")
    for folder in end.folders:
        say(f"removed {folder}")
    if end.error is not None:
        raise end.error
    if end.left:
        say(f"error: {counted(end.left, 'object')} still being deleted")
    if end.new:
        say(f"error: {counted(end.new, 'new Job')} created meanwhile: stop their creator, then repeat")
    return 1 if end.left or end.new else 0


def _confirmed(plan: CleanupPlan, yes: bool, unnamed: Sequence[str]) -> bool:
    """Whether a group that nobody named, and unfinished Jobs, may be deleted; asks.

    Raises UsageError without a terminal.
    """
    unfinished = [plan.unfinished_words] if plan.unfinished and not yes else []
    if not (unnamed or unfinished):
        return True
    words = "; ".join([*unnamed, *unfinished])
    if not sys.stdin.isatty():
        raise UsageError(
            f"{words}; nothing was deleted",
            hint="--yes deletes them too, --finished keeps them",
        )
    return click.confirm(f"{words}. Delete {'it' if unnamed else 'them too'}?", err=True)


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
        self._counts: Counter[str] = Counter()

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
                group = found.row.group
                title = f"{found.row.singular}.{group}" if group else found.row.singular
                words = f"{title}/{found.name} -n {found.namespace}"
                state = f" ({found.state} for {human(now - found.since)})" if found.state else ""
                self._out.put(printable(words + state) + "\n")
        self._sum(counts, "would be deleted")

    def progress(self, counts: Counter[str]) -> None:
        """So much is deleted."""
        self._counts = Counter(counts)

    def step(self) -> Step:
        """How far the deletion is."""
        done = sum(self._counts.values())
        return Step(done, parts=[f"{_words(self._counts)} deleted"] if done else ["nothing deleted yet"])

    def end(self, counts: Counter[str], nothing: str = NOTHING) -> int:
        """The summary; ``nothing`` is said where no object was deleted."""
        self._sum(counts, "deleted", nothing)
        return 0

    def _sum(self, counts: Counter[str], done: str, nothing: str = NOTHING) -> None:
        if self._as_json:
            self._out.put(
                json.dumps({"summary": {kind: count for kind, count in counts.items() if count}}) + "\n"
            )
            self._out.finish()
        else:
            self._out.finish()
            if counts["Job"] and not counts["Pod"]:
                done += " with its pods" if counts.total() == 1 else " with their pods"
            say(f"{_words(counts)} {done}" if any(counts.values()) else nothing)


def _words(counts: Counter[str]) -> str:
    return ", ".join(counted(count, kind) for kind, count in counts.items() if count)
