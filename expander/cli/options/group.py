"""Options that select a group and its location, and ``--report``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import ExpanderError, UsageError
from expander.cli.options.once import Once
from expander.cli.options.params import (
    Namespace,
    all_of,
    group_label_option,
    group_option,
    label_selector_option,
)
from expander.cli.output.streams import say

if TYPE_CHECKING:
    from expander.group.known.last_used import GroupUse
    from expander.group.open import AnySource, GroupSelector


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


def save_report(
    source: AnySource,
    wanted: GroupSelector,
    path: Path | None,
    title: str | None = None,
    *,
    may_be_empty: bool = True,
) -> None:
    """Write the report of a group and print its path; see `group_report`."""
    from expander.group.report import group_report

    path, size = group_report(source, wanted, path, title, may_be_empty=may_be_empty)
    say(f"report: {path} ({size:,} bytes)")


sort_option = click.option(
    "--sort-by",
    "sort",
    cls=Once,
    noun="order",
    type=click.Choice(["input", "name"]),
    default="input",
    show_default=True,
    help="Order of items: as they were given, or by the names of their Jobs.",
)

place_options = all_of(
    click.option(
        "-n", "--namespace", type=Namespace(), metavar="NAME", help="Namespace.  [default: the context's]"
    ),
    click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Select from all namespaces."),
    click.option("--local", is_flag=True, help="Select Jobs that `expander run` ran on this machine."),
    click.option(
        "--state", metavar="DIR", help="State folder; implies --local.  [default: ~/.local/state/expander]"
    ),
    click.option("--kubeconfig", metavar="FILE", help="Path to the kubeconfig file.  [default: as kubectl]"),
    click.option(
        "--context", metavar="NAME", help="Kubeconfig context to use.  [default: the current context]"
    ),
    group_label_option(),
)
"""The options that say where groups are."""

group_options = all_of(
    group_option(
        "Group name: what `submit` or `run` labelled the batch with.  [default: the last used here]",
        selects=True,
    ),
    label_selector_option("Label selector, as kubectl's -l."),
    place_options,
)
"""The options that say which group, and where. Their values are for `wanted_of`."""
MEMORY = "expander.group"
"""The key in the context of what remembers the command's group."""

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


REMEMBERED = tuple(name for name in NAMES if name not in ("selector", "state"))


def wanted_of(flags: dict[str, Any]) -> GroupSelector:
    """What the options mean; other flags are left alone.

    Without --group and -l the group that was used last in this folder is meant, which is said; ``flags`` get
    its options. A group by name is remembered for that.
    """
    if flags["group"] is None and flags["selector"] is None and (use := last_used(flags)) is not None:
        flags |= {name: getattr(use, name) for name in REMEMBERED}
        say(f"group {use.group} ({use.where}; last used in this folder)")
    if flags["group"] is not None:
        remember_group(flags, flags["group"], local=flags["local"] or flags["state"] is not None)
    return selector_of(flags)


def selector_of(flags: Mapping[str, Any]) -> GroupSelector:
    """What the options mean; without a group that used last, of which nothing is said."""
    from expander.group.open import GroupSelector

    given = {name: flags[name] for name in NAMES}
    if given["group"] is None and given["selector"] is None and (use := last_used(flags)) is not None:
        given |= {name: getattr(use, name) for name in REMEMBERED}
    return GroupSelector(**given)


def last_used(flags: Mapping[str, Any]) -> GroupUse | None:
    """The group used last in this folder, of those that are where the options say; None if there is none.

    Raises UsageError when that one is gone: the one before it is not what the user thinks of.
    """
    from expander.group.known.last_used import is_gone, used_here

    local = flags["local"] or flags["state"] is not None
    given = {name: flags[name] for name in ("namespace", "kubeconfig", "context") if flags[name] is not None}
    if flags["everywhere"]:
        given["everywhere"] = True
    uses = [
        use
        for use in used_here(flags["state"])
        if (use.local or not local) and all(getattr(use, name) == value for name, value in given.items())
    ]
    if uses and is_gone(uses[0], flags["state"]):
        others = [use.group for use in uses if not is_gone(use, flags["state"])]
        raise UsageError(
            f"group {uses[0].group}, used last in this folder, is gone: specify --group NAME or -l SELECTOR",
            hint=f"used here before: {', '.join(others)}" if others else None,
        )
    return uses[0] if uses else None


def remember_group(flags: Mapping[str, Any], group: str, *, local: bool, at_once: bool = False) -> None:
    """Remember the group of this command for the current folder, unless the command ends with an error.

    ``at_once``: see `remember_at_once`.
    """
    context = click.get_current_context()
    if MEMORY in context.meta:
        return
    place = os.getcwd()
    kubeconfig = None if local else flags.get("kubeconfig")

    def note() -> None:
        from expander.group.known.last_used import GroupUse, remember

        everywhere, name, namespace = bool(flags.get("everywhere")), None, flags["namespace"]
        if not local:
            name, default = context_of(kubeconfig, flags.get("context"))
            namespace = namespace or (None if everywhere else default)
        use = GroupUse(
            group=group,
            local=local,
            namespace=namespace,
            everywhere=everywhere,
            kubeconfig=None if kubeconfig is None else os.path.join(place, kubeconfig),
            context=name,
            group_label=flags["group_label"],
            command=_words_of(context),
            at=time.time(),
        )
        remember(use, flags["state"])

    def note_at_the_end() -> None:
        if MEMORY in context.meta and not isinstance(sys.exc_info()[1], (ExpanderError, OSError)):
            note()

    context.meta[MEMORY] = note
    context.call_on_close(note_at_the_end)
    if at_once:
        note()


def remember_at_once() -> None:
    """Remember the group now: other commands in the folder mean it while this one is at work."""
    if (note := click.get_current_context().meta.get(MEMORY)) is not None:
        note()


def forget_group() -> None:
    """Do not remember the group of this command: nothing of it came to be."""
    click.get_current_context().meta.pop(MEMORY, None)


def _words_of(context: click.Context) -> str:
    """The command, and the template, manifests or program that it was given; nothing for a dry run."""
    if context.params.get("dry_run") not in (None, False, "none"):
        return ""
    program = context.params.get("command") or ()
    words = ["--", *program[:1]] if program else context.params.get("arguments", ())[:1]
    return " ".join([context.info_name or "", *words])


def context_of(kubeconfig: str | None, name: str | None) -> tuple[str | None, str | None]:
    """The name and namespace of a context: a group stays there when another one becomes the current one."""
    from expander.client.kubeconfig import kubeconfig_files, load_context

    try:
        found = load_context(kubeconfig_files(kubeconfig), name)
    except ExpanderError:  # in a pod there is no kubeconfig
        return name, None
    return found.name, found.namespace


def source_of(flags: dict[str, Any], *, awaited: bool = False) -> AnySource:
    """The source of the group; see `group.open.open_source` for what it raises."""
    return opened(wanted_of(flags), awaited=awaited)


def opened(wanted: GroupSelector, *, awaited: bool = False, collected: bool = True) -> AnySource:
    """The same for a selector; a server that does not answer is told of."""
    from expander.group.open import open_source

    if wanted.is_local:
        return open_source(wanted, awaited=awaited, collected=collected)
    from expander.cli.output.slow_server import SlowServer

    slow = SlowServer()
    source = open_source(wanted, awaited=awaited, collected=collected)
    slow.transport = getattr(source, "transport", None)
    return source


def say_refused(source: AnySource) -> None:
    """Say which items the last run of a group on this machine refused, of which no Job tells."""
    if words := getattr(source, "refused", ""):
        say(words)
