"""Where the page looks for groups: on this machine, in the cluster of the kubeconfig, or in both."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expander.base.errors import ExpanderError
from expander.base.named_tuple import NamedTuple
from expander.base.state_dir import state_folder
from expander.group.known.listing import KnownGroup, cluster_groups, local_groups
from expander.group.local.state import GroupFolders
from expander.manifests.edits import GROUP_LABEL

if TYPE_CHECKING:
    from expander.client.transport import Transport
    from expander.group.open import GroupSelector

CLUSTER_SECONDS: Final = 3.0
"""How long a cluster is tried before it is said not to answer."""

AGAIN_SECONDS: Final = 5.0
"""How long a list of the cluster's groups is good: each one lists all its Jobs."""

ACTIONS: Final = ("retry", "suspend", "resume", "cleanup")
"""The commands that the page runs; all have ``--dry-run``."""


class GroupPlace(NamedTuple):
    """A group: whether it is local, its namespace ("" for any or the context's), and its name."""

    local: bool
    namespace: str
    group: str


class Places:
    """``options`` say where groups are, as those of `expander groups` do; they name none."""

    def __init__(self, options: GroupSelector) -> None:
        self._options = options
        self._has_local = options.kubeconfig is None and options.context is None
        self.has_cluster = not options.is_local
        """Whether groups of a cluster are listed, if one is configured."""
        self._in_cluster: tuple[list[KnownGroup], list[ExpanderError]] = ([], [])
        self._due = 0.0 if self.has_cluster else math.inf

    @cached_property
    def _transport(self) -> Transport:
        from expander.client.transport import Transport

        return Transport(self._options.kubeconfig, self._options.context)

    def listing(self) -> dict[str, Any]:
        """The groups there are, and what is wrong with the places, as the page's script reads them."""
        problems: list[ExpanderError] = []
        found = self._local(problems)
        remote, missing = self._in_cluster
        return {
            "groups": [_entry(each) for each in [*found, *remote]],
            "problems": [str(each.problems[0].message) for each in [*problems, *missing]],
        }

    @property
    def is_due(self) -> bool:
        """Whether the groups of the cluster are to be listed again."""
        return time.monotonic() >= self._due

    def list_cluster(self) -> None:
        """List the groups of the cluster again, for `listing`; that may take seconds."""
        missing: list[ExpanderError] = []
        try:
            self._in_cluster = self._of_cluster(missing), missing
        finally:
            self._due = time.monotonic() + AGAIN_SECONDS

    @property
    def named(self) -> GroupPlace | None:
        """The group that the options name, if they do: one of this machine, else one of the cluster."""
        options = self._options
        if options.group is None:
            return None
        root = state_folder("any", options.state).parent
        elsewhere = options.namespace is not None or options.everywhere or not self._has_local
        known = not elsewhere and options.group in GroupFolders(root, None).known()
        return GroupPlace(options.is_local or known, options.namespace or "", options.group)

    def _local(self, problems: list[ExpanderError]) -> list[KnownGroup]:
        if not self._has_local:
            return []
        root = state_folder("any", self._options.state).parent
        return [*local_groups(root, self._options.group_label, problems.append)]

    def _of_cluster(self, problems: list[ExpanderError]) -> list[KnownGroup]:
        from expander.client.retry import Retry

        options = self._options
        try:
            transport = self._transport
        except ExpanderError as error:
            if not self._has_local:
                problems.append(error)
            return []  # no cluster is configured, and nobody asked for one
        namespace = None if options.everywhere else options.namespace or transport.namespace
        where = options.context or transport.server
        try:
            return cluster_groups(
                transport, namespace, options.group_label, where, Retry(budget=CLUSTER_SECONDS)
            )
        except ExpanderError as error:
            problems.append(error)
            return []

    def selector(self, place: GroupPlace) -> GroupSelector:
        """What selects a group."""
        return replace(
            self._options,
            group=place.group,
            namespace=place.namespace or None,
            everywhere=False,
            local=place.local,
            state=self._options.state if place.local else None,
        )

    def command(self, place: GroupPlace, action: str, *, dry: bool) -> list[str]:
        """The arguments of the command that does something to a group."""
        wanted = self.selector(place)
        texts = [
            ("--namespace", wanted.namespace),
            ("--state", None if wanted.state is None else str(Path(wanted.state).absolute())),
            ("--kubeconfig", wanted.kubeconfig),
            ("--context", wanted.context),
            ("--group-label", None if wanted.group_label == GROUP_LABEL else wanted.group_label),
        ]
        found = [action, f"--group={place.group}", *(["--local"] if place.local else [])]
        found += [f"{name}={value}" for name, value in texts if value is not None]
        if dry:
            return [*found, "--dry-run", "--quiet"]
        return [*found, *(["--yes"] if action == "cleanup" else []), "--quiet"]


def program() -> list[str]:
    """What starts expander; not with modules of the current folder."""
    return [sys.executable, "-P", "-m", "expander"]


def _entry(group: KnownGroup) -> dict[str, Any]:
    from expander.kube.time import unix

    return {
        "group": group.group,
        "namespace": group.namespace or "",
        "local": group.where is None,
        "where": group.where or "",
        "counts": group.counts,
        "created": None if group.created is None else unix(group.created),
        "active": group.active,
    }
