"""The joblog of GNU parallel: a line for each finished item, so that its tools read what ran elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from expander.kube.time import unix
from expander.pipeline.group.table import Row

JOBLOG_COLUMNS: Final = (
    "Seq",
    "Host",
    "Starttime",
    "JobRuntime",
    "Send",
    "Receive",
    "Exitval",
    "Signal",
    "Command",
)
"""The columns of GNU parallel's --joblog."""

_SIGNALLED: Final = 128
"""What a container's exit code is above when a signal ended it."""


def joblog(rows: Iterable[Row]) -> Iterator[str]:
    """The lines for the rows that have ended, in the order they started.

    ``Host`` is the node (``:``, this machine, when it is not known), ``Command`` the item, ``Receive`` the
    bytes of output where they were collected. An item that failed without an exit code has Exitval -1, as
    parallel writes for what it could not run.
    """
    yield "\t".join(JOBLOG_COLUMNS) + "\n"
    ended = [row for row in rows if row["state"] in ("Complete", "Failed")]
    ended.sort(key=lambda row: row["started"] or "")
    for number, row in enumerate(ended, 1):
        yield "\t".join(_cells(number, row)) + "\n"


def _cells(number: int, row: Row) -> list[str]:
    code = row["exitCode"]
    if row["state"] == "Failed" and not code:
        code = -1
    code = code or 0
    signal = code - _SIGNALLED if code > _SIGNALLED else 0
    name = row["item"] or row["name"]
    command = name if row["index"] is None else f"{name}/{row['index']}"
    return [
        str(number),
        row["node"] or ":",
        f"{unix(row['started']) if row['started'] else 0:.3f}",
        f"{row['seconds'] or 0:.3f}",
        "0",
        str(row.get("bytes") or 0),
        str(0 if signal else code),
        str(signal),
        _one_line(command),
    ]


def _one_line(text: str) -> str:
    """``text`` without what would end its cell or line."""
    return text.translate({ord("\t"): " ", ord("\n"): " ", ord("\r"): " "})
