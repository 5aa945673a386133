"""A source -> what writes to the same place; and what this machine remembers of a group that is deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from expander.base.state_dir import state_folder

if TYPE_CHECKING:
    from expander.cluster.group_writes import ClusterWrites
    from expander.local.group_writes import LocalWrites
    from expander.pipeline.group.open import AnySource, Wanted

    AnyWriter: TypeAlias = ClusterWrites | LocalWrites

SUBMISSIONS = "submit"
"""The folder of the journals of submissions, among the state of groups."""


@contextmanager
def writer_of(source: AnySource) -> Iterator[AnyWriter]:
    """What changes the objects of ``source``. Raises ExpanderError when local state is in use."""
    from expander.local.group import LocalSource

    if isinstance(source, LocalSource):
        from expander.local.group_writes import LocalWrites

        with LocalWrites(source.folders.found(), source.selection) as local:
            yield local
        return
    from expander.client.client import Asking
    from expander.client.retry import Retry
    from expander.cluster.group_writes import ClusterWrites

    yield ClusterWrites(Asking(source.transport, Retry(), lambda: False), source.selection)


def journal_of(source: AnySource, wanted: Wanted) -> Path | None:
    """The journal of what this machine delivered of the group to this cluster, None where there is none."""
    if wanted.is_local or wanted.group is None:
        return None
    from expander.submit.journal import journal_file

    path = journal_file(state_folder(SUBMISSIONS), wanted.group, source.where)
    return path if path.exists() else None


def forget(source: AnySource, wanted: Wanted, deleted: Iterable[tuple[str, str]]) -> None:
    """Forget what this machine delivered of the group and is gone, so that it may be sent again.

    With a name alone that is all there was in the namespace, else the Jobs that were ``deleted``, as
    (namespace, name). Raises ExpanderError when a retry is at work, or what is remembered cannot be written.
    """
    from expander.pipeline.group.pending import Pending
    from expander.submit.journal import forget as forget_in

    namespace = source.selection.namespace
    names = {f"/namespaces/{place}/jobs/{name}" for place, name in deleted}

    def gone(path: str) -> bool:
        if wanted.selector is not None:
            return any(path.endswith(name) for name in names)
        return namespace is None or f"/namespaces/{namespace}/" in path

    if (path := journal_of(source, wanted)) is not None:
        forget_in(path, gone)
    if not wanted.is_local and wanted.group is not None and (retry_folder(source, wanted) / PENDING).exists():
        with Pending(retry_folder(source, wanted) / PENDING) as pending:
            for tree, _ in pending.entries():
                place, name = tree["metadata"]["namespace"], tree["metadata"]["name"]
                if gone(f"/namespaces/{place}/jobs/{name}"):
                    pending.done(place, name)


PENDING = "pending.jsonl"
"""The file of `pipeline.group.pending` in the folder of a group's retries."""

RETRIES = "_retry"
"""The folder of what retries keep, among the state of groups."""


def retry_folder(source: AnySource, wanted: Wanted) -> Path:
    """Where retries of a group keep what is pending, and logs unless the user says another place."""
    from hashlib import sha256

    from expander.manifests.names import LABEL_VALUE, valid_name

    name = valid_name(wanted.group or source.selection.selector or "all", LABEL_VALUE)
    if wanted.is_local:
        return state_folder(RETRIES, wanted.state) / name
    return state_folder(RETRIES) / f"{name}-{sha256(source.where.encode()).hexdigest()[:8]}"
