"""``expander init``: the starter template of a pattern."""

from __future__ import annotations

from pathlib import Path

import click

from expander.base.errors import UsageError
from expander.cli.help import Page
from expander.cli.output import Output, say

EXAMPLES = """
\b
Examples:
  expander init                         the patterns there are
  expander init indexed > job.yaml
  expander init expansion -o .          writes ./job.yaml
  expander init cronjob | expander run -

\b
Every template is complete: it is valid, runs as it is, and its comments say what to change and how to run it.
Exit codes: 0, or 2 for a pattern that is not there and a file that cannot be written.
"""


@click.command(cls=Page, epilog=EXAMPLES)
@click.argument("pattern", required=False)
@click.option("-o", "--output", "target", metavar="DIR", help="Write a file in DIR, not to standard output.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def command(pattern: str | None, target: str | None, force: bool) -> int:
    """Give the starter template of PATTERN; without one, list the patterns."""
    from expander.batch.starters import starter, starters, write_starter

    out = Output()
    if pattern is None:
        if target is not None:
            raise UsageError("-o DIR goes with a PATTERN")
        found = starters()
        width = max(len(each.name) for each in found)
        out.put("".join(f"{each.name:{width}}  {each.title}\n" for each in found))
    elif target is None:
        out.put(starter(pattern).text)
    else:
        say(f"wrote {write_starter(starter(pattern), Path(target), force=force)}")
    out.finish()
    return 0
