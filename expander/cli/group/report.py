"""``expander report``: write an HTML report of a group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from expander.cli.options.group import NewFile, group_options, save_report, source_of, wanted_of
from expander.cli.pages.page import Page

EXAMPLES = """
\b
Examples:
  expander report --group night --out night.html
  expander report --group night --local --out night.html
  expander report -l team=render -A --title "Renders of the week" --out week.html

\b
The report is one self-contained file: it needs no network and can be mailed or printed. It has a timeline,
durations, failure reasons, the last log lines of failed and slow items, requested CPU and memory, and a table
of all items to search, filter and sort. `run` and `wait` write it at their end with --report FILE.

\b
Exit codes: 0 the report is written, 1 the cluster cannot be reached, 2 wrong usage, no such group, or a file
that cannot be written.
"""


@click.command(cls=Page, epilog=EXAMPLES)
@group_options
@click.option(
    "--out",
    type=NewFile(),
    metavar="FILE",
    help="File to write.  [default: GROUP.html]",
)
@click.option("--title", metavar="TEXT", help="Title.  [default: the group's name or the selector]")
def command(out: Path | None, title: str | None, **flags: Any) -> int:
    """Write an HTML report of a group: what ran when, what failed and why, durations and cost."""
    save_report(source_of(flags), wanted_of(flags), out, title, may_be_empty=False)
    return 0
