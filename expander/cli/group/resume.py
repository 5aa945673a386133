"""``expander resume``: let suspended Jobs of a group go on."""

from __future__ import annotations

from typing import Any

import click

from expander.cli.options.suspension import EXIT_CODES, change, suspension_options
from expander.cli.pages.page import Page

EXAMPLES = f"""
\b
Examples:
  expander resume --group night
  expander resume --group night sample-7
  expander resume --group thumbnails --local

{EXIT_CODES}
"""


@click.command(cls=Page, epilog=EXAMPLES)
@suspension_options
def command(**flags: Any) -> int:
    """Resume the suspended Jobs of a group, or those named.

    That is every suspended Job, whoever suspended it, but for those that Kueue holds. Volcano Jobs get the
    Command ResumeJob. On this machine the `run` that is at work goes on with them, or the next one does.
    """
    return change(flags, suspend=False)
