"""Options that select a group and its location, and ``--report``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import UsageError
from expander.cli.options.params import LabelKey, all_of
from expander.cli.output.streams import say
from expander.version import __version__

if TYPE_CHECKING:
    from expander.group.open import AnySource, GroupSelector
    from expander.group.source import Reader


class NewFile(click.ParamType):  # type: ignore[type-arg]
    """A file to be written at the end; its folder must exist from the start."""

    name = "file"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(value)
        if not path.parent.is_dir():
            raise UsageError(f"cannot write {path}: folder {path.parent} not found")
        if path.is_dir():
            raise UsageError(f"cannot write {path}: it is a folder")
        return path


report_option = click.option(
    "--report", type=NewFile(), metavar="FILE", help="Write an HTML report of the group to FILE at the end."
)


def save_report(source: Reader, path: Path, title: str) -> None:
    """Write the report of a group and print its path. Raises OutputError when it cannot be written."""
    from expander.group.report import write_report

    size = write_report(source, path, title, version=__version__)
    say(f"report: {path} ({size:,} bytes)")


sort_option = click.option(
    "--sort-by",
    "sort",
    type=click.Choice(["input", "name"]),
    default="input",
    show_default=True,
    help="Order of items: as they were given, or by the names of their Jobs.",
)

group_options = all_of(
    click.option(
        "--group", metavar="NAME", help="Group name: what `submit` or `run` labelled the batch with."
    ),
    click.option("-l", "--selector", metavar="SELECTOR", help="Label selector, as kubectl's -l."),
    click.option("-n", "--namespace", metavar="NAME", help="Namespace.  [default: the context's]"),
    click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Select from all namespaces."),
    click.option("--local", is_flag=True, help="Select Jobs that `expander run` ran on this machine."),
    click.option(
        "--state", metavar="DIR", help="State folder; implies --local.  [default: ~/.local/state/expander]"
    ),
    click.option("--kubeconfig", metavar="FILE", help="Path to the kubeconfig file.  [default: as kubectl]"),
    click.option(
        "--context", metavar="NAME", help="Kubeconfig context to use.  [default: the current context]"
    ),
    click.option(
        "--group-label",
        type=LabelKey(),
        default="jobgroup",
        show_default=True,
        metavar="KEY",
        help="Label key of --group.",
    ),
)
"""The options that say which group, and where. Their values are for `wanted_of`."""
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


def wanted_of(flags: Mapping[str, Any]) -> GroupSelector:
    """What the options mean; other flags are left alone."""
    from expander.group.open import GroupSelector

    return GroupSelector(**{name: flags[name] for name in NAMES})


def source_of(flags: Mapping[str, Any], *, awaited: bool = False) -> AnySource:
    """The source of the group; see `pipeline.group.open.open_source` for what it raises."""
    from expander.group.open import open_source

    return open_source(wanted_of(flags), awaited=awaited)
