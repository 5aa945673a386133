"""The journal of a batch: one line for each item that the cluster has, in a file that only grows.

A line is written after the response, so a line that is missing costs one request and never an item. The file
holds no credentials: keys, outcomes, and the options of each run.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from expander.base.dataclass import dataclass
from expander.base.errors import InputError, OutputError
from expander.base.option_names import option
from expander.base.regex import regex
from expander.base.state_dir import replace_file

FINISHED: Final = "finished"
"""The outcome of a Job that has finished, was collected, and is about to be deleted."""

REPLACED: Final = "replaced"
"""The outcome of a Job that is about to be deleted, and created anew."""

DELIVERED: Final = frozenset(["created", "changed", "unchanged"])
"""Outcomes after which the cluster has the item."""

MAX_NOTED: Final = 512
"""Lines that are noted before they are written."""

LOCK_SECONDS: Final = 0.5
"""How long the lock of a journal is tried: `is_locked` has it for a moment."""

_encode = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(slots=True)
class Delivered:
    """What a file says of items: `mark` of the key of each that the cluster has, or had until it finished.

    ``finished`` has, by `mark` of its path, that of the key of each collected Job and whether it had failed
    (None: not known); ``numbers`` are theirs. ``replacing`` has, by `mark` of its key, the uid of each Job
    that was to be deleted, and what was to be created in its place, unless it is known that it was.
    ``created`` are those of the keys that the last run, with those that resumed it, has created; empty unless
    asked for.
    ``deletes`` says that Jobs were to be collected and deleted. ``damaged`` counts lines that cannot be read,
    ``damaged_end`` those behind the last number; a file that should have lines and has none counts as one.
    """

    marks: set[bytes] = field(default_factory=set)
    finished: dict[bytes, tuple[bytes, bool | None]] = field(default_factory=dict)
    numbers: set[int] = field(default_factory=set)
    replacing: dict[bytes, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    created: set[bytes] = field(default_factory=set)
    deletes: bool = False
    damaged: int = 0
    damaged_end: int = 0

    def add_finished(self, key: str, number: Any, failed: Any) -> None:
        """A Job was collected."""
        path = mark(key.rpartition(" ")[0])
        self.finished[path] = mark(key), failed if isinstance(failed, bool) else None
        if isinstance(number, int):
            self.numbers.add(number)
            self.damaged_end = 0

    def forget(self, key: str) -> None:
        """A Job is made anew."""
        self.marks.discard(mark(key))
        self.finished.pop(mark(key.rpartition(" ")[0]), None)


class Journal:
    """The journal of one group in one cluster, a context manager. Safe for threads.

    Several processes may append to one file: a line is one write. An ``exclusive`` one is for one process at
    a time: Jobs are deleted, and another submission would create them again. Raises InputError when another
    process has it, OutputError when it cannot be written; a line that was cut short by that says nothing.
    """

    def __init__(self, path: Path, exclusive: bool = False) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._noted: list[bytes] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if not stat.S_ISREG(os.fstat(self._file).st_mode):
                os.close(self._file)
                raise OutputError(f"cannot open the journal {path}: not a regular file")
            self._flock(exclusive)
            size = os.fstat(self._file).st_size
            self.is_new = not size
            if size and os.pread(self._file, 1, size - 1) != b"\n":
                os.write(self._file, b"\n")  # the process before ended in the middle of a line
        except OSError as error:
            raise OutputError(
                f"cannot open the journal {path}: {error.strerror}",
                hint=f"{option('--state DIR')} uses another folder",
            ) from error

    def begin(self, run: Mapping[str, Any]) -> None:
        """Record the options of a run, for `last_run`."""
        self._write([sealed({"run": run, "sum": _checksum(run)})])

    def _flock(self, exclusive: bool) -> None:
        kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        until = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                return fcntl.flock(self._file, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < until:
                    time.sleep(LOCK_SECONDS / 10)
                    continue
            os.close(self._file)
            raise InputError(
                f"another submission of this group is running ({self.path})",
                hint=f"with {option('--delete-finished', True)} one submission at a time may work on a group",
            )

    def add(self, key: str, outcome: str, **more: Any) -> None:
        """Record the outcome of the item ``key``; any but `DELIVERED`, `FINISHED`, `REPLACED` is for people.

        ``more`` are, of a collected Job, its number in the record of those, and whether it had failed; of a
        replaced one that has a successor other than the manifest its uid, and the ``tree`` of that.
        """
        self._write([sealed({"key": key, "outcome": outcome, **more})])

    def note(self, key: str, outcome: str) -> None:
        """`add`, with the next `flush`, or before: what is lost then costs a request."""
        self._noted.append(_sealed(f'{{"key": {_encode(key)}, "outcome": "{outcome}"'))
        if len(self._noted) >= MAX_NOTED:
            self.flush()

    def flush(self) -> None:
        """Write what was noted."""
        if self._noted:
            noted, self._noted = self._noted, []
            self._write(noted)

    def sync(self) -> None:
        """Wait until all that was written would survive a loss of power."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise self._error(error) from error

    def delivered(self, created: bool = False) -> Delivered:
        """What the journal says of items, without what ``created`` asks for."""
        found = Delivered(damaged=int(self.is_new))
        for _, entry in _lines(self.path):
            if entry is None:
                found.damaged += 1
                continue
            if isinstance(run := entry.get("run"), dict):
                found.deletes |= "--delete-finished" in (run.get("arguments") or ())
                if not run.get("resume"):
                    found.created.clear()
            key, outcome = entry.get("key"), entry.get("outcome")
            if not isinstance(key, str):
                continue
            if outcome in DELIVERED:
                marked = mark(key)
                found.marks.add(marked)
                found.replacing.pop(marked, None)
                if created and outcome == "created":
                    found.created.add(marked)
            elif outcome == FINISHED:
                found.deletes = True
                found.add_finished(key, entry.get("number"), entry.get("failed"))
            elif outcome == REPLACED:
                found.forget(key)
                if isinstance(tree := entry.get("tree"), dict):
                    found.replacing[mark(key)] = str(entry.get("uid")), tree
        return found

    def _write(self, lines: Sequence[bytes]) -> None:
        text = b"".join(lines)
        try:
            with self._lock:
                while text:
                    text = text[os.write(self._file, text) :]
        except OSError as error:
            raise self._error(error) from error

    def _error(self, error: OSError) -> OutputError:
        return OutputError(
            f"cannot write the journal {self.path}: {error.strerror}",
            hint=f"free space or use another folder ({option('--state')}); "
            f"{option('--resume', True)} then asks the cluster what it has",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OutputError):  # what was noted is no more than a help
            self.flush()
        file, self._file = self._file, -1  # a thread that is late writes into no other file
        os.close(file)


