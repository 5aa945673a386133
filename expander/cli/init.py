"""``expander init``: print a starter template."""

from __future__ import annotations

from pathlib import Path

import click

from expander.base.errors import UsageError
from expander.cli.output.streams import Output, say
from expander.cli.output.table import table
from expander.cli.pages.page import Page

EXAMPLES = """
\b
Examples:
  expander init                         list the patterns
  expander init indexed > job.yaml
  expander init expansion -o .          write ./job.yaml
  expander init cronjob | expander run -

\b
Every template is valid and runs as it is; its comments say what to change and how to run it.
Exit codes: 0, or 2 for an unknown pattern and a file that cannot be written.
"""


@click.command(cls=Page, epilog=EXAMPLES)
@click.argument("pattern", required=False)
@click.option(
    "-o", "--output", "target", metavar="DIR", help="Write a file to DIR instead of standard output."
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
def command(pattern: str | None, target: str | None, force: bool) -> int:
    """Print the starter template of PATTERN, or list the patterns."""
    from expander.batch.starters import starter, starters, write_starter

    out = Output()
    if pattern is None:
        if target is not None:
            raise UsageError("-o DIR requires a PATTERN")
        out.put("".join(table([(each.name, each.title) for each in starters()])))
        say("expander init PATTERN > job.yaml writes one")
    elif target is None:
        out.put(starter(pattern).text)
    else:
        say(f"wrote {write_starter(starter(pattern), Path(target), force=force)}")
    out.finish()
    return 0
