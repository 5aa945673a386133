"""Turn the options that select a group into its source: a cluster or the state of local runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from expander.base.dataclass import dataclass
from expander.base.errors import InputError, UsageError
from expander.base.option_names import option
from expander.base.state_dir import state_folder
from expander.kube.objects import Selection
from expander.kube.selectors import NAME
from expander.manifests.edits import GROUP_LABEL
from expander.run.refused import refused_before

if TYPE_CHECKING:
    from pathlib import Path

    from expander.group.cluster.source import ClusterSource
    from expander.group.local.source import LocalSource
    from expander.group.local.state import GroupFolders

    AnySource: TypeAlias = ClusterSource | LocalSource

MAX_LISTED_GROUPS = 12
"""Known groups listed in an error."""


@dataclass(frozen=True, slots=True)
class GroupSelector:
    """A group by name, by label selector, or by both, and where to look for it.

    ``namespace`` None is the context's in a cluster and any in local state; ``everywhere`` means all.
    ``state`` is the folder below which local runs keep their state; it implies ``local``.
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
        """Whether the group is a local run rather than in a cluster."""
        return self.local or self.state is not None

    @property
    def called(self) -> str:
        """The name of the group, or the selector without one."""
        return self.group or self.selector or ""

    def __str__(self) -> str:
        parts = [] if self.group is None else [f"group {self.group}"]
        if self.selector is not None:
            parts.append(f"selector {self.selector!r}")
        return ", ".join(parts)


def open_source(selector: GroupSelector, *, awaited: bool = False, collected: bool = True) -> AnySource:
    """The source of the selected group. Sends no request yet.

    ``awaited``: a local group without state is no error. ``collected``: Jobs that `submit --delete-finished`
    has deleted on this machine belong to the group. Raises UsageError when nothing selects a group,
    InputError when no cluster is configured or there is no such local group.
    """
    _check_selector(selector)
    return _local_source(selector, awaited) if selector.is_local else _cluster_source(selector, collected)


def nothing_found(selector: GroupSelector, source: AnySource) -> InputError:
    """The error for a selector that matches no Job."""
    where = f"in {source.where}"
    if not selector.is_local and source.selection.namespace is not None:
        where = f"in namespace {source.selection.namespace} of {source.where}"
    crons = source.cronjobs()
    if crons:
        hint: str | None = f"CronJob {', '.join(crons[:MAX_LISTED_GROUPS])} has not created one yet"
    elif removed := len(submitted_jobs(source, selector)):
        from expander.base.text import counted

        hint = f"{counted(removed, 'Job')} of it removed (ttlSecondsAfterFinished, or deleted)"
    else:
        hint = _elsewhere_hint(source, selector)
    return InputError(f"no Jobs of {selector} {where}", hint=hint)


def _check_selector(selector: GroupSelector) -> None:
    from expander.kube.selectors import parse

    if selector.group is None and selector.selector is None:
        raise UsageError(
            f"specify {option('--group NAME')} or {option('-l SELECTOR')}",
            hint="`expander groups` lists them",
        )
    group = selector.group
    if group is not None and (len(group) > 63 or not NAME.fullmatch(group)):
        raise UsageError(
            f"{option('--group')} {group!r} is not a valid label value: at most 63 letters, digits, "
            "'-', '_' and '.', starting and ending with a letter or digit"
        )
    if selector.everywhere and selector.namespace is not None:
        raise UsageError(f"{option('-n/--namespace')} and {option('-A/--all-namespaces')} cannot be combined")
    if selector.is_local and (selector.kubeconfig is not None or selector.context is not None):
        raise UsageError(
            f"{option('--local')} and {option('--state')} select local runs; "
            f"they cannot be combined with {option('--kubeconfig')} or {option('--context')}"
        )
    try:
        parse(selector.selector or "")
    except ValueError as error:
        raise UsageError(f"{option('-l/--selector')} {selector.selector!r}: {error}") from None


def _label_selector(selector: GroupSelector, by_label: bool = True) -> str:
    own = [f"{selector.group_label}={selector.group}"] if by_label and selector.group is not None else []
    return ",".join([*own, *([selector.selector] if selector.selector else [])])


def _group_folders(selector: GroupSelector) -> GroupFolders:
    from expander.group.local.state import GroupFolders

    return GroupFolders(state_folder("any", selector.state).parent, selector.group)


