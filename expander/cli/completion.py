"""``expander completion``: print the completion script for a shell."""

from __future__ import annotations

import sys

import click

from expander.cli.pages.page import Page

EXAMPLES = """
\b
Examples:
  expander completion bash > ~/.local/share/bash-completion/completions/expander
  expander completion zsh > "${fpath[1]}/_expander"
  expander completion fish > ~/.config/fish/completions/expander.fish

\b
For one session: source <(expander completion bash). As a kubectl plugin it is completed by kubectl's own
completion, without a script. Groups, items, columns, namespaces and contexts are completed from local state
and from the cluster, within two seconds or $EXPANDER_COMPLETION_TIMEOUT; files and formats of -i, columns of
the items and values of the template from the files that the line names.

\b
Exit codes: 0 success, 2 wrong usage.
"""


@click.command(cls=Page, epilog=EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the completion script for SHELL."""
    from expander.cli.main import COMPLETE, program
    from expander.cli.options.complete_shells import SHELLS

    script = SHELLS[shell](program, {}, "expander", COMPLETE)
    click.echo(script.source_template % script.source_vars())
    return 0


def kubectl() -> None:
    """The program ``kubectl_complete-expander``, which kubectl asks for completions of the plugin."""
    from expander.cli.main import program
    from expander.cli.options import complete_values

    for line in complete_values.kubectl(program, sys.argv[1:]):
        click.echo(line)
