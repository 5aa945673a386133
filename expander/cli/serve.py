"""``expander serve``: serve a local Kubernetes API."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from expander.cli.executor_options import executor_options, executor_settings
from expander.cli.help import Page
from expander.cli.output import say

EXAMPLES = """
\b
Examples:
  expander serve --detach           then: export KUBECONFIG=..., kubectl create -f job.yaml
  expander serve --port 8001 --state ./cluster --kubeconfig ./kubeconfig
  expander serve status
  expander serve stop
  expander serve --inject 429=0.3,500=0.05,reset=0.02,lost=0.02,latency=50ms

\b
Jobs run as you. Without --tls only your own processes on this machine are answered; with --tls everyone who
has the token in the kubeconfig. Exit codes: 0 shut down in order (status: it is running), 1 no server is
running, 2 wrong usage, or the server cannot start.
"""

PROGRAM = "from expander.cli.main import main; main()"


@click.command(cls=Page, epilog=EXAMPLES)
@click.argument("action", type=click.Choice(["start", "stop", "status"]), default="start", required=False)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port.  [default: the last one used, or a free one]"
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--state", "state", metavar="DIR", help="State folder.  [default: ~/.local/state/expander]")
@click.option("--kubeconfig", metavar="FILE", help="Kubeconfig to write.  [default: in the state folder]")
@click.option("--tls", is_flag=True, help="Serve HTTPS and require the token in the kubeconfig.")
@click.option("--name", "names", multiple=True, metavar="HOST", help="Another host name for the certificate.")
@click.option("--detach", is_flag=True, help="Run in the background; return when ready.")
@executor_options
@click.option(
    "--max-inflight", type=click.IntRange(1), metavar="N", help="Answer 429 beyond N concurrent requests."
)
@click.option(
    "--inject",
    metavar="FAULTS",
    help="Inject faults to test clients: 429=0.3,reset=0.02,lost=0.02,latency=50ms.",
)
def command(action: str, **flags: Any) -> int:
    """Serve a local Kubernetes API for batch work: start, stop or show the status of the server.

    Jobs, CronJobs and pods created through it run on this machine. Writes a kubeconfig and prints the line
    that makes kubectl use it.
    """
    from expander.run import serve

    folder = serve.server_folder(flags["state"])
    if action == "status":
        return _status(folder)
    if action == "stop":
        return _stop(folder)
    kubeconfig = Path(flags["kubeconfig"] or folder / "kubeconfig").absolute()
    if flags["detach"]:
        arguments = [each for each in sys.argv[1:] if each != "--detach"]
        url = serve.detach(folder, [sys.executable, "-c", PROGRAM, *arguments])
        _tell(url, kubeconfig)
        return 0

    def ready(url: str, note: str) -> None:
        say(note)
        _tell(url, kubeconfig)

    serve.run_server(
        folder,
        kubeconfig,
        ready,
        port=flags["port"],
        host=flags["host"],
        encrypted=flags["tls"],
        names=flags["names"],
        faults=flags["inject"],
        most=flags["max_inflight"],
        **executor_settings(flags),
    )
    return 0


def _tell(url: str, kubeconfig: Path) -> None:
    """One write: the reader may stop after the first line."""
    click.echo(f"ready {url}\nexport KUBECONFIG={shlex.quote(str(kubeconfig))}")


def _status(folder: Path) -> int:
    from expander.local.apiserver import server_lock

    found = server_lock.running_server(folder)
    if found is None:
        say(f"no server is running in {folder}")
        return 1
    click.echo(f"running {found.url} (process {found.pid})")
    click.echo(f"export KUBECONFIG={shlex.quote(found.kubeconfig)}")
    return 0


def _stop(folder: Path) -> int:
    from expander.local.apiserver import server_lock

    found = server_lock.stop_server(folder)
    if found is None:
        say(f"no server is running in {folder}")
        return 1
    say(f"stopped {found.url} (process {found.pid})")
    return 0
