"""``expander serve``: serve a local Kubernetes API."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from expander.base.errors import UsageError
from expander.cli.options.executor import executor_options, executor_settings, images_option
from expander.cli.options.once import Once
from expander.cli.output.streams import say
from expander.cli.pages.page import Page

if TYPE_CHECKING:
    from expander.local.apiserver.server_lock import ServerRecord

EXAMPLES = """
\b
Examples:
  expander serve --detach
  eval "$(expander serve --detach)"   then: kubectl create -f job.yaml
  expander serve --port 8001 --state ./cluster --kubeconfig ./kubeconfig
  expander serve status
  expander serve stop
  expander serve --inject 429=0.3,500=0.05,reset=0.02,lost=0.02,latency=50ms

\b
Jobs run as you. The server speaks HTTPS and requires the token in the kubeconfig. With --no-tls it speaks
HTTP, and answers only your own processes on this machine. Exit codes: 0 shut down in order (status: it is
running), 1 no server is running, 2 wrong usage, or the server cannot start.
"""

PROGRAM = "from expander.__main__ import entry; entry()"

NOT_THE_SERVERS: Final = ("action", "detach", "state", "verbosity", "log_file")
"""Parameters that change nothing of the server itself."""


@click.command(cls=Page, epilog=EXAMPLES)
@click.argument("action", type=click.Choice(["start", "stop", "status"]), default="start", required=False)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port.  [default: the last one used, or a free one]"
)
@click.option(
    "--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Address to listen on."
)
@click.option("--state", "state", metavar="DIR", help="State folder.  [default: ~/.local/state/expander]")
@click.option(
    "--kubeconfig", metavar="FILE", help="Kubeconfig to merge into.  [default: in the state folder]"
)
@click.option("--use-context", is_flag=True, help="Change the current context of the kubeconfig.")
@click.option(
    "--tls/--no-tls", default=True, help="HTTPS with a token (default), or HTTP for your own processes."
)
@click.option("--name", "names", multiple=True, metavar="HOST", help="Extra host name for the certificate.")
@click.option("--detach", is_flag=True, help="Run in the background; return when ready.")
@click.option("--ui", is_flag=True, help="Serve a live page about its groups, too; not with --detach.")
@executor_options
@images_option
@click.option(
    "--crds", multiple=True, metavar="FILE|DIR", help="Serve these CustomResourceDefinitions from the start."
)
@click.option("--rbac", is_flag=True, help="Let service accounts do what roles allow, and no more.")
@click.option(
    "--max-inflight", type=click.IntRange(1), metavar="N", help="Answer 429 beyond N concurrent requests."
)
@click.option(
    "--inject",
    cls=Once,
    noun="list of faults",
    joined=True,
    metavar="FAULTS",
    help="Inject faults to test clients: 429=0.3,reset=0.02,lost=0.02,latency=50ms.",
)
def command(action: str, **flags: Any) -> int:
    """Serve a local Kubernetes API for batch work: start, stop or show the status of the server.

    Jobs, CronJobs and pods created through it run on this machine. Writes a kubeconfig and prints the line
    that makes kubectl use it.
    """
    from expander.local.apiserver.server_lock import running_server
    from expander.run import serve

    folder = serve.server_folder(flags["state"])
    if action == "status":
        return _status(folder)
    if action == "stop":
        return _stop(folder)
    kubeconfig = Path(flags["kubeconfig"] or folder / "kubeconfig").absolute()
    if flags["detach"] and flags["ui"]:
        raise UsageError(
            "--ui cannot be combined with --detach", hint="`expander ui` serves the page beside it"
        )
    if flags["detach"]:
        if (running := running_server(folder)) is not None:
            say(f"already running {running.url} (process {running.pid})")
            _tell_unused(running)
            _print_export(running)
            return 0
        arguments = [each for each in sys.argv[1:] if each != "--detach"]
        started = serve.detach(folder, [sys.executable, "-c", PROGRAM, *arguments])
        say(f"{serve.READY_PREFIX}{started.url} with {started.note}")
        _print_export(started)
        return 0

    def ready(record: ServerRecord) -> None:
        say(record.note)
        _print_export(record, f"{serve.READY_PREFIX}{record.url}\n")
        if flags["ui"]:
            _start_page(record)

    serve.run_server(
        folder,
        kubeconfig,
        ready,
        port=flags["port"],
        host=flags["host"],
        encrypted=flags["tls"],
        names=flags["names"],
        use_context=flags["use_context"],
        faults=flags["inject"],
        most=flags["max_inflight"],
        crds=flags["crds"],
        rbac=flags["rbac"],
        given=_given(),
        **executor_settings(flags),
    )
    return 0


def _start_page(record: ServerRecord) -> None:
    from expander.group.open import GroupSelector
    from expander.ui.serve import start_ui

    place = GroupSelector(kubeconfig=record.kubeconfig, context=record.context, everywhere=True)
    start_ui(place, lambda address: say(f"live page: {address}"))


def _given() -> dict[str, str]:
    """The options that the command line gives the server, with their values."""
    context = click.get_current_context()
    found = {}
    for parameter in context.command.params:
        name = str(parameter.name)
        if name in NOT_THE_SERVERS or context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params[name]
        forms = parameter.secondary_opts if value is False else parameter.opts
        found[max(forms, key=len)] = str(value)
    return found


def _tell_unused(running: ServerRecord) -> None:
    """Say which options have no effect, since the server that runs was started without them."""
    unused = [name for name, value in _given().items() if (running.options or {}).get(name) != value]
    if unused:
        verb = "have" if len(unused) > 1 else "has"
        say(f"warning: {', '.join(unused)} {verb} no effect: the server runs with other options")
        say("  hint: stop it first: expander serve stop")


def _print_export(record: ServerRecord, before: str = "") -> None:
    """Print what a shell evaluates to use the server, in one write: the reader may stop after a line."""
    lines = f"export KUBECONFIG={shlex.quote(record.kubeconfig)}\n"
    if record.context != record.current_context:
        lines += f"# not the current context: kubectl --context {record.context}\n"
    click.echo(before + lines, nl=False)


def _status(folder: Path) -> int:
    from expander.local.apiserver import server_lock

    found = server_lock.running_server(folder)
    if found is None:
        say(f"no server is running in {folder}")
        return 1
    _print_export(found, f"running {found.url} (process {found.pid})\n")
    if found.note:
        say(found.note)
    return 0


def _stop(folder: Path) -> int:
    from expander.local.apiserver import server_lock

    found = server_lock.stop_server(
        folder, lambda: say("waiting for running pods to end (stop again to kill them)")
    )
    if found is None:
        say(f"no server is running in {folder}")
        return 1
    say(f"stopped {found.url} (process {found.pid})")
    return 0
