"""Packs the short logs of complete Jobs into the state file: a file of one line takes a block of the disk.

`expander run` does it when all has ended and is printed. A row is durable before its file goes, so a kill
leaves the file, the row or both, and who reads a log takes the file first. Logs of what has failed or not
ended, long ones and rotated ones stay files; `unpack_logs` makes files of all, for who gives out paths.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from expander.base.errors import ExpanderError
from expander.local.kubelet.pod_files import LOGS, pod_of_file
from expander.local.runtime.log_writer import ROTATED_SUFFIX
from expander.local.state import StateFolder
from expander.local.store.database import reading
from expander.local.store.packed_logs import LogRow, log_rows, of_complete_job, put_logs

MAX_PACKED_BYTES: Final = 4096
"""A longer log wastes less than half of the blocks it takes."""

MIN_LOGS: Final = 256
"""As long as there are fewer, about a megabyte, they stay files."""

LOGS_PER_COMMIT: Final = 1000


def pack_logs(folder: Path) -> None:
    """Pack what can be packed in a state folder, unless somebody uses it. What has no room stays as it is."""
    logs = str(folder / LOGS)
    with suppress(ExpanderError, sqlite3.Error, OSError):
        with os.scandir(logs) as entries:
            if len([*islice(entries, MIN_LOGS)]) < MIN_LOGS:
                return
        with closing(StateFolder(folder)) as state:
            database = state.database
            database.execute("PRAGMA synchronous=FULL")  # a commit outlives a power cut, as the file would
            rows = _rows(logs, partial(of_complete_job, database))
            while some := list(islice(rows, LOGS_PER_COMMIT)):
                database.execute("BEGIN")
                put_logs(database, some)
                database.execute("COMMIT")
                for row in some:
                    os.unlink(f"{logs}/{row.name}")


def unpack_logs(folder: Path) -> None:
    """Make files in a state folder of all logs that are rows. A row stays until its pod goes.

    Raises ExpanderError when they cannot be written, or the folder is in use.
    """
    if not (folder / LOGS).is_dir():
        return
    with closing(StateFolder(folder)) as state, reading(folder / "state.db"):
        try:
            for row in log_rows(state.database):
                path = folder / LOGS / row.name
                if not path.exists():
                    part = path.with_name("part")
                    part.touch(0o600)
                    part.write_bytes(row.data)
                    os.utime(part, (row.modified, row.modified))
                    part.replace(path)
        except OSError as error:
            raise ExpanderError(f"the state folder {folder} cannot be used: {error.strerror}") from error


def _rows(logs: str, is_complete: Callable[[str], bool]) -> Iterator[LogRow]:
    """The logs that are short, whole, and of a pod that is complete."""
    with os.scandir(logs) as entries:
        for entry in entries:
            pod = pod_of_file(entry.name) if entry.name.endswith(".log") else ""
            if pod and is_complete(pod) and not os.path.exists(entry.path + ROTATED_SUFFIX):
                file = os.open(entry.path, os.O_RDONLY)
                try:
                    data, modified = os.read(file, MAX_PACKED_BYTES + 1), os.fstat(file).st_mtime
                finally:
                    os.close(file)
                if len(data) <= MAX_PACKED_BYTES:
                    yield LogRow(pod, entry.name, modified, data)
