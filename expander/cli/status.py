"""``expander status``: how the Jobs of a group stand."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import UsageError
from expander.cli.group_options import group_options, source_of, wanted_of
from expander.cli.help import Page
from expander.cli.messages import Output

if TYPE_CHECKING:
    from expander.group.job_status import Standing
    from expander.group.open import AnySource
    from expander.kube.objects import Object

EXAMPLES = """
\b
Examples:
  expander status --group thumbnails
  expander status -l team=render --failed -o wide
  expander status --group night --watch
  expander status --group night -o json | jq '.items[].status'
  expander status --group thumbnails --local

\b
The states: Complete, Failed, Active (a pod runs), Pending (none does yet), Suspended. The reason is the Job's
own (BackoffLimitExceeded, DeadlineExceeded, PodFailurePolicy), with why its last attempt failed (exit code
3, OOMKilled, Evicted), or what keeps it: FailedCreate (a quota), Unschedulable, ImagePullBackOff, Queued ...
RETRIES counts pods that took the place of failed ones, and restarts of containers.

\b
Exit codes: 0 whatever the states are, 1 the cluster cannot be asked, 2 wrong usage or no such group,
130 interrupted (also how --watch ends).
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
@click.option("--failed", is_flag=True, help="Only Jobs that have failed. Filters add up.")
@click.option("--active", is_flag=True, help="Only Jobs of which a pod runs.")
@click.option("--pending", is_flag=True, help="Only Jobs that wait for a pod to run.")
@click.option("--succeeded", is_flag=True, help="Only Jobs that are complete.")
@click.option("--suspended", is_flag=True, help="Only Jobs that are suspended, also by Kueue.")
@click.option("-w", "--watch", is_flag=True, help="Go on with what changes, until Ctrl-C.")
@click.option(
    "--tail",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    metavar="N",
    help="So many last lines of the log of each failed Job (the first 20).",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "wide", "json", "yaml", "csv", "name"]),
    default="table",
    show_default=True,
    help="Tables, or: an API List of the Jobs (json, yaml), a CSV table, names.",
)
def command(output: str, **flags: Any) -> int:
    """Say how the Jobs of a group stand: counts, each item, and what went wrong where."""
    states = {state for flag, state in FILTERS.items() if flags[flag]}
    source = source_of(flags, awaited=flags["watch"])
    if flags["watch"]:
        if output == "yaml":
            raise UsageError("--watch has no yaml; -o json gives one Job to a line")
        from expander.cli.status_watch import watch

        return watch(source, output, states, flags["group_label"], flags["group"])
    jobs = list(source.jobs())
    if not jobs:
        from expander.group.open import nothing_found

        raise nothing_found(wanted_of(flags), source)
    out = Output()
    if output in ("json", "yaml", "name") and not states & {"Active", "Pending"}:
        _put_jobs(out, output, _ended_as(jobs, states))
    else:
        _put(out, output, source, jobs, states, flags)
    out.finish()
    return 0


def _ended_as(jobs: Sequence[Object], states: set[str]) -> list[Object]:
    """The Jobs in these states, which their own status tells; all of them without states."""
    from expander.run.outcomes import outcome_of

    return [job for job in jobs if not states or outcome_of(job, ()).state in states]


def _put_jobs(out: Output, output: str, jobs: Sequence[Object]) -> None:
    from expander.cli import status_data

    if output == "name":
        out.put("".join(f"{status_data.name_of(job)}\n" for job in jobs))
        return
    for text in status_data.as_list(jobs) if output == "json" else status_data.as_yaml(jobs):
        out.put(text)


def _put(
    out: Output,
    output: str,
    source: AnySource,
    jobs: Sequence[Object],
    states: set[str],
    flags: dict[str, Any],
) -> None:
    from expander.cli import status_data
    from expander.group.attempts import by_job
    from expander.group.job_status import standings_of

    pods = by_job(source.pods(jobs))
    everything = standings_of(source, jobs, pods)
    found = [one for one in everything if not states or one.state in states]
    if output == "csv":
        for text in status_data.as_csv(found, flags["group_label"], flags["group"]):
            out.put(text)
    elif output in ("table", "wide"):
        _put_tables(out, output == "wide", source, everything, found, pods, flags)
    else:
        _put_jobs(out, output, [one.job for one in found])


def _put_tables(
    out: Output,
    wide: bool,
    source: AnySource,
    everything: Sequence[Standing],
    found: Sequence[Standing],
    pods: dict[str, list[Object]],
    flags: dict[str, Any],
) -> None:
    from expander.cli import status_text
    from expander.group.job_status import overviews
    from expander.group.logs import tails
    from expander.run.outcomes import FAILED

    now = time.time()
    groups = overviews(everything, flags["group_label"], flags["group"])
    out.put("".join(status_text.groups_table(groups, now)))
    if not found:
        return
    several = flags["everywhere"] or wide or len({one.outcome.namespace for one in found}) > 1
    out.put("\n" + "".join(status_text.items_table(found, now, wide=wide, namespaces=several)))
    if not wide:
        out.put("".join(status_text.troubles(found)))
    failed = [one.job for one in found if one.state == FAILED][: status_text.SHOWN]
    lines = tails(source, failed, pods, flags["tail"])
    out.put("".join(status_text.failures(found, lines)))
