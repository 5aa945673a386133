"""``expander status``: the Jobs of a group now, or with --watch until Ctrl-C."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence, Set
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from expander.base.errors import UsageError
from expander.base.text import MAX_ERRORS, counted
from expander.cli.options.group import group_options, say_refused, sort_option, source_of, wanted_of
from expander.cli.options.params import output_option
from expander.cli.output import status
from expander.cli.output.interrupts import Interrupts
from expander.cli.output.progress import ROOM, Display
from expander.cli.output.streams import Output, say
from expander.cli.output.table import GrowingTable, table, terminal_width
from expander.cli.pages.page import Page
from expander.group.job_status import REMOVED, JobStatus, JobStatusCache, group_summaries
from expander.group.known.removed import JobName, removed_jobs, removed_statuses
from expander.group.names import job_order
from expander.group.open import nothing_found, submitted_jobs
from expander.group.source import Reader
from expander.kube.objects import Object, namespaced_name
from expander.kube.workloads import ACTIVE, COMPLETE, FAILED, PENDING, SUSPENDED, title_of
from expander.run.outcomes import JobOutcome, outcome_of

if TYPE_CHECKING:
    from expander.group.open import AnySource

REFRESH_SECONDS: Final = 0.5
"""Time between two pictures."""

RANKS: Final = {FAILED: 0, ACTIVE: 2, PENDING: 3, SUSPENDED: 4, COMPLETE: 5}
"""The order in which items are left out when there is no room; those in trouble follow the failed."""


def watch(
    reader: Reader,
    output: str,
    states: set[str],
    label: str,
    named: str | None,
    submitted: Set[JobName] = frozenset(),
) -> int:
    """Follow until interrupted; gives the exit code. ``states`` are those of the Jobs that are shown.

    ``submitted`` are Jobs that are removed if they are not there.
    """
    out = Output()
    show: _Lines | _Picture
    if output in ("table", "wide") and sys.stdout.isatty():
        show = _Picture(states, label, named, submitted, wide=output == "wide")
    else:
        show = _Lines(out, output, states, label, named)
    stop: list[int] = []
    following = JobStatusCache(reader)
    with Interrupts(stop.append), show:
        waiting: dict[str, None] | None = {}  # until all that is there at the start is known
        for change in reader.changes(lambda: bool(stop)):
            uids = (
                [*following.refresh_events(), *(waiting or ())]
                if change is None
                else [following.update(change)]
            )
            if change is None:
                if waiting is not None:
                    show.removed(removed_statuses(submitted, following.statuses()))
                waiting = None
            elif waiting is not None:
                waiting |= dict.fromkeys(uids)
                continue
            elif change.type == "DELETED" and change.object["kind"] != "Pod":
                show.gone(change.object)
            show.changed(following, uids)
    out.finish()
    return 130


class _Lines:
    """A line for each Job whose state or reason is another one; with ``json`` each version of each Job.

    A Job that is about to fail has its line when it has.
    """

    def __init__(self, out: Output, output: str, states: set[str], label: str, named: str | None) -> None:
        self._out = out
        self._output = output
        self._states = states
        self._label = label
        self._named = named
        self._told: dict[str, object] = {}
        self._table: GrowingTable | None = None
        self._has_items = False

    def __enter__(self) -> _Lines:
        if self._output == "csv":
            self._put(status.csv_head())
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def gone(self, job: Object) -> None:
        """A Job was deleted."""
        self._told.pop(job["metadata"]["uid"], None)
        if self._output in ("table", "wide"):
            self._put(self._row(outcome_of(job, ()), "Deleted", ""))

    def removed(self, those: Iterable[JobStatus]) -> None:
        """These Jobs were there once."""
        if self._output not in ("json", "name"):
            for one in those:
                if not self._states or one.state in self._states:
                    self._put(self._line(one))

    def changed(self, following: JobStatusCache, uids: Iterable[str]) -> None:
        """Something of these Jobs may be new."""
        for uid in uids:
            one = following.status(uid)
            if one is None or (self._states and one.state not in self._states):
                self._told.pop(uid, None)
                continue
            if one.is_failing and self._output != "json":
                continue
            news: object = (one.state, one.explanation)
            if self._output == "json":
                news = one.job["metadata"].get("resourceVersion")
            if self._told.get(uid) != news:
                self._told[uid] = news
                self._put(self._line(one))

    def _line(self, one: JobStatus) -> str:
        if self._output == "json":
            return json.dumps(status.shown(one.job), ensure_ascii=False) + "\n"
        if self._output == "csv":
            return status.csv_row(one, self._label, self._named)
        if self._output == "name":
            return f"{title_of(one.job)}\n"
        why = one.explanation
        if self._output == "wide" and one.message and one.state != COMPLETE:
            why = f"{why}: {one.message}"
        return self._row(one.outcome, one.state, why)

    def _row(self, outcome: JobOutcome, state: str, why: str) -> str:
        """A line of the table; the first one decides whether there is a column of items."""
        if self._table is None:
            self._has_items = bool(outcome.key)
            self._table = GrowingTable(
                ["TIME", "JOB", *(["ITEM"] if self._has_items else []), "STATE", "REASON"]
            )
        items = [outcome.key] if self._has_items else []
        return self._table.line([_clock(), outcome.name, *items, state, why])

    def _put(self, text: str) -> None:
        self._out.put(text)
        self._out.finish()


class _Picture:
    """The tables, drawn again and again on a terminal; what does not fit is left out, the complete first."""

    def __init__(
        self, states: set[str], label: str, named: str | None, submitted: Set[JobName], *, wide: bool
    ) -> None:
        self._states = states
        self._label = label
        self._named = named
        self._submitted = submitted
        self._wide = wide
        self._drawn_at = 0.0
        self._display = Display(sys.stdout)

    def __enter__(self) -> _Picture:
        self._display.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._display.keep()
        self._display.__exit__()

    def gone(self, job: Object) -> None:
        """A Job was deleted: the next picture is without it."""

    def removed(self, those: Iterable[JobStatus]) -> None:
        """These Jobs were there once: each picture has them."""

    def changed(self, following: JobStatusCache, uids: Iterable[str]) -> None:
        """Something may be new, or time has passed."""
        if time.monotonic() - self._drawn_at < REFRESH_SECONDS:
            return
        from shutil import get_terminal_size  # which loads compressors

        height = get_terminal_size().lines
        self._display.draw([line.rstrip("\n") for line in self._lines(following, height)])
        self._drawn_at = time.monotonic()

    def _lines(self, following: JobStatusCache, height: int) -> list[str]:
        everything = following.statuses()
        everything += removed_statuses(self._submitted, everything)
        if not everything:
            return ["waiting for the first Job"]
        now = time.time()
        groups = group_summaries(everything, self._label, self._named)
        lines = [*status.groups_table(groups, now), "\n"]
        found = [one for one in everything if not self._states or one.state in self._states]
        room = max(height - len(lines) - 3, 1)
        found.sort(key=_rank)
        if found:
            several = self._wide or len({one.outcome.namespace for one in found}) > 1
            lines += status.items_table(found[:room], now, wide=self._wide, namespaces=several, room=ROOM)
        if len(found) > room:
            lines.append(f"and {len(found) - room:,} more\n")
        return lines


def _rank(one: JobStatus) -> tuple[float, float]:
    rank = 1 if one.is_in_trouble else RANKS[one.state]
    return rank, -(one.outcome.finished or one.outcome.started or 0.0)


def _clock() -> str:
    return time.strftime("%H:%M:%S")


EXAMPLES = """
\b
Examples:
  expander status --group thumbnails
  expander status -l team=render --failed -o wide
  expander status --group night --attempts
  expander status --group night --watch
  expander status --group night -o json | jq '.items[].status'
  expander status --group thumbnails --local

