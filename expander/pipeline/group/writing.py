"""A source -> what writes to the same place; and what this machine remembers of a group that is deleted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from expander.pipeline.state import state_folder

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
    from expander.cluster.asking import Asking
    from expander.cluster.group_writes import ClusterWrites
    from expander.cluster.retry import Retry

    yield ClusterWrites(Asking(source.transport, Retry(), lambda: False), source.selection)


def forget_journals(source: AnySource, wanted: Wanted) -> None:
    """Remove what is remembered of deliveries of the group to this cluster: what was delivered is gone."""
    if wanted.is_local or wanted.group is None:
        return
    from expander.cluster.journal import journal_file

    for path in (
        journal_file(state_folder(SUBMISSIONS), wanted.group, source.where),
        retry_folder(source, wanted) / PENDING,
    ):
        with suppress(FileNotFoundError):
            path.unlink()


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
