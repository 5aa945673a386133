"""Options that say which group a command is about and where it is, shared by all that follow one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from expander.cli.parameters import LabelKey

if TYPE_CHECKING:
    from expander.group.open import AnySource, Wanted

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


def wanted_of(flags: Mapping[str, Any]) -> Wanted:
    """What the options mean; other flags are left alone."""
    from expander.group.open import Wanted

    return Wanted(**{name: flags[name] for name in NAMES})


def source_of(flags: Mapping[str, Any], *, awaited: bool = False) -> AnySource:
    """The source of the group; see `pipeline.group.open.open_source` for what it raises."""
    from expander.group.open import open_source

    return open_source(wanted_of(flags), awaited=awaited)