\b
States: Complete, Failed, Active (a pod is running), Pending (no pod is running yet), Suspended, Removed
(submitted from this machine and no longer in the cluster, because ttlSecondsAfterFinished has passed or
somebody deleted it: its result is unknown, and -o json, yaml and name leave it out). REASON is the
Job's (BackoffLimitExceeded, DeadlineExceeded, PodFailurePolicy) with the cause of its last failure (exit code
3, OOMKilled, Evicted), or why it waits: WaitsForRoom (others take it), FailedCreate (a quota), Unschedulable,
ImagePullBackOff, Queued ...
RETRIES counts replacements of failed pods, restarts of containers, and attempts by an earlier Job (retry,
run --rerun, run --on-oom).

\b
Exit codes: 0 whatever the states, 1 the cluster cannot be reached, 2 wrong usage or no such group,
130 interrupted (also the end of --watch).
"""

FILTERS = {
    "failed": "Failed",
    "active": "Active",
    "pending": "Pending",
    "succeeded": "Complete",
    "suspended": "Suspended",
}


@click.command(cls=Page, epilog=EXAMPLES)
@group_options
@click.option("--failed", is_flag=True, help="Show failed Jobs. Filters can be combined.")
@click.option("--active", is_flag=True, help="Show Jobs with a running pod.")
@click.option("--pending", is_flag=True, help="Show Jobs without a running pod yet.")
@click.option("--succeeded", is_flag=True, help="Show complete Jobs.")
@click.option("--suspended", is_flag=True, help="Show suspended Jobs, also those queued by Kueue.")
@click.option("--attempts", is_flag=True, help="A line for each attempt at an item, earlier ones too.")
@sort_option
@click.option(
    "-w", "--watch", is_flag=True, help="Watch until Ctrl-C: failed Jobs first, then stuck, then active."
)
@click.option(
    "--tail",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    metavar="N",
    help="Log lines to show of each failed Job (of the first 20).",
)
@output_option(
    "Tables, an API List of the Jobs (json, yaml), CSV, or names.", "table|wide|json|yaml|csv|name"
)
def command(output: str, **flags: Any) -> int:
    """Show the status of a group's Jobs and why they wait or failed."""
    states = {state for flag, state in FILTERS.items() if flags[flag]}
    if flags["attempts"] and (flags["watch"] or output not in ("table", "wide")):
        raise UsageError(f"--attempts cannot be used with {'--watch' if flags['watch'] else f'-o {output}'}")
    source, wanted = source_of(flags, awaited=flags["watch"]), wanted_of(flags)
    submitted = submitted_jobs(source, wanted)
    if flags["watch"]:
        from expander.group.open import not_begun

        if output == "yaml":
            raise UsageError("--watch cannot be used with -o yaml; -o json prints a Job per line")
        if (missing := not_begun(wanted)) is not None:
            say(f"{missing}\nwaiting for it (Ctrl-C ends)")
        return watch(source, output, states, flags["group_label"], flags["group"], submitted)
    out = Output()
    if output in ("json", "yaml", "name") and not states & {"Active", "Pending"}:
        jobs = list(source.jobs())
        found = sorted(_ended_as(jobs, states), key=partial(job_order, sort=flags["sort"]))
        removed = len(removed_jobs(submitted, {*map(namespaced_name, jobs)}))
        _put_jobs(out, output, found)
        empty = not jobs and not removed
    elif flags["attempts"]:
        empty, removed = _put_attempts(out, output == "wide", source, states, flags, submitted)
    else:
        empty, removed = _put(out, output, source, states, flags, submitted)
    if empty:
        raise nothing_found(wanted_of(flags), source)
    out.finish()
    say_refused(source)
    if removed and output in ("json", "yaml", "name"):
        say(status.removed_note(removed))
    return 0


