"""Options that say how a batch is sent to a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from expander.cli.parameters import Duration

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = [
    click.option("--kubeconfig", metavar="FILE", help="The kubeconfig.  [default: as kubectl]"),
    click.option("--context", metavar="NAME", help="The context in it.  [default: the current one]"),
    click.option(
        "--qps", type=click.FloatRange(0, min_open=True), help="Requests a second.  [default: no limit]"
    ),
    click.option("--burst", type=click.IntRange(1), help="Requests at once after a pause, with --qps."),
    click.option(
        "--max-in-flight",
        "in_flight",
        type=click.IntRange(1, 256),
        default=32,
        show_default=True,
        help="Requests under way at most; fewer when the server is busy.",
    ),
    click.option(
        "--max-active",
        type=click.IntRange(1),
        metavar="N",
        help="Unfinished Jobs of the group at most. Those of another submitter count once they are heard of.",
    ),
    click.option(
        "--retry-budget",
        type=Duration(),
        default="15m",
        show_default=True,
        help="Give an item up after this time of failures.",
    ),
    click.option(
        "--on-exists",
        type=click.Choice(["fail", "skip", "replace", "recreate"]),
        default="fail",
        show_default=True,
        help="When something else has the name.",
    ),
    click.option(
        "--on-quota",
        type=click.Choice(["wait", "fail", "skip"]),
        default="wait",
        show_default=True,
        help="When a quota has no room.",
    ),
    click.option(
        "--quota-timeout", type=Duration(), help="Hold an item for quota so long.  [default: for ever]"
    ),
    click.option("--server-side", is_flag=True, help="Apply on the server's side instead of creating."),
    click.option(
        "--force-conflicts", is_flag=True, help="With --server-side: take fields of other managers over."
    ),
    click.option(
        "--kueue", "queue", metavar="QUEUE", help="Hand the Jobs to this queue of Kueue, suspended."
    ),
    click.option(
        "--delete-finished",
        is_flag=True,
        help="Collect what finished Jobs put out, then delete them; wait for all.",
    ),
    click.option(
        "--results", metavar="DIR", help="Where that is collected.  [default: results, beside the journal]"
    ),
    click.option(
        "--resume",
        is_flag=True,
        help="Go on where an earlier run stopped: the same command, or only --group.",
    ),
    click.option("--state", metavar="DIR", help="Where journals are kept.  [default: among your state]"),
    click.option(
        "--dry-run", type=click.Choice(["none", "client", "server"]), default="none", help="Only pretend."
    ),
    click.option(
        "-o",
        "--output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="What is printed of each item.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Print nothing of items that arrived (text)."),
]


def submit_options(command: Command) -> Command:
    """The options that say how a batch is sent."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
