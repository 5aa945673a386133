"""``expander suspend``: hold the Jobs of a group."""

from __future__ import annotations

from typing import Any

import click

from expander.cli.options.suspension import EXIT_CODES, change, suspension_options
from expander.cli.pages.page import Page

EXAMPLES = f"""
\b
Examples:
  expander suspend --group night
  expander suspend --group night sample-7 'frame-1*'
  expander suspend --group thumbnails --local
  expander suspend -l team=render --dry-run

{EXIT_CODES}
"""


@click.command(cls=Page, epilog=EXAMPLES)
@suspension_options
def command(**flags: Any) -> int:
    """Suspend the unfinished Jobs of a group, or those named.

    Active pods are deleted, and what they worked on is pending until `expander resume`; what is complete
    stays so. Jobs and JobSets get spec.suspend, Volcano Jobs the Command AbortJob. Without names the
    CronJobs of the group are suspended as well. On this machine a `run` that is at work ends its pods and
    waits for resume.
    """
    return change(flags, suspend=True)
