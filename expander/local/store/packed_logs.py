"""Short logs of containers as rows, by the uid of their pod and their file's name; they go with the pod."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final

from expander.base.named_tuple import NamedTuple
from expander.local.store.job_states import CLOSED, SUCCEEDED

LOG_TABLE: Final = """
CREATE TABLE logs (
    pod TEXT NOT NULL,
    name TEXT NOT NULL,
    modified REAL NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (pod, name)
) WITHOUT ROWID;
CREATE TRIGGER unlogged_trace AFTER DELETE ON traces
BEGIN DELETE FROM logs WHERE pod = old.uid; END;
"""

_COMPLETE: Final = """
SELECT 1 FROM objects AS pod JOIN objects AS job ON job.uid = pod.owner
WHERE pod.uid = ? AND pod.kind = 'Pod' AND pod.state = ? AND job.kind = 'Job' AND job.state = ?
"""


class LogRow(NamedTuple):
    """A log file: the uid of its pod, its name, when it was written last (Unix seconds), and its bytes."""

    pod: str
    name: str
    modified: float
    data: bytes


def log_row(database: sqlite3.Connection, pod: str, name: str) -> LogRow | None:
    """The log of that name of a pod; None when it is not packed."""
    row = database.execute("SELECT * FROM logs WHERE pod=? AND name=?", (pod, name)).fetchone()
    return None if row is None else LogRow(*row)


def log_rows(database: sqlite3.Connection) -> Iterator[LogRow]:
    """All logs that are packed."""
    return map(LogRow._make, database.execute("SELECT * FROM logs"))


def put_logs(database: sqlite3.Connection, rows: Iterable[LogRow]) -> None:
    """Keep these logs, over those of the same names."""
    database.executemany("INSERT OR REPLACE INTO logs VALUES (?,?,?,?)", rows)


def of_complete_job(database: sqlite3.Connection, pod: str) -> bool:
    """Whether the pod with that uid has ended and is counted, and its Job is complete."""
    return database.execute(_COMPLETE, (pod, CLOSED, SUCCEEDED)).fetchone() is not None
