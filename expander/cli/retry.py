"""``expander retry``: what failed of a group, once more."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from expander.cli.executor_options import executor_options
from expander.cli.group_options import group_options, wanted_of
from expander.cli.help import Page
from expander.cli.messages import say
from expander.cli.parameters import Duration, KeyValue
from expander.cli.retry_output import RetryReport

EXAMPLES = """
\b
Examples:
  expander retry --group night
  expander retry --group night --items frame-7,frame-9 --with resources.limits.memory=4Gi
  expander retry -l team=render --with QUALITY=low --with backoffLimit=2 --dry-run
  expander retry --group night --all --force
  expander retry --group thumbnails --local --jobs 4

\b
--with takes the name of an environment variable the containers have (env.NAME adds one), or a field by its
path: of the Job's spec (backoffLimit), else of every container (resources.limits.memory, image), else of the
pod (nodeSelector[disk]), or from the object down (spec.template.spec.containers[main].image).

\b
A Job is made anew under its own name, with the annotation expander/attempt. An Indexed Job of which some
indexes are complete stays, since no Job can run chosen indexes: each index that failed or is missing becomes
a Job NAME-INDEX beside it, which sees that index as before. With --all it is made anew as a whole.

\b
Exit codes: 0 all of it was begun again (--local: and is complete), 1 something was refused, left alone or
failed again, 2 wrong usage or no such group, 130 interrupted: the same command goes on.
"""


@click.command(cls=Page, epilog=EXAMPLES)
@click.argument("names", metavar="[ITEM]...", nargs=-1)
@group_options
@click.option(
    "--items",
    multiple=True,
    metavar="A,B,...",
    help="These items or Jobs, however they ended; NAME/3 is an index.",
)
@click.option("--all", "everything", is_flag=True, help="All Jobs that have ended, complete ones too.")
@click.option("--force", is_flag=True, help="Also stop and begin anew what has not ended, without asking.")
@click.option(
    "--with",
    "changes",
    multiple=True,
    type=KeyValue("value"),
    help="Change a variable or a field of the Jobs.",
)
@click.option("--logs", metavar="DIR", help="Where earlier logs are kept.  [default: among your state]")
@click.option("--no-logs", is_flag=True, help="Do not keep earlier logs (cluster).")
@click.option("--dry-run", is_flag=True, help="List what would be run again, change nothing.")
@click.option(
    "--qps", type=click.FloatRange(0, min_open=True), help="Requests a second.  [default: no limit]"
)
@click.option(
    "--max-in-flight",
    "in_flight",
    type=click.IntRange(1, 256),
    default=32,
    show_default=True,
    help="Requests under way at most; fewer when the server is busy.",
)
@executor_options
@click.option("--timeout", type=Duration(), help="Stop everything after this time (local).")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or a JSON object for each outcome and a last one with the sums.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing of items that were begun again (text).")
def command(names: tuple[str, ...], **flags: Any) -> int:
    """Run again what failed of a group: in its cluster, or with --local on this machine.

    Each failed Job is deleted and made anew under its name, with the parameters changed that --with names.
    Its logs are saved before. Jobs that have not ended are left alone unless they are named and --force is
    given. Interrupted or killed, the same command goes on; nothing is lost in between. With --local, what an
    interrupted run left goes on too.
    """
    from expander.group.bookkeeping import retry_folder
    from expander.group.local_source import LocalSource
    from expander.group.open import nothing_found, open_source
    from expander.group.retry import LOGS
    from expander.group.retry_plan import Choice, choose, valid

    wanted = wanted_of(flags)
    source = open_source(wanted)
    folder = retry_folder(source, wanted)
    logs = folder / LOGS if flags["logs"] is None else Path(flags["logs"]).absolute()
    items = tuple(_split(flags["items"])) + names
    choice = Choice(items, flags["everything"], flags["force"], flags["changes"])
    jobs = list(source.jobs())
    left = 0 if wanted.is_local else _left(folder)
    if not jobs and not left:
        raise nothing_found(wanted, source)
    chosen = choose(jobs, choice)
    waiting = [each for each in chosen.left if each.reason == "Running"]
    if waiting and not flags["dry_run"] and _may_stop(len(waiting)):
        chosen = choose(jobs, Choice(items, flags["everything"], True, flags["changes"]))
    del jobs
    valid(chosen)
    report = RetryReport(as_json=flags["output"] == "json", quiet=flags["quiet"])
    if flags["dry_run"]:
        return report.dry(chosen)
    if not chosen.again and not chosen.left and not left:
        states = ", ".join(f"{count:,} {state}" for state, count in sorted(chosen.states.items()))
        say(f"nothing to run again: {states}")
        return report.end()
    if isinstance(source, LocalSource):
        from expander.cli.retry_local import here

        return here(source, chosen, logs, flags, report)
    from expander.cli.retry_cluster import there

    return there(source, wanted, chosen, folder, None if flags["no_logs"] else logs, flags, report)


def _split(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        yield from filter(None, (part.strip() for part in text.split(",")))


def _left(folder: Path) -> int:
    from expander.group.retry import pending_left

    return pending_left(folder)


def _may_stop(count: int) -> bool:
    """Ask whether Jobs that have not ended are to be stopped; no when there is nobody to ask."""
    if not sys.stdin.isatty():
        return False
    return click.confirm(f"{count:,} Jobs have not ended. Stop and begin them anew too?", err=True)