def not_begun(selector: GroupSelector) -> InputError | None:
    """The error for a local group without a state folder, None for any other; no cluster is asked."""
    if not selector.is_local or selector.group is None:
        return None
    folders = _group_folders(selector)
    if folders.found():
        return None
    return InputError(f"no group {selector.group} in {folders.root}", hint=_known_hint(folders))


def _local_source(selector: GroupSelector, awaited: bool) -> LocalSource:
    from expander.group.local.source import LocalSource

    if not awaited and (missing := not_begun(selector)) is not None:
        raise missing
    folders = _group_folders(selector)
    labels = _label_selector(selector, by_label=folders.is_shared)
    return LocalSource(folders, Selection(selector.namespace, labels))


def _cluster_source(selector: GroupSelector, collected: bool) -> ClusterSource:
    from expander.client.transport import Transport
    from expander.group.cluster.source import ClusterSource

    try:
        transport = Transport(selector.kubeconfig, selector.context)
    except InputError as error:
        hint = _local_hint(selector)
        if hint is None or selector.kubeconfig is not None:
            raise
        raise InputError(error.problems[0].message, hint=hint) from None
    namespace = None if selector.everywhere else selector.namespace or transport.namespace
    selection = Selection(namespace, _label_selector(selector))
    if collected and (record := _record_of(selector, transport.server)) is not None:
        from expander.group.collected import CollectedSource

        return CollectedSource(transport, selection, record)
    return ClusterSource(transport, selection)


def _record_of(selector: GroupSelector, server: str) -> Path | None:
    """The record of the Jobs of the group that were collected and deleted, if there is one."""
    if selector.group is None:
        return None
    from expander.group.collected import SUBMISSIONS_FOLDER
    from expander.submit.finished import record_path
    from expander.submit.journal import journal_file

    path = record_path(journal_file(state_folder(SUBMISSIONS_FOLDER), selector.group, server))
    return path if path.exists() else None


def submission_journal(source: AnySource, selector: GroupSelector) -> Path | None:
    """The journal of what this machine submitted of the group to this cluster, None if there is none."""
    if selector.is_local or selector.group is None:
        return None
    from expander.group.collected import SUBMISSIONS_FOLDER
    from expander.submit.journal import journal_file

    path = journal_file(state_folder(SUBMISSIONS_FOLDER), selector.group, source.where)
    return path if path.exists() else None


def is_submitting(source: AnySource, selector: GroupSelector) -> bool:
    """Whether a submission of the group is at work on this machine."""
    from expander.submit.journal import is_locked

    path = submission_journal(source, selector)
    return path is not None and is_locked(path)


def submitted_jobs(source: AnySource, selector: GroupSelector) -> frozenset[tuple[str, str]]:
    """Namespace and name of each Job that this machine has submitted of a group in a cluster, by its journal.

    None of a local group or with a label selector, which a name does not tell. To be called before the Jobs
    are listed: those that are in neither were removed (`group.known.removed`).
    """
    path = submission_journal(source, selector)
    if path is None or selector.selector is not None:
        return frozenset()
    from expander.group.known.removed import journal_jobs

    return journal_jobs(path, source.selection.namespace)


def _elsewhere_hint(source: AnySource, selector: GroupSelector) -> str | None:
    """A hint where else the group may be; not here when it was submitted from here."""
    if selector.is_local:
        folders = _group_folders(selector)
        if selector.group in folders.known() and selector.selector is None:
            return refused_before(folders.root / str(selector.group)) or "its last run made no Job"
        return _known_hint(folders)
    local = None if submission_journal(source, selector) else _local_hint(selector)
    if local is not None:
        return local
    everywhere = selector.everywhere or selector.namespace is not None
    hints = [] if everywhere else [f"use {option('-A', True)} to look in all namespaces"]
    if selector.group is not None:
        by_name = option(f"-l job-name={selector.group}")
        hints.append(
            f"{by_name} or {option('-l SELECTOR')} finds Jobs without the label {selector.group_label}"
        )
    return "; ".join(hints) or None


def _local_hint(selector: GroupSelector) -> str | None:
    """A hint if a local run has the group's name."""
    if selector.group is None or selector.group not in _group_folders(selector).known():
        return None
    return f"a group {selector.group} has run on this machine: {option('--local', True)} means that one"


def _known_hint(folders: GroupFolders) -> str:
    known = folders.known()
    if not known:
        return "no group has run with this state folder"
    more = f" and {len(known) - MAX_LISTED_GROUPS} more" if len(known) > MAX_LISTED_GROUPS else ""
    return f"known groups: {', '.join(known[:MAX_LISTED_GROUPS])}{more}"