def _ended_as(jobs: Iterable[Object], states: set[str]) -> list[Object]:
    """The Jobs in these states, which their own status tells; all of them without states."""
    from expander.run.outcomes import state_of

    return [job for job in jobs if not states or state_of(job) in states]


def _put_jobs(out: Output, output: str, jobs: Sequence[Object]) -> None:
    from expander.cli.output import status

    if output == "name":
        out.put("".join(f"{title_of(job)}\n" for job in jobs))
        return
    for text in status.as_list(jobs) if output == "json" else status.as_yaml(jobs):
        out.put(text)


def _put(
    out: Output,
    output: str,
    source: AnySource,
    states: set[str],
    flags: dict[str, Any],
    submitted: Set[JobName],
) -> tuple[bool, int]:
    """Print what takes the pods of the Jobs as well; returns whether there is no Job, and how many were
    removed."""
    from expander.cli.output import status
    from expander.group.known.summaries import group_statuses

    whole = output not in ("csv", "table", "wide")
    everything, removed = group_statuses(
        source, submitted, flags["sort"], whole=whole, explained=0 if whole else MAX_ERRORS
    )
    if not everything:
        return True, 0
    found = [one for one in everything if not states or one.state in states]
    if output == "csv":
        for text in status.as_csv(found, flags["group_label"], flags["group"]):
            out.put(text)
    elif output in ("table", "wide"):
        _put_tables(out, output == "wide", source, everything, found, flags)
        _say_if_idle(source, sum(one.state in (ACTIVE, PENDING) for one in everything))
    else:
        _put_jobs(out, output, [one.job for one in found if one.state != REMOVED])
    return False, removed


