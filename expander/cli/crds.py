"""``expander crds``: keep the CustomResourceDefinitions of a cluster, for validation without it."""

from __future__ import annotations

import click

from expander.base.text import counted
from expander.cli.output.streams import say
from expander.cli.pages.page import GroupPage, Page

SAVE_EXAMPLES = """
\b
Examples:
  expander crds save crds
  expander crds save crds --context production
  expander validate queues/ --crds crds

\b
Each definition becomes NAME.yaml. A later call updates files that have changed and leaves those alone that
somebody else wrote; with --prune it removes those whose definition is gone.

\b
Exit codes: 0 the definitions are in the folder, 1 the cluster cannot be reached or refuses, 2 wrong usage or
a folder that cannot be written.
"""

EXAMPLES = """
\b
Examples:
  expander crds save crds
"""


@click.command(cls=Page, epilog=SAVE_EXAMPLES, short_help="Save the definitions of a cluster to a folder.")
@click.argument("folder", metavar="DIR")
@click.option("--kubeconfig", metavar="FILE", help="Path to the kubeconfig file.  [default: as kubectl]")
@click.option("--context", metavar="NAME", help="Kubeconfig context to use.  [default: the current context]")
@click.option("--prune", is_flag=True, help="Remove files of earlier calls whose definition is gone.")
def save(folder: str, kubeconfig: str | None, context: str | None, prune: bool) -> int:
    """Save the CustomResourceDefinitions of a cluster to DIR, which --crds reads without the cluster."""
    from expander.batch.crds import definitions_in_cluster
    from expander.cli.output.slow_server import SlowServer
    from expander.client.client import ApiClient
    from expander.client.retry import Retry
    from expander.client.transport import Transport
    from expander.sinks.directory import DirectorySink, Outcome

    slow = SlowServer()
    slow.transport = transport = Transport(kubeconfig, context)
    client = ApiClient(transport, Retry(), lambda: False)
    with DirectorySink(folder, prune=prune) as sink:
        sink.write_many(definitions_in_cluster(client))
        counts = sink.finish()
    total = sum(counts.values()) - counts[Outcome.REMOVED]
    words = ", ".join(f"{count} {each}" for each, count in counts.items() if count)
    say(f"{counted(total, 'definition')} in {folder}{f': {words}' if words else ''}")
    return 0


@click.group(cls=GroupPage, no_args_is_help=True, epilog=EXAMPLES)
def command() -> None:
    """Keep CustomResourceDefinitions for --crds."""


command.add_command(save)
