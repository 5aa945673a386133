"""What was delivered, in a file that only grows: one line for each item that the cluster has.

A line is written after the answer, so a line that is missing costs one question to the cluster and never
an item. The file holds no credentials: keys, outcomes, and what each run was told to do.

What a cluster has of a batch already: by the journal, and by the label of the group.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from expander.base.errors import ClusterError, OutputError
from expander.client.client import ApiClient
from expander.manifests.edits import DIGEST_ANNOTATION
from expander.submit.request import PreparedRequest

FINISHED = "finished"
"""The outcome of a Job that was done, collected, and is about to be deleted."""

DELIVERED = frozenset(["created", "unchanged"])
"""Outcomes after which the cluster has the item."""

_written = json.JSONEncoder(ensure_ascii=False).encode


class Journal:
    """The journal of one group in one cluster; use it as a context manager. Safe for threads.

    Several processes may add to one file: a line is one write. Raises OutputError when it cannot be
    written; a line that was cut short by that says nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_SH)  # for `is_at_work`
            size = os.fstat(self._file).st_size
            self.is_new = not size
            if size and os.pread(self._file, 1, size - 1) != b"\n":
                os.write(self._file, b"\n")  # the process before ended in the middle of a line
        except OSError as error:
            raise OutputError(f"the journal {path} cannot be opened: {error.strerror}") from error

    def begin(self, run: Mapping[str, Any]) -> None:
        """Write down what a run was told to do, for `runs`."""
        self._write({"run": run})

    def add(self, key: str, outcome: str) -> None:
        """Write down that the item of ``key`` is in the cluster; other outcomes are for people to read."""
        self._write({"key": key, "outcome": outcome})

    def sync(self) -> None:
        """Wait until all that was written would survive a loss of power."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise self._error(error) from error

    def delivered(self) -> set[bytes]:
        """`mark` of every key that the cluster has, or had until it was finished."""
        return {
            mark(entry["key"])
            for entry in entries(self.path)
            if entry.get("outcome") in (*DELIVERED, FINISHED) and isinstance(entry.get("key"), str)
        }

    def _write(self, entry: Mapping[str, Any]) -> None:
        line = f"{_written(entry)}\n".encode("utf-8", "surrogatepass")
        try:
            with self._lock:
                while line:
                    line = line[os.write(self._file, line) :]
        except OSError as error:
            raise self._error(error) from error

    def _error(self, error: OSError) -> OutputError:
        return OutputError(
            f"the journal {self.path} cannot be written: {error.strerror}",
            hint="make room, or name another folder with --state; --resume then asks the cluster what it has",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)


def entries(path: Path) -> Iterator[Mapping[str, Any]]:
    """The lines of a journal, none when there is no such file. A line that is damaged says nothing."""
    if not path.exists():
        return
    with open(path, "rb") as file:
        for line in file:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                yield entry


def forget(path: Path, gone: Callable[[str], bool]) -> None:
    """Drop what was delivered to paths of the API that are ``gone``; a journal of nothing else goes as well.

    Raises OutputError when it cannot be written; then it is as it was.
    """
    kept, of_items, dropped = [], 0, False
    for entry in entries(path):
        key = entry.get("key")
        if isinstance(key, str) and gone(key.rpartition(" ")[0]):
            dropped = True
            continue
        of_items += key is not None
        kept.append(json.dumps(entry, ensure_ascii=False) + "\n")
    try:
        if not of_items:
            path.unlink(missing_ok=True)
        elif dropped:
            part = path.with_name(f".{path.name}.{os.getpid()}")
            part.write_text("".join(kept), "utf-8", "surrogatepass")
            part.chmod(0o600)
            os.replace(part, path)
    except OSError as error:
        raise OutputError(f"the journal {path} cannot be written: {error.strerror}") from error


def is_locked(path: Path) -> bool:
    """Whether a submission of this machine is writing into the journal at ``path``."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def mark(key: str) -> bytes:
    """Sixteen bytes that stand for a key."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def journal_file(folder: Path, group: str, server: str) -> Path:
    """The journal of ``group`` in the cluster at the URL ``server``, below the state folder ``folder``."""
    place = hashlib.sha256(server.encode()).hexdigest()[:8]
    return folder / (group or "batch") / f"submit-{place}.jsonl"


def journals(folder: Path, group: str) -> list[Path]:
    """The journals of ``group`` in all clusters."""
    return sorted((folder / group).glob("submit-*.jsonl"))


def last_run(path: Path) -> Mapping[str, Any] | None:
    """What the last run that wrote into a journal was told to do."""
    found = None
    for entry in entries(path):
        run = entry.get("run")
        if isinstance(run, dict):
            found = run
    return found


LIST_WAIT_SECONDS: Final = 2.0
"""Seconds in which a list may be read before items are sent that it may tell of."""

LIST_AFTER_MISSES: Final = 100
"""Items that were found in the cluster and not in the journal, after which a list costs less than asking."""


class AlreadySubmitted:
    """Marks of the items that need not be sent.

    A journal misses only what was under way when its process ended. So the cluster's objects are listed, for
    each namespace, kind and group, only when the journal is new or turned out to miss more. Sending does not
    wait for a list that takes long: what it has not told of yet is asked for item by item.
    """

    def __init__(
        self, journal: Journal, asking: ApiClient, group_label: str, say: Callable[[str], None]
    ) -> None:
        self._journal = journal
        self._marks = journal.delivered()
        self._there: set[bytes] = set()
        self._is_new = journal.is_new
        self._asking = asking
        self._group_label = group_label
        self._say = say
        self._listed: set[tuple[str, str]] = set()
        self._missed: Counter[tuple[str, str]] = Counter()
        if journal.is_new:
            say(
                "there is no journal of this group and cluster here: what the cluster holds is left as it "
                "is, but a Job that has finished and was deleted would be made again"
            )

    def has(self, item: PreparedRequest) -> bool:
        """Whether the item was delivered: the same object with the same content.

        Raises OutputError when the journal cannot be told of what a list told.
        """
        sought = mark(item.key)
        if sought in self._marks:
            return True
        lister = self._list(item) if self._is_new else None
        if lister is not None:
            lister.join(LIST_WAIT_SECONDS)
        if sought not in self._there:
            return False
        self._journal.add(item.key, "unchanged")
        self._marks.add(sought)
        return True

    def found(self, item: PreparedRequest) -> None:
        """The item was sent, and was there already."""
        scope = (item.collection, item.group)
        self._missed[scope] += 1
        if self._missed[scope] >= LIST_AFTER_MISSES:
            self._list(item)

    def _list(self, like: PreparedRequest) -> threading.Thread | None:
        """Begin the list that tells of the item, once; None when it was begun before, or there is none."""
        scope = (like.collection, like.group)
        if not like.group or scope in self._listed:
            return None
        self._listed.add(scope)
        lister = threading.Thread(target=self._learn, args=(like,), daemon=True)
        lister.start()
        return lister

    def _learn(self, like: PreparedRequest) -> None:
        try:
            for page in self._asking.pages(like.collection, f"{self._group_label}={like.group}"):
                for found in page["items"]:
                    metadata = found["metadata"]
                    digest = (metadata.get("annotations") or {}).get(DIGEST_ANNOTATION)
                    if digest is not None:
                        self._there.add(mark(f"{like.collection}/{metadata['name']} {digest}"))
        except ClusterError as error:
            self._say(f"warning: {error}; each item is asked for instead")