def sealed(entry: Mapping[str, Any]) -> bytes:
    """A line for ``entry`` with a checksum of what is before it."""
    return _sealed(_encode(entry)[:-1])


def _sealed(text: str) -> bytes:
    """A line for the JSON text of an entry without its last brace."""
    line = text.encode("utf-8", "surrogatepass")
    return b'%b, "crc": "%08x"}\n' % (line, zlib.crc32(line))


def unsealed(line: bytes) -> dict[str, Any] | None:
    """The entry of a line; None when it is damaged. Lines of earlier versions have no checksum."""
    usual = _USUAL.fullmatch(line)
    if zlib.crc32(usual[1]) != int(usual[4], 16) if usual else is_sealed(line) is False:
        return None
    try:
        if usual:
            return {"key": usual[2].decode("utf-8", "surrogatepass"), "outcome": usual[3].decode()}
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def is_sealed(line: bytes) -> bool | None:
    """Whether the checksum of a line is right; None when it has none."""
    text = line.rstrip(b"\n")
    seal = _SEAL.fullmatch(text[-_SEAL_BYTES:])
    return None if seal is None else zlib.crc32(text[:-_SEAL_BYTES]) == int(seal[1], 16)


_SEAL: Final = regex(rb', "crc": "([0-9a-f]{8})"\}')
_SEAL_BYTES: Final = len(', "crc": "00000000"}')