def _say_if_idle(source: AnySource, unfinished: int) -> None:
    """Say of ``unfinished`` Jobs of this machine that no run is left to go on with them."""
    from expander.group.local.source import LocalSource

    if unfinished and isinstance(source, LocalSource) and not source.is_at_work:
        say(f"{counted(unfinished, 'unfinished Job')}, and no run is at work: the same command resumes")


def _put_attempts(
    out: Output,
    wide: bool,
    source: AnySource,
    states: set[str],
    flags: dict[str, Any],
    submitted: Set[JobName],
) -> tuple[bool, int]:
    """Print a line for each attempt; returns what `_put` does."""
    from expander.group.job_status import explained_jobs, job_status
    from expander.group.known.attempts import attempt_rows, in_place_of_items, logs_folder
    from expander.group.known.removed import removed_row
    from expander.group.records import job_records
    from expander.group.table import as_text, column_names, numbered, record_row, sorted_by

    logs = logs_folder(source, wanted_of(flags))
    everything, rows, attempts = [], [], {}
    for job, pods, warnings in explained_jobs(source):
        everything.append(job_status(job, pods, warnings).without_specs())
        for record in job_records(job, pods, warnings):
            row = record_row(record)
            rows.append(row)
            if not states or record.state in states:
                attempts[id(row)] = attempt_rows(record, row, logs) or [row]
    removed = removed_statuses(submitted, everything)
    if not everything and not removed:
        return True, 0
    groups = group_summaries([*everything, *removed], flags["group_label"], flags["group"])
    out.put("".join(status.groups_table(groups, time.time())))
    shown = sorted_by(in_place_of_items(numbered(rows), attempts), flags["sort"])
    shown += [removed_row(one.job) for one in removed if not states]
    if shown:
        columns = column_names(shown) if wide else []
        cells = as_text(shown, columns, wide=wide)
        out.put("\n" + "".join(table(cells, None if wide else terminal_width())))
    return False, len(removed)


def _put_tables(
    out: Output,
    wide: bool,
    source: AnySource,
    everything: Sequence[JobStatus],
    found: Sequence[JobStatus],
    flags: dict[str, Any],
) -> None:
    from expander.cli.output import status
    from expander.group.job_status import group_summaries
    from expander.kube.workloads import FAILED

    now = time.time()
    groups = group_summaries(everything, flags["group_label"], flags["group"])
    out.put("".join(status.groups_table(groups, now)))
    if not found:
        return
    several = flags["everywhere"] or wide or len({one.outcome.namespace for one in found}) > 1
    out.put("\n" + "".join(status.items_table(found, now, wide=wide, namespaces=several)))
    if not wide:
        out.put("".join(status.troubles(found)))
    failed = [one.job for one in found if one.state == FAILED][:MAX_ERRORS]
    lines: dict[str, list[str]] = {}
    if failed and flags["tail"]:
        from expander.group.attempts import pods_by_job
        from expander.group.logs import log_tails

        lines = log_tails(source, failed, pods_by_job(source.pods(failed)), flags["tail"])
    out.put("".join(status.failures(found, lines)))
