"""``expander exec``: run a command in a container of a group."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import UsageError
from expander.cli.options.group import group_options, source_of, wanted_of
from expander.cli.pages.page import Page

if TYPE_CHECKING:
    from expander.group.open import GroupSelector
    from expander.kube.objects import Object

EXAMPLES = """
\b
Examples:
  expander exec --group night apple --local -- ls -l
  expander exec --group night apple --local -it -- sh
  expander exec --group night apple -c sidecar -- env
  tar c data | expander exec --group night apple --local -i -- tar x

\b
In a cluster it runs `kubectl exec`. On this machine the command ends with its container, and Ctrl-C ends it.

\b
Exit codes: 0 or the command's own; 2 wrong usage, no such container or command, or it is not running.
"""


class ExecPage(Page):
    """A command with a KEY before ``--``: what stands behind is none."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        behind = args[args.index("--") + 1 :] if "--" in args else []
        rest = super().parse_args(ctx, args)
        words = [ctx.params["name"], *ctx.params["words"]]
        if not ctx.resilient_parsing and (words == behind or len(words) == 1):
            missing = "name" if words == behind else "words"
            raise click.MissingParameter(
                ctx=ctx, param=next(each for each in self.params if each.name == missing)
            )
        return rest


@click.command(cls=ExecPage, epilog=EXAMPLES)
@click.argument("name", metavar="KEY|JOB|POD")
@click.argument("words", metavar="-- COMMAND [ARG]...", nargs=-1, type=click.UNPROCESSED)
@group_options
@click.option("-c", "--container", metavar="NAME", help="Container to run it in.  [default: the main one]")
@click.option("-i", "--stdin", is_flag=True, help="Pass standard input to the command.")
@click.option("-t", "--tty", is_flag=True, help="Give it a terminal.")
def command(name: str, words: tuple[str, ...], **flags: Any) -> int:
    """Run a command in a running container of an item, Job or pod."""
    from expander.group.local.source import LocalSource
    from expander.group.records import running_container
    from expander.local.container_exec import run_in_container

    source, wanted = source_of(flags), wanted_of(flags)
    pod, container = running_container(source, name, flags["container"], group=wanted)
    terminal = flags["tty"] and sys.stdin.isatty()
    if not isinstance(source, LocalSource):
        return _kubectl(wanted, pod, container, words, flags, terminal)
    home = source.home(pod)
    assert home is not None
    uid = pod["metadata"]["uid"]
    return run_in_container(home, uid, container, words, stdin=flags["stdin"], terminal=terminal)


def _kubectl(
    wanted: GroupSelector,
    pod: Object,
    container: str,
    words: tuple[str, ...],
    flags: dict[str, Any],
    terminal: bool,
) -> int:
    """Become kubectl, which knows how to reach containers of a cluster."""
    program = shutil.which("kubectl")
    if program is None:
        raise UsageError("kubectl is not on PATH, which runs commands in pods of a cluster")
    given = {"--kubeconfig": flags.get("kubeconfig"), "--context": flags.get("context")}
    arguments = [f"{option}={value}" for option, value in given.items() if value]
    arguments += ["exec", "--namespace", pod["metadata"]["namespace"], pod["metadata"]["name"]]
    arguments += [
        "--container",
        container,
        *(["-i"] if flags["stdin"] else []),
        *(["-t"] if terminal else []),
    ]
    os.execv(program, ["kubectl", *arguments, "--", *words])
