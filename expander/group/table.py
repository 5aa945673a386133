"""The table of results: one row per item, as CSV, JSON, JSON Lines, text, or a joblog of GNU parallel."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from expander.group.records import ItemRecord
from expander.kube.time import api_time, unix

Row = dict[str, Any]

COLUMNS: Final = (
    "namespace",
    "name",
    "index",
    "item",
    "state",
    "reason",
    "message",
    "cause",
    "exitCode",
    "started",
    "finished",
    "seconds",
    "attempts",
    "node",
)
"""The keys of every row, in this order; a row may also have ``columns``, ``folder``, ``output`` and more."""

HIDDEN: Final = ("uid", "columns", "pods", "files")
"""Keys that a flat table leaves out."""

_TEXT_COLUMNS: Final = {
    "NAMESPACE": "namespace",
    "JOB": "name",
    "INDEX": "index",
    "ITEM": "item",
    "STATE": "state",
    "SECONDS": "seconds",
    "EXIT": "exitCode",
    "PODS": "attempts",
    "REASON": "reason",
    "OUTPUT": "output",
    "TERMINATION": "terminationMessage",
}


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

_SIGNAL_BASE: Final = 128
"""Exit codes above this mean that a signal ended the container."""


def record_row(record: ItemRecord) -> Row:
    """The row of a record: times as the API writes them, durations in seconds."""
    last = record.attempts[-1].pod if record.attempts else {}
    row: Row = {
        "namespace": record.namespace,
        "name": record.job,
        "index": record.index,
        "item": record.item,
        "state": record.state,
        "reason": record.reason,
        "message": record.message,
        "cause": record.cause,
        "exitCode": record.exit_code,
        "started": _api_time_or_none(record.started),
        "finished": _api_time_or_none(record.finished),
        "seconds": record.seconds,
        "attempts": len(record.attempts),
        "node": (last.get("spec") or {}).get("nodeName"),
        "pods": [attempt.name for attempt in record.attempts],
        "uid": record.uid,
    }
    if record.columns:
        row["columns"] = dict(record.columns)
    return row


def as_json(rows: Iterable[Row]) -> Iterator[str]:
    """One JSON array, one element per line."""
    before = "[\n"
    for row in rows:
        yield before + _json(row)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def as_json_lines(rows: Iterable[Row]) -> Iterator[str]:
    """One JSON object per line."""
    return (_json(row) + "\n" for row in rows)


def as_csv(rows: Sequence[Row]) -> Iterator[str]:
    """A header and the rows. An item's columns follow ``item``; on a name clash they are ``item.NAME``."""
    own = list(dict.fromkeys(name for row in rows for name in row.get("columns") or ()))
    more = list(dict.fromkeys(key for row in rows for key in row if key not in (*COLUMNS, *HIDDEN)))
    place = COLUMNS.index("item") + 1
    heads = [f"item.{name}" if name in (*COLUMNS, *more) else name for name in own]
    yield _line([*COLUMNS[:place], *heads, *COLUMNS[place:], *more])
    for row in rows:
        columns = row.get("columns") or {}
        cells = [row.get(key) for key in COLUMNS]
        cells[place:place] = [columns.get(name) for name in own]
        yield _line([*cells, *(row.get(key) for key in more)])


def as_text(rows: Sequence[Row]) -> Iterator[list[str]]:
    """The cells of a table for people, its header first. Columns without values are left out."""
    several = len({row["namespace"] for row in rows}) > 1
    optional = {"INDEX": "index", "OUTPUT": "output", "TERMINATION": "terminationMessage"}
    heads = [head for head in _TEXT_COLUMNS if head != "NAMESPACE" or several]
    for head, key in optional.items():
        if all(row.get(key) is None for row in rows):
            heads.remove(head)
    yield heads
    for row in rows:
        yield [_cell(_value(row, head), head) for head in heads]


def _value(row: Row, head: str) -> object:
    if head == "REASON" and row["reason"] and row.get("cause"):
        return f"{row['reason']} ({row['cause']})"
    return row.get(_TEXT_COLUMNS[head])


def _cell(value: object, head: str) -> str:
    if value is None:
        return ""
    if head == "SECONDS" and isinstance(value, (int, float)):
        return f"{value:.1f}"
    return str(value).rstrip("\n")


def _line(cells: Iterable[object]) -> str:
    """A line of CSV; lists and mappings are JSON."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(
        [_json(cell) if isinstance(cell, (Mapping, list)) else cell for cell in cells]
    )
    return line.getvalue()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _api_time_or_none(seconds: float | None) -> str | None:
    return None if seconds is None else api_time(seconds)


def as_joblog(rows: Iterable[Row]) -> Iterator[str]:
    """A joblog of GNU parallel: a line for each ended row, in the order they started.

    ``Host`` is the node (``:``, this machine, if unknown), ``Command`` the item, ``Receive`` the bytes of
    output if they were collected. An item that failed without an exit code has Exitval -1, as parallel writes
    for what it could not run.
    """
    yield "\t".join(JOBLOG_COLUMNS) + "\n"
    ended = [row for row in rows if row["state"] in ("Complete", "Failed")]
    ended.sort(key=lambda row: row["started"] or "")
    for number, row in enumerate(ended, 1):
        yield "\t".join(_joblog_cells(number, row)) + "\n"


def _joblog_cells(number: int, row: Row) -> list[str]:
    code = row["exitCode"]
    if row["state"] == "Failed" and not code:
        code = -1
    code = code or 0
    signal = code - _SIGNAL_BASE if code > _SIGNAL_BASE else 0
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
    """``text`` without tabs and line ends."""
    return text.translate({ord("\t"): " ", ord("\n"): " ", ord("\r"): " "})


FORMATS: Final[Mapping[str, Callable[[Sequence[Row]], Iterable[str]]]] = {
    "csv": as_csv,
    "json": as_json,
    "jsonl": as_json_lines,
    "joblog": as_joblog,
}
"""The formats of `expander results -o`, besides the table for people."""
