"""What was delivered, in a file that only grows: one line for each item that the cluster has.

A line is written after the answer, so a line that is missing costs one question to the cluster and never
an item. The file holds no credentials: keys and outcomes only.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from expander.base.errors import OutputError

HAS = frozenset(["created", "unchanged"])
"""Outcomes after which the cluster has the item."""


class Journal:
    """The journal of one group in one cluster; use it as a context manager.

    Several processes may add to one file: each line is one write. Raises OutputError when it cannot be
    written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            size = os.fstat(self._file).st_size
            if size and os.pread(self._file, 1, size - 1) != b"\n":
                os.write(self._file, b"\n")  # the process before ended in the middle of a line
        except OSError as error:
            raise OutputError(f"the journal {path} cannot be opened: {error.strerror}") from error

    def add(self, key: str, outcome: str) -> None:
        """Write down that the item of ``key`` is in the cluster; other outcomes are for people to read."""
        line = json.dumps({"key": key, "outcome": outcome}, ensure_ascii=False) + "\n"
        try:
            os.write(self._file, line.encode())
        except OSError as error:
            raise OutputError(f"the journal {self.path} cannot be written: {error.strerror}") from error

    def delivered(self) -> set[bytes]:
        """`mark` of every key that the cluster has. A line that is damaged says nothing."""
        found: set[bytes] = set()
        with open(self.path, "rb") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                    if entry["outcome"] in HAS:
                        found.add(mark(entry["key"]))
                except (ValueError, TypeError, KeyError):
                    continue
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)


def mark(key: str) -> bytes:
    """Sixteen bytes that stand for a key."""
    return hashlib.blake2b(key.encode(), digest_size=16).digest()


def journal_file(folder: Path, group: str, server: str) -> Path:
    """The journal of ``group`` in the cluster at the URL ``server``, below the state folder ``folder``."""
    place = hashlib.sha256(server.encode()).hexdigest()[:8]
    return folder / (group or "batch") / f"submit-{place}.jsonl"
