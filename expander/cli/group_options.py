"""Options that say which group a command is about and where it is, shared by all that follow one.

``--report FILE``: commands that end with a group write its page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from expander.base.errors import UsageError
from expander.cli.output import say
from expander.cli.params import LabelKey
from expander.version import __version__

if TYPE_CHECKING:
    from expander.group.open import AnySource, GroupSelector
    from expander.group.source import Reader


class NewFile(click.ParamType):  # type: ignore[type-arg]
    """A file that can be made later: it is looked at first whether its folder is there."""

    name = "file"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(value)
        if not path.parent.is_dir():
            raise UsageError(f"cannot write {path}: there is no folder {path.parent}")
        if path.is_dir():
            raise UsageError(f"cannot write {path}: it is a folder")
        return path


report_option = click.option(
    "--report", type=NewFile(), metavar="FILE", help="At the end write an HTML page about the group to FILE."
)


def save_report(source: Reader, path: Path, title: str) -> None:
    """Write the page of a group and say where it is. Raises OutputError when it cannot be written."""
    from expander.group.report import write_report

    size = write_report(source, path, title, version=__version__)
    say(f"report: {path} ({size:,} bytes)")


Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = [
    click.option("--group", metavar="NAME", help="The group: what `submit` or `run` called the batch."),
    click.option("-l", "--selector", metavar="SELECTOR", help="The Jobs with these labels, as kubectl's -l."),
    click.option("-n", "--namespace", metavar="NAME", help="Their namespace.  [default: the context's]"),
    click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Jobs of all namespaces."),
    click.option("--local", is_flag=True, help="Jobs that `expander run` ran on this machine."),
    click.option(
        "--state", metavar="DIR", help="Where their state is; means --local.  [default: among your state]"
    ),
    click.option("--kubeconfig", metavar="FILE", help="The kubeconfig.  [default: as kubectl]"),
    click.option("--context", metavar="NAME", help="The context in it.  [default: the current one]"),
    click.option(
        "--group-label",
        type=LabelKey(),
        default="jobgroup",
        show_default=True,
        metavar="KEY",
        help="The key of the label that --group means.",
    ),
]
NAMES = (
    "group",
    "selector",
    "namespace",
    "everywhere",
    "local",
    "state",
    "kubeconfig",
    "context",
    "group_label",
)


def group_options(command: Command) -> Command:
    """The options that say which group, and where. Their values are for `wanted_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def wanted_of(flags: Mapping[str, Any]) -> GroupSelector:
    """What the options mean; other flags are left alone."""
    from expander.group.open import GroupSelector

    return GroupSelector(**{name: flags[name] for name in NAMES})


def source_of(flags: Mapping[str, Any], *, awaited: bool = False) -> AnySource:
    """The source of the group; see `pipeline.group.open.open_source` for what it raises."""
    from expander.group.open import open_source

    return open_source(wanted_of(flags), awaited=awaited)
