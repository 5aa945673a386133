"""Turn the options that select a group into its source: a cluster or the state of local runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from expander.base.errors import InputError, UsageError
from expander.base.state_dir import state_folder
from expander.kube.objects import Selection
from expander.kube.selectors import NAME
from expander.manifests.edits import GROUP_LABEL

if TYPE_CHECKING:
    from expander.group.cluster_source import ClusterSource
    from expander.group.local_source import LocalSource
    from expander.group.local_watch import GroupFolders

    AnySource: TypeAlias = ClusterSource | LocalSource

MAX_LISTED_GROUPS = 12
"""So many known groups are listed in an error."""


@dataclass(frozen=True, slots=True)
class GroupSelector:
    """A group by name, by label selector, or by both, and where to look for it.

    ``namespace`` None is the context's on a cluster and any in local state; ``everywhere`` is all of them.
    ``state`` is the folder below which local runs keep their state; giving one means ``local``.
    """

    group: str | None = None
    selector: str | None = None
    namespace: str | None = None
    everywhere: bool = False
    local: bool = False
    state: str | None = None
    kubeconfig: str | None = None
    context: str | None = None
    group_label: str = GROUP_LABEL

    @property
    def is_local(self) -> bool:
        """Whether local runs are meant, and not a cluster."""
        return self.local or self.state is not None

    def __str__(self) -> str:
        parts = [] if self.group is None else [f"group {self.group}"]
        if self.selector is not None:
            parts.append(f"selector {self.selector!r}")
        return ", ".join(parts)


def open_source(wanted: GroupSelector, *, awaited: bool = False) -> AnySource:
    """The source of what is ``wanted``. Nothing is asked of a cluster yet.

    ``awaited``: a local group that has no state yet is no error. Raises UsageError when nothing says what is
    wanted, InputError when there is no cluster configured or no such local group.
    """
    _check_selector(wanted)
    return _local_source(wanted, awaited) if wanted.is_local else _cluster_source(wanted)


def nothing_found(wanted: GroupSelector, source: AnySource) -> InputError:
    """The error for when there is no Job of what is wanted."""
    where = f"in {source.where}"
    if not wanted.is_local and source.selection.namespace is not None:
        where = f"in namespace {source.selection.namespace} of {source.where}"
    crons = source.cronjobs()
    hint = (
        f"CronJob {', '.join(crons[:MAX_LISTED_GROUPS])} has not made one yet"
        if crons
        else _elsewhere_hint(wanted)
    )
    return InputError(f"there is no Job of {wanted} {where}", hint=hint)


def _check_selector(wanted: GroupSelector) -> None:
    from expander.kube.selectors import parse

    if wanted.group is None and wanted.selector is None:
        raise UsageError("say which Jobs are meant: --group NAME, or -l/--selector SELECTOR")
    group = wanted.group
    if group is not None and (len(group) > 63 or not NAME.fullmatch(group)):
        raise UsageError(
            f"--group {group!r} is no label value: at most 63 letters, digits, '-', '_', '.', "
            "beginning and ending with a letter or digit"
        )
    if wanted.everywhere and wanted.namespace is not None:
        raise UsageError("-n/--namespace and -A/--all-namespaces exclude each other")
    if wanted.is_local and (wanted.kubeconfig is not None or wanted.context is not None):
        raise UsageError(
            "--local and --state mean runs on this machine, --kubeconfig and --context a cluster"
        )
    try:
        parse(wanted.selector or "")
    except ValueError as error:
        raise UsageError(f"-l/--selector {wanted.selector!r}: {error}") from None


def _label_selector(wanted: GroupSelector, by_label: bool = True) -> str:
    own = [f"{wanted.group_label}={wanted.group}"] if by_label and wanted.group is not None else []
    return ",".join([*own, *([wanted.selector] if wanted.selector else [])])


def _group_folders(wanted: GroupSelector) -> GroupFolders:
    from expander.group.local_watch import GroupFolders

    return GroupFolders(state_folder("any", wanted.state).parent, wanted.group)


def _local_source(wanted: GroupSelector, awaited: bool) -> LocalSource:
    from expander.group.local_source import LocalSource

    folders = _group_folders(wanted)
    if wanted.group is not None and not folders.found() and not awaited:
        raise InputError(
            f"there is no state of group {wanted.group} in {folders.root}", hint=_known_hint(folders)
        )
    selector = _label_selector(wanted, by_label=folders.is_shared)
    return LocalSource(folders, Selection(wanted.namespace, selector))


def _cluster_source(wanted: GroupSelector) -> ClusterSource:
    from expander.client.transport import Transport
    from expander.group.cluster_source import ClusterSource

    try:
        transport = Transport(wanted.kubeconfig, wanted.context)
    except InputError as error:
        hint = _local_hint(wanted)
        if hint is None or wanted.kubeconfig is not None:
            raise
        raise InputError(error.problems[0].message, hint=hint) from None
    namespace = None if wanted.everywhere else wanted.namespace or transport.namespace
    return ClusterSource(transport, Selection(namespace, _label_selector(wanted)))


def _elsewhere_hint(wanted: GroupSelector) -> str | None:
    """Where else the group may be, as a hint."""
    if wanted.is_local:
        return _known_hint(_group_folders(wanted))
    everywhere = wanted.everywhere or wanted.namespace is not None
    return _local_hint(wanted) or (None if everywhere else "-A looks in all namespaces")


def _local_hint(wanted: GroupSelector) -> str | None:
    """A hint when a local run has the group's name."""
    if wanted.group is None or wanted.group not in _group_folders(wanted).known():
        return None
    return f"a group {wanted.group} was run on this machine: --local shows it"


def _known_hint(folders: GroupFolders) -> str:
    known = folders.known()
    if not known:
        return "nothing was run with this state folder"
    more = f" and {len(known) - MAX_LISTED_GROUPS} more" if len(known) > MAX_LISTED_GROUPS else ""
    return f"groups that were run are {', '.join(known[:MAX_LISTED_GROUPS])}{more}"
