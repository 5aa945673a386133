"""The Jobs that are on their way to take the place of others, in a file, so that a crash loses none.

A Job is written down, durably, before the one it replaces is deleted, and struck out when the cluster has it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from expander.base.errors import ExpanderError, OutputError

Entry = tuple[dict[str, Any], str]
"""The Job's manifest, and the uid of what it replaces, or an empty text."""


class Pending:
    """The file at ``path``, for one process at a time; use it as a context manager.

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
            raise ExpanderError("another retry of this group is at work") from error
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            self._write("\n")  # the process before ended in the middle of a line
        self._open = self._read()

    def entries(self) -> list[Entry]:
        """What was begun and is not known to be done."""
        return [*self._open.values()]

    def begin(self, entries: Iterable[Entry]) -> None:
        """Write down what is about to be done; durable on return."""
        added = {_key(entry[0]): entry for entry in entries}
        self._open |= added
        lines = [json.dumps({"begun": tree, "replaces": uid}) + "\n" for tree, uid in added.values()]
        self._write("".join(lines))
        os.fsync(self._file)

    def done(self, namespace: str, name: str) -> None:
        """The cluster has the Job."""
        if self._open.pop((namespace, name), None) is not None:
            self._write(json.dumps({"done": [namespace, name]}) + "\n")

    def _write(self, text: str) -> None:
        data = text.encode()
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror}") from error

    def _read(self) -> dict[tuple[str, str], Entry]:
        found: dict[tuple[str, str], Entry] = {}
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
