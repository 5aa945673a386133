"""``expander ui``: a live page about groups."""

from __future__ import annotations

from typing import Any

import click

from expander.cli.options.group import place_options
from expander.cli.options.params import group_option
from expander.cli.output.streams import say
from expander.cli.pages.page import Page

EXAMPLES = """
\b
Examples:
  expander ui --group night
  expander ui --local
  expander ui -A --context production

\b
Open the printed address in a browser on this machine. The page has a group's timeline, states, failures
and logs as they come, and can retry, suspend, resume and clean up a group: it runs those commands. Whoever
knows the address can do the same: it holds the token. Only this machine reaches the server; from another,
forward the port (ssh -L 8080:127.0.0.1:PORT).

\b
Exit codes: 0 stopped by Ctrl-C, 1 the server cannot start, 2 wrong usage.
"""


@click.command(cls=Page, epilog=EXAMPLES)
@group_option("Show this group at once.", selects=True)
@place_options
@click.option("--port", type=click.IntRange(1, 65535), help="Port.  [default: a free one]")
def command(port: int | None, **flags: Any) -> int:
    """Serve a live page about groups, those run on this machine and those in the cluster."""
    from expander.group.open import GroupSelector
    from expander.ui.serve import run_ui

    def ready(address: str) -> None:
        click.echo(address)
        say("open this address in a browser; Ctrl-C stops the server")

    def stopping(groups: list[str]) -> None:
        say(f"stopping what works on {', '.join(groups)} (stop again to kill it)")

    run_ui(GroupSelector(**flags), ready, port=port, stopping=stopping)
    return 0
