"""What this machine remembers of a group: its submission journal and its pending retries.

A retry writes each Job down, durably, before it deletes the one that Job replaces, and strikes it out once
the cluster has it. So a crash in between loses nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from expander.base.digests import sha256
from expander.base.errors import ExpanderError, OutputError
from expander.base.state_dir import state_folder

PendingJob = tuple[dict[str, Any], str]
"""The Job's manifest, and the uid of the Job it replaces, or an empty text."""


class PendingRetries:
    """The file at ``path``, for one process at a time; use it as a context manager. Safe for threads.

    Raises ExpanderError when another process has it, OutputError when it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OutputError(f"{path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise ExpanderError("another retry of this group is running") from error
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            self._write("\n")  # the process before ended in the middle of a line
        self._lock = threading.Lock()
        self._open = self._read()

    def entries(self) -> list[PendingJob]:
        """The Jobs that were begun and are not known to be done."""
        return [*self._open.values()]

    def begin(self, entries: Iterable[PendingJob]) -> None:
        """Record what is about to be done; durable on return."""
        added = {_key(entry[0]): entry for entry in entries}
        lines = [json.dumps({"begun": tree, "replaces": uid}) + "\n" for tree, uid in added.values()]
        with self._lock:
            self._open |= added
            self._write("".join(lines))
        os.fsync(self._file)

    def done(self, namespace: str, name: str) -> None:
        """Record that the cluster has the Job."""
        with self._lock:
            if self._open.pop((namespace, name), None) is not None:
                self._write(json.dumps({"done": [namespace, name]}) + "\n")

    def _write(self, text: str) -> None:
        data = text.encode()
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror}") from error

    def _read(self) -> dict[tuple[str, str], PendingJob]:
        found: dict[tuple[str, str], PendingJob] = {}
        with open(self.path, "rb") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                    if "done" in entry:
                        found.pop(tuple(entry["done"]), None)
                    else:
                        found[_key(entry["begun"])] = entry["begun"], entry["replaces"]
                except (ValueError, KeyError, TypeError):
                    continue  # the last line of a process that was killed: nothing was done for it yet
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._open:
            os.unlink(self.path)
        os.close(self._file)


def _key(tree: Mapping[str, Any]) -> tuple[str, str]:
    metadata = tree["metadata"]
    return metadata["namespace"], metadata["name"]


if TYPE_CHECKING:
    from expander.group.cluster.writer import ClusterWriter
    from expander.group.local.writer import LocalWriter
    from expander.group.open import AnySource, GroupSelector

    AnyWriter: TypeAlias = ClusterWriter | LocalWriter


PENDING_FILE = "pending.jsonl"
"""The file of `PendingRetries` in the folder of a group's retries."""

RETRIES_FOLDER = "_retry"
"""The folder of what retries keep, beside the state of groups."""


def pending_count(folder: Path) -> int:
    """How many Jobs an earlier retry left pending."""
    if not (folder / PENDING_FILE).exists():
        return 0
    with PendingRetries(folder / PENDING_FILE) as pending:
        return len(pending.entries())


@contextmanager
def open_writer(source: AnySource) -> Iterator[AnyWriter]:
    """The writer for the objects of ``source``. Raises ExpanderError when local state is in use."""
    from expander.group.local.source import LocalSource

    if isinstance(source, LocalSource):
        from expander.group.local.writer import LocalWriter

        folders = source.folders
        folders.check()
        with LocalWriter(folders.found(), source.selection, folders.root / RETRIES_FOLDER) as local:
            yield local
        return
    from expander.client.client import ApiClient
    from expander.client.retry import Retry
    from expander.group.cluster.writer import ClusterWriter

    client = ApiClient(source.transport, Retry(), lambda: False)
    yield ClusterWriter(client, source.selection, source.lister)


def forget_delivered(source: AnySource, wanted: GroupSelector, deleted: Iterable[tuple[str, str]]) -> None:
    """Forget what was submitted from this machine and is deleted now, so that it can be submitted again.

    With a group name alone that is everything in the namespace, else the ``deleted`` Jobs, as (namespace,
    name). Raises ExpanderError when a retry is running or a file cannot be written.
    """
    from expander.group.open import submission_journal
    from expander.submit.finished import forget_finished, record_path
    from expander.submit.journal import forget as forget_in
    from expander.submit.journal import origin_file

    namespace = source.selection.namespace
    names = {f"/namespaces/{place}/jobs/{name}" for place, name in deleted}

    def gone(path: str) -> bool:
        if wanted.selector is not None:
            return any(path.endswith(name) for name in names)
        return namespace is None or f"/namespaces/{namespace}/" in path

    if (path := submission_journal(source, wanted)) is not None:
        forget_in(path, gone)
        forget_finished(record_path(path), lambda place, name: gone(f"/namespaces/{place}/jobs/{name}"))
        if wanted.selector is None:
            for origin in path.parent.glob(origin_file(path, namespace or "*").name):
                origin.unlink(missing_ok=True)
    if (
        not wanted.is_local
        and wanted.group is not None
        and (retry_folder(source, wanted) / PENDING_FILE).exists()
    ):
        with PendingRetries(retry_folder(source, wanted) / PENDING_FILE) as pending:
            for tree, _ in pending.entries():
                place, name = tree["metadata"]["namespace"], tree["metadata"]["name"]
                if gone(f"/namespaces/{place}/jobs/{name}"):
                    pending.done(place, name)


def retry_folder(source: AnySource, wanted: GroupSelector) -> Path:
    """Where retries of a group keep what is pending, and by default the saved logs."""
    from expander.manifests.names import LABEL_VALUE, valid_name

    name = valid_name(wanted.group or source.selection.selector or "all", LABEL_VALUE)
    if wanted.is_local:
        return state_folder(RETRIES_FOLDER, wanted.state) / name
    return state_folder(RETRIES_FOLDER) / f"{name}-{sha256(source.where.encode()).hexdigest()[:8]}"