_USUAL: Final = regex(rb'(\{"key": "([^"\\\x00-\x1f]*)", "outcome": "([a-z]+)"), "crc": "([0-9a-f]{8})"\}\n?')
"""The line of most items, which is read without a parser of JSON."""

_ITEM: Final = regex(
    rb'\{"key": "(?:[^"\\]|\\.)*", "outcome": "[a-z]+"(?:, "number": \d+)?'
    rb'(?:, "failed": [a-z]+)?(?:, "crc": "[0-9a-f]{8}")?\}'
)


def _lines(path: Path) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
    """Each line with its entry; None when it is damaged, followed by what can be read of it all the same."""
    if not path.is_file():
        return
    with open(path, "rb") as file:
        for line in file:
            entry = unsealed(line)
            if entry is not None and "key" not in entry and "run" not in entry:
                entry = None
            yield line, entry
            if entry is None:
                for part in _ITEM.findall(line):  # the end of a line is what was damaged
                    if (found := unsealed(part)) is not None:
                        yield part, found


def submitted_paths(path: Path) -> set[str]:
    """The API path of each object that the cluster has, or had, by the journal at ``path``."""
    found: set[str] = set()
    for _, entry in _lines(path):
        key = None if entry is None else entry.get("key")
        if entry is None or not isinstance(key, str):
            continue
        if entry.get("outcome") == REPLACED and "tree" not in entry:
            found.discard(key.rpartition(" ")[0])
        elif entry.get("outcome") in DELIVERED | {FINISHED}:
            found.add(key.rpartition(" ")[0])
    return found


def forget(path: Path, gone: Callable[[str], bool]) -> None:
    """Drop the items whose API path is ``gone``; a journal without any other is deleted.

    Raises OutputError when it cannot be written; then it is as it was.
    """
    kept, of_items, dropped = [], 0, False
    for line, entry in _lines(path):
        if entry is None:
            kept.append(line.rstrip(b"\n") + b"\n")
            continue
        key = entry.get("key")
        if isinstance(key, str) and gone(key.rpartition(" ")[0]):
            dropped = True
            continue
        of_items += key is not None
        kept.append(without_number(entry))
    try:
        if dropped or not of_items:
            rewrite(path, kept if of_items else [])
    except OSError as error:
        raise OutputError(f"cannot write the journal {path}: {error.strerror}") from error


def without_number(entry: Mapping[str, Any]) -> bytes:
    """The line of an entry in a file that lost others on purpose: gaps in its numbers are no damage."""
    return sealed({name: entry[name] for name in entry if name not in ("crc", "number")})


def rewrite(path: Path, lines: Sequence[bytes]) -> None:
    """Put ``lines`` in place of a file, whole or not at all; without any it is deleted. Raises OSError."""
    if not lines:
        path.unlink(missing_ok=True)
        return
    replace_file(path, b"".join(lines))


def is_locked(path: Path) -> bool:
    """Whether a submission on this machine is writing the journal at ``path``."""
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


def origin_file(journal: Path, namespace: str) -> Path:
    """Beside the journal at a path: what the group in a namespace comes from."""
    return journal.with_suffix(f".{namespace}.origin")


def journal_file(folder: Path, group: str, server: str) -> Path:
    """The journal of ``group`` in the cluster at the URL ``server``, below the state folder ``folder``."""
    cluster = hashlib.sha256(server.encode()).hexdigest()[:8]
    return folder / (group or "batch") / f"submit-{cluster}.jsonl"


def journals(folder: Path, group: str) -> list[Path]:
    """The journals of ``group`` in all clusters."""
    return sorted((folder / group).glob("submit-*.jsonl"))


def last_run(path: Path) -> Mapping[str, Any] | None:
    """The options of the last run in a journal; None when there are none, or they are damaged."""
    found = None
    for line, entry in _lines(path):
        if entry is None and (b'"sum"' in line or b'"arguments"' in line):
            found = None
        elif entry is not None and "run" in entry:
            run = entry.get("run")
            intact = isinstance(run, dict) and entry.get("sum") in (None, _checksum(run))
            found = run if intact else None
    return found


def _checksum(run: Mapping[str, Any]) -> str:
    text = json.dumps(run, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
