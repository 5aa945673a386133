"""The record of Jobs that `submit --delete-finished` has collected: durable before a Job is deleted.

``finished-<cluster>.jsonl`` beside the journal has a line for each. Both files name every deleted Job, so one
of them may be damaged; numbers tell when lines are missing in both.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from expander.base.errors import OutputError
from expander.base.regex import regex
from expander.kube.objects import Object, namespaced_name
from expander.manifests.edits import DIGEST_ANNOTATION, ITEM_ANNOTATION, KEY_ANNOTATION
from expander.manifests.rerun_choice import FAILED
from expander.submit.delivery import end_of
from expander.submit.journal import (
    FINISHED,
    Delivered,
    Journal,
    is_sealed,
    mark,
    rewrite,
    sealed,
    unsealed,
    without_number,
)

ITEM_PREFIXES: Final = ITEM_ANNOTATION, KEY_ANNOTATION
"""How the annotations begin that say of which item, or items, a Job is."""


def record_path(journal: Path) -> Path:
    """The record of collected Jobs that belongs to a journal."""
    return journal.with_name(journal.name.replace("submit-", "finished-", 1))


def key_of(job: Object) -> str | None:
    """The key that the item of a Job has in journals; None when expander has not submitted it."""
    metadata = job["metadata"]
    digest = (metadata.get("annotations") or {}).get(DIGEST_ANNOTATION)
    return None if digest is None else f"{jobs_path(metadata['namespace'])}/{metadata['name']} {digest}"


def jobs_path(namespace: str) -> str:
    """The API path of the Jobs of a namespace."""
    return f"/apis/batch/v1/namespaces/{quote(namespace, safe='')}/jobs"


def named_path(namespace: str, name: str) -> str:
    """The API path of the Job of that name."""
    return f"{jobs_path(namespace)}/{quote(name, safe='')}"


def job_path(job: Object) -> str:
    """The API path of a Job."""
    return named_path(*namespaced_name(job))


class FinishedJobs:
    """The record beside a journal, for one process at a time. Safe for threads.

    Raises OutputError when it cannot be read or written.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._path = record_path(journal.path)
        numbers = journal.delivered().numbers | finished_items(self._path).numbers
        self._number = max(numbers, default=0)
        self._lock = threading.Lock()
        if not self._path.exists():
            self._append({"record": FINISHED})

    def add(self, job: Object, entry: Mapping[str, Any]) -> None:
        """Record a Job in both files; durable on return."""
        key = key_of(job)
        assert key is not None
        failed = end_of(job) == FAILED
        with self._lock:
            self._number += 1
            number = self._number
            self._append({"key": key, "number": number, "failed": failed, **entry})
        self._journal.add(key, FINISHED, number=number, failed=failed)
        self._journal.sync()

    def _append(self, entry: Mapping[str, Any]) -> None:
        append_finished(self._path, entry)


def append_finished(path: Path, entry: Mapping[str, Any]) -> None:
    """Append an entry to the record at ``path``, whole or not at all; durable on return. Raises OutputError.

    A later entry of a Job replaces the one before.
    """
    line = sealed(entry)
    try:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":
                line = b"\n" + line  # the process before ended in the middle of a line
            try:
                while line:
                    line = line[os.write(file, line) :]
                os.fsync(file)
            except OSError:
                os.ftruncate(file, size)
                raise
        finally:
            os.close(file)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def finished_lines(path: Path) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
    """Each line of the record at ``path`` with its entry, None when it is damaged; none without a record."""
    for line in _lines(path):
        entry = unsealed(line)
        yield line, entry if entry is not None and _is_entry(entry) else None


def finished_items(path: Path) -> Delivered:
    """What the record at ``path`` says of items; a record that is not there, or is empty, is damaged."""
    found, lines = Delivered(), 0
    key: str | None
    number: Any
    for line in _lines(path):
        lines += 1
        start = _START.match(line)
        if start is not None and is_sealed(line):  # a Job is much to read for two fields
            key, number, failed = json.loads(start[1]), int(start[2]), start[3] == b"true"
        elif (entry := unsealed(line)) is None or not _is_entry(entry):
            found.damaged += 1
            found.damaged_end += 1
            continue
        elif "job" in entry:
            key, number, failed = key_of(entry["job"]), entry.get("number"), end_of(entry["job"]) == FAILED
        else:
            continue
        if key is not None:
            found.add_finished(key, number, failed)
    found.damaged += not lines
    found.damaged_end += not lines and path.exists()
    return found


_START: Final = regex(rb'\{"key": ("(?:[^"\\]|\\.)*"), "number": (\d+), "failed": (true|false), ')


def _lines(path: Path) -> Iterator[bytes]:
    if not path.is_file():
        return
    try:
        with open(path, "rb") as file:
            yield from file
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror}") from error


def _is_entry(entry: Mapping[str, Any]) -> bool:
    """Whether a line is that of a Job, or the first one."""
    if "record" in entry:
        return True
    metadata = entry["job"].get("metadata") if isinstance(entry.get("job"), dict) else None
    return isinstance(metadata, dict) and {"name", "namespace", "uid"} <= metadata.keys()


def finished_metadata(path: Path) -> dict[bytes, Mapping[str, Any]]:
    """What the record at ``path`` says of the items of Jobs: `expander/item` and what is beside it, as
    metadata, by the `mark` of the path of the Job. Raises OutputError."""
    found: dict[bytes, Mapping[str, Any]] = {}
    for _, entry in finished_lines(path):
        if entry is not None and "job" in entry:
            notes = entry["job"]["metadata"].get("annotations") or {}
            own = {name: text for name, text in notes.items() if name.startswith(ITEM_PREFIXES)}
            found[mark(job_path(entry["job"]))] = {"annotations": own}
    return found


def forget_finished(path: Path, gone: Callable[[str, str], bool]) -> None:
    """Drop the Jobs for which ``gone(namespace, name)`` from the record. Raises OutputError."""
    kept, of_jobs = [], 0
    for line, entry in finished_lines(path):
        if entry is None or "job" not in entry:
            kept.append(line.rstrip(b"\n") + b"\n")
            continue
        metadata = entry["job"]["metadata"]
        if not gone(metadata["namespace"], metadata["name"]):
            of_jobs += 1
            kept.append(without_number(entry))
    try:
        rewrite(path, kept if of_jobs else [])
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
