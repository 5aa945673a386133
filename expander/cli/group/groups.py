"""``expander groups``: the batches there are, on this machine and in the cluster."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from expander.base.errors import ExpanderError
from expander.cli.options.group import context_of, place_options
from expander.cli.options.params import output_option
from expander.cli.output.streams import Output, say
from expander.cli.output.table import table, terminal_width
from expander.cli.pages.page import Page

if TYPE_CHECKING:
    from expander.group.known.listing import KnownGroup

EXAMPLES = """
\b
Examples:
  expander groups --local
  expander groups -n batch -o wide
  expander groups -A -o json | jq -r '.[] | select(.failed > 0) | .group'

\b
ITEMS are counted by state; those of an Indexed Job one by one. A chunk that has failed in a cluster counts as
failed with all its items, since only its log tells them apart (`expander results`). PENDING includes the
items of an interrupted run: the same command resumes it.

\b
Exit codes: 0 all groups are listed, 1 those of the cluster or of a state folder could not be read, 2 wrong
usage. --local lists those of this machine only.
"""

HEADS = {"Running": "ACTIVE", "Waiting": "PENDING"}
"""Heads of the table for counts whose names in JSON are others."""

CLUSTER_SECONDS = 3.0
"""How long a cluster that nobody named is tried."""


@click.command(cls=Page, epilog=EXAMPLES)
@place_options
@output_option("A table, wide with folders and servers, a JSON array, or names.", "table|wide|json|name")
def command(output: str, **flags: Any) -> int:
    """List batches: those run on this machine, and those in the cluster of the kubeconfig if there is one."""
    bad: list[ExpanderError] = []
    found = [*_local(flags, bad.append)]
    in_cluster: list[KnownGroup] | None = []
    if not (flags["local"] or flags["state"]):
        in_cluster = _in_cluster(flags)
        found += in_cluster or ()
    _set_last_uses(found, flags)
    out = Output()
    for text in _shown(found, output, flags):
        out.put(text)
    out.finish()
    for error in bad:
        say(f"error: {error}")
    if not found and not bad:
        say("no groups" if in_cluster is not None else "no groups on this machine")
    return 1 if bad or in_cluster is None else 0


def _local(flags: dict[str, Any], on_error: Callable[[ExpanderError], None]) -> Iterator[KnownGroup]:
    from expander.base.state_dir import state_folder
    from expander.group.known.listing import local_groups

    if flags["kubeconfig"] is None and flags["context"] is None:
        root = state_folder("any", flags["state"]).parent
        yield from local_groups(root, flags["group_label"], on_error)


def _in_cluster(flags: dict[str, Any]) -> list[KnownGroup] | None:
    """The groups of the cluster; None where one that nobody named does not tell, which is said."""
    from expander.cli.output.slow_server import SlowServer
    from expander.client.kubeconfig import kubeconfig_files, names_cluster
    from expander.client.retry import Retry
    from expander.client.transport import Transport
    from expander.group.known.listing import cluster_groups

    asked = any(flags[name] for name in ("kubeconfig", "context", "namespace", "everywhere"))
    slow = SlowServer()
    try:
        transport = Transport(flags["kubeconfig"], flags["context"])
    except ExpanderError as error:
        if asked:
            raise
        if not names_cluster(kubeconfig_files(None)):
            return []
        _say_unlisted("the cluster", error)
        return None
    slow.transport = transport
    namespace = None if flags["everywhere"] else flags["namespace"] or transport.namespace
    where, retry = flags["context"] or transport.server, Retry() if asked else Retry(budget=CLUSTER_SECONDS)
    try:
        return cluster_groups(transport, namespace, flags["group_label"], where, retry)
    except ExpanderError as error:
        if asked:
            raise
        _say_unlisted(transport.server, error)
        return None


def _say_unlisted(cluster: str, error: ExpanderError) -> None:
    say(f"warning: the groups of {cluster} are not listed: {error.problems[0].message}")


def _set_last_uses(found: Sequence[KnownGroup], flags: dict[str, Any]) -> None:
    from expander.group.known.last_used import used_anywhere

    uses = sorted((use for use in used_anywhere(flags["state"]) if use.command), key=lambda use: use.at)
    for group in found:
        for use in uses:
            if use.group == group.group and use.local == (group.where is None):
                group.last = use


def _shown(found: Sequence[KnownGroup], output: str, flags: dict[str, Any]) -> Iterator[str]:
    if output == "name":
        yield from (f"{name}\n" for name in dict.fromkeys(each.group for each in found))
    elif output == "json":
        rows = [json.dumps(_object(each), ensure_ascii=False) for each in found]
        yield "[\n" + ",\n".join(rows) + "\n]\n" if rows else "[]\n"
    elif found:
        wide = output == "wide"
        context, _ = context_of(flags["kubeconfig"], flags["context"])
        yield from table(_rows(found, context, wide=wide), None if wide else terminal_width())


def _object(group: KnownGroup) -> dict[str, Any]:
    from expander.kube.time import precise_time

    last = group.last
    return {
        "group": group.group,
        "namespace": group.namespace,
        "items": group.items,
        **{state.lower(): count for state, count in group.counts.items()},
        "created": group.created,
        "local": group.where is None,
        "cluster": group.where,
        "state": group.state,
        "active": group.active,
        "lastCommand": None if last is None else last.command,
        "lastUsed": None if last is None else precise_time(last.at),
    }


def _rows(found: Sequence[KnownGroup], context: str | None, *, wide: bool) -> Iterator[list[str]]:
    from expander.group.known.listing import STATES
    from expander.kube.time import age

    now = time.time()
    more = ["STATE FOLDER"] if wide else []
    yield [
        "GROUP",
        "ITEMS",
        *(HEADS.get(state, state.upper()) for state in STATES),
        "AGE",
        "WHERE",
        *more,
        "LAST COMMAND",
    ]
    for group in found:
        where = "local" if group.where is None else f"{context or group.where}, {group.namespace}"
        if group.where is None and group.namespace:
            where = f"local, {group.namespace}"
        row = [group.group, str(group.items), *(str(group.counts[state]) for state in STATES)]
        row += [age(group.created, now), where, *([group.state or ""] if wide else [])]
        yield [*row, group.last.command if group.last is not None else ""]
