"""The table of results: one row per item, as CSV, JSON, JSON Lines, text, or a joblog of GNU parallel."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from expander.base.errors import UsageError, shown_columns
from expander.base.option_names import if_typed, option
from expander.base.text import natural
from expander.base.written_numbers import dumps
from expander.group.job_status import explained_summaries
from expander.group.known.chunk_items import with_items
from expander.group.known.summary import Summary
from expander.group.records import ItemRecord, job_records
from expander.group.source import Reader
from expander.kube.api_resource import snake_case
from expander.kube.time import micro_time, precise_time, unix

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
    "key",
    "created",
)
"""The keys of every row, in this order; a row may also have ``columns``, ``folder``, ``output`` and more."""

HIDDEN: Final = ("uid", "columns", "pods", "files", "submitted")
"""Keys that a flat table leaves out."""

TEXT_COLUMNS: Final = {
    "NAMESPACE": "namespace",
    "JOB": "name",
    "INDEX": "index",
    "TASK": "task",
    "ITEM": "key",
    "ATTEMPT": "attempt",
    "STATE": "state",
    "OUTPUT": "output",
    "TERMINATION": "terminationMessage",
    "STARTED": "started",
    "FINISHED": "finished",
    "SECONDS": "seconds",
    "EXIT": "exitCode",
    "ATTEMPTS": "attempts",
    "MEMORY": "memory",
    "NODE": "node",
    "REASON": "reason",
    "POD": "pod",
}
"""The heads of the table for people, and the keys of rows in those columns."""
_WIDE: Final = ("STARTED", "FINISHED", "NODE")
_OPTIONAL: Final = ("INDEX", "TASK", "ATTEMPT", "MEMORY", "POD", "OUTPUT", "TERMINATION")

ITEM_PREFIX: Final = "item."
"""Before the name of an item's column that is also one of `COLUMNS`, as in CSV."""

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


def record_row(record: ItemRecord | Summary) -> Row:
    """The row of a record: times as the API writes them, with milliseconds where they are known; durations in
    seconds.

    ``index`` is the item's number from 0, which `numbered` finds for a Job of its own. ``created`` is when
    its first Job was.
    """
    seconds = record.seconds
    row: Row = {
        "namespace": record.namespace,
        "name": record.job_name,
        "index": record.place,
        "item": record.item,
        "state": record.state,
        "reason": record.reason,
        "message": record.message,
        "cause": record.cause,
        "exitCode": record.exit_code,
        "started": api_time_or_none(record.started),
        "finished": api_time_or_none(record.finished),
        "seconds": None if seconds is None else round(seconds, 3),
        "attempts": record.attempt_count,
        "node": record.node,
        "key": record.label,
        "created": None if record.created is None else micro_time(record.created),
        "pods": record.pod_names,
        "uid": record.uid,
    }
    if isinstance(record, ItemRecord) and record.task:
        row["task"] = record.task
    if isinstance(record, ItemRecord) and record.failed_items:
        row["failedItems"] = [{"key": key, "exitCode": code} for key, code in record.failed_items]
    if columns := record.columns:
        row["columns"] = dict(columns)
    if record.submitted is not None:
        row["submitted"] = record.submitted
    return row


def summarized_rows(reader: Reader) -> Iterator[tuple[Row, Summary | ItemRecord]]:
    """The row of each item of a group, and what it was made of."""
    for found in explained_summaries(reader):
        if isinstance(found, Summary):
            yield record_row(found), found
        else:
            records = (with_items(reader, record) for record in job_records(*found))
            yield from ((record_row(record), record) for record in records)


def numbered(rows: Iterable[Row]) -> list[Row]:
    """All rows of a group in the order they were given, with the item's number where each has its own Job."""
    found = sorted(rows, key=_order)
    if all(row["index"] is None for row in found):
        for number, row in enumerate(found):
            row["index"] = number
    return found


def _order(row: Row) -> tuple[Any, ...]:
    place = row.get("submitted") or row.get("created") or ""
    return row["namespace"], place, natural(row["name"]), row["index"] or 0


def sorted_by(rows: Sequence[Row], column: str) -> list[Row]:
    """The rows in the order of ``column``: ``input`` (as they are), a key of rows, a column of items, or a
    head of the text table.

    Numbers come before other text, what has no value comes last; ``-COLUMN`` is descending. Raises UsageError
    for a column that there is not.
    """
    if not rows:
        return []
    name = column.removeprefix("-")
    if name == "input":
        return [*rows] if name == column else [*reversed(rows)]
    keys, own = list(dict.fromkeys([*COLUMNS, *(key for row in rows for key in row)])), column_names(rows)
    place = _place(name, [key for key in keys if key not in HIDDEN], own)
    values = [(_rank(_value(row, place)), row) for row in rows]
    known = [(rank, row) for rank, row in values if rank is not None]
    known.sort(key=lambda pair: pair[0], reverse=name != column)
    return [row for _, row in known] + [row for rank, row in values if rank is None]


def text_outputs(rows: Iterable[Row]) -> int:
    """How many outputs are no numbers, so that `sorted_by` orders them as text."""
    ranks = (_rank(row.get("output")) for row in rows)
    return sum(rank[0] for rank in ranks if rank is not None)


def _place(name: str, keys: Sequence[str], own: Sequence[str]) -> tuple[str, bool]:
    """The key in a row, or in its item's columns (True), that ``name`` means."""
    if name in keys:
        return name, False
    part = name.removeprefix(ITEM_PREFIX)
    if name in own or part in own:
        return (name if name in own else part), True
    lower = name.casefold()
    heads = {head.casefold(): key for head, key in TEXT_COLUMNS.items() if key in keys}
    if (key := heads.get(lower)) is not None:
        return key, False
    for found, is_own in [*((key, False) for key in keys), *((key, True) for key in own)]:
        if found.casefold() == lower or (not is_own and snake_case(found) == name):
            return found, is_own
    raise UsageError(
        f"{option('--sort-by')}: no column {name!r}; columns are {shown_columns(_names(keys, own))}"
    )


def _names(keys: Sequence[str], own: Sequence[str]) -> Iterable[str]:
    yield from (f"{ITEM_PREFIX}{name}" if name in keys else name for name in own)
    yield from ("input", *(if_typed(key) or snake_case(key) for key in keys))
    if "output" not in keys:
        yield "output"


def _value(row: Row, place: tuple[str, bool]) -> Any:
    """What stands there; an output is without the end of its last line."""
    key, is_own = place
    value = (row.get("columns") or {}).get(key) if is_own else row.get(key)
    return value.removesuffix("\n") if value and place == ("output", False) else value


def _rank(value: Any) -> tuple[bool, Any] | None:
    """What orders a value; None for nothing."""
    text = json.dumps(value) if isinstance(value, (Mapping, list)) else str("" if value is None else value)
    if not (text := text.strip()):
        return None
    try:
        number = float(text)
    except ValueError:
        return True, natural(text)
    return (True, natural(text)) if math.isnan(number) else (False, number)


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


def csv_columns(rows: Sequence[Row]) -> list[tuple[str, tuple[str, bool]]]:
    """The heads of a CSV table, each with the key in a row, or in its item's columns (True).

    An item's columns follow ``item``; on a name clash they are ``item.NAME``.
    """
    keys = dict.fromkeys([*COLUMNS, *(key for row in rows for key in row if key not in HIDDEN)])
    heads = [(key, (key, False)) for key in keys]
    place = COLUMNS.index("item") + 1
    heads[place:place] = [
        (f"{ITEM_PREFIX}{name}" if name in keys else name, (name, True)) for name in column_names(rows)
    ]
    return heads


def as_csv(rows: Sequence[Row], shown: Sequence[str] = ()) -> Iterator[str]:
    """A header and the rows; ``shown`` are those of the `csv_columns` that are wanted, all without them."""
    columns = csv_columns(rows)
    if shown:
        places = dict(reversed(columns))
        columns = [(head, places.get(head, (head, False))) for head in shown]
    yield csv_line(head for head, _ in columns)
    for row in rows:
        yield csv_line(_value(row, place) for _, place in columns)


def column_names(rows: Iterable[Row]) -> list[str]:
    """The columns of all items, in the order they come."""
    return list(dict.fromkeys(name for row in rows for name in row.get("columns") or ()))


def as_text(rows: Sequence[Row], columns: Sequence[str] = (), *, wide: bool = False) -> Iterator[list[str]]:
    """The cells of a table for people, its header first; ``columns`` are those of the items behind the key.

    What has no value in any row is left out, INDEX also where each Job is one item. ``wide`` adds times and
    nodes.
    """
    heads = [head for head in TEXT_COLUMNS if wide or head not in _WIDE]
    several = len({row["namespace"] for row in rows}) > 1
    one_each = {(row["namespace"], row["name"], row.get("attempt")) for row in rows}
    parts = len(one_each) < len(rows)
    empty = {head for head in _OPTIONAL if all(row.get(TEXT_COLUMNS[head]) is None for row in rows)}
    hidden = empty | ({"NAMESPACE"} if not several else set()) | ({"INDEX"} if not parts else set())
    hidden |= set() if "ATTEMPT" in empty else {"ATTEMPTS"}
    heads = [head for head in heads if head not in hidden]
    place = heads.index("ITEM") + 1
    yield [*heads[:place], *(name.upper() for name in columns), *heads[place:]]
    cells = [_cells(rows, head) for head in heads]
    own = [[_text((row.get("columns") or {}).get(name)) for row in rows] for name in columns]
    yield from map(list, zip(*cells[:place], *own, *cells[place:], strict=True))


def _seconds(row: Row) -> str:
    """How long an item took: in whole seconds where no more is known of its times, as in a cluster."""
    is_whole = not any("." in (row.get(time) or "") for time in ("started", "finished"))
    return f"{row['seconds']:.{0 if is_whole else 3}f}"


def _cells(rows: Sequence[Row], head: str) -> list[str]:
    """The cells below a head."""
    key = TEXT_COLUMNS[head]
    if head == "ITEM":
        return [_text(row.get(key)) if row["item"] else "" for row in rows]
    if head == "SECONDS":
        return ["" if row.get(key) is None else _seconds(row) for row in rows]
    if head == "REASON":
        return [
            f"{row['reason']} ({row['cause']})" if row["reason"] and row.get("cause") else _text(row.get(key))
            for row in rows
        ]
    return [_text(row.get(key)) for row in rows]


def _text(value: object) -> str:
    if type(value) is str:
        return value.rstrip("\n")
    if value is None:
        return ""
    return _json(value) if isinstance(value, (Mapping, list, bool)) else str(value).rstrip("\n")


def csv_line(cells: Iterable[object]) -> str:
    """A line of CSV; lists, mappings and booleans are JSON."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(  # so that both characters are quoted in a cell
        [_json(cell) if isinstance(cell, (Mapping, list, bool)) else cell for cell in cells]
    )
    return line.getvalue().removesuffix("\r\n") + "\n"


def _json(value: object) -> str:
    return dumps(value, ensure_ascii=False)


def api_time_or_none(seconds: float | None) -> str | None:
    """A time of a row: as the API writes it, with milliseconds where they are known."""
    return None if seconds is None else precise_time(seconds)


def as_joblog(rows: Iterable[Row]) -> Iterator[str]:
    """A joblog of GNU parallel: a line for each ended row, in their order.

    ``Seq`` is the item's number from 1, ``Host`` is the node (``:``, this machine, if unknown), ``Command``
    the command line if it is known, else the key, ``Receive`` the bytes of output if they were collected. An
    item that failed without an exit code has Exitval -1, as parallel writes for what it could not run.
    """
    yield "\t".join(JOBLOG_COLUMNS) + "\n"
    for place, row in enumerate(rows):
        if row["state"] in ("Complete", "Failed"):
            number = place if row["index"] is None else row["index"]
            yield "\t".join(_joblog_cells(number + 1, row)) + "\n"


def _joblog_cells(number: int, row: Row) -> list[str]:
    code = row["exitCode"]
    if row["state"] == "Failed" and not code:
        code = -1
    code = code or 0
    signal = code - _SIGNAL_BASE if code > _SIGNAL_BASE else 0
    return [
        str(number),
        row["node"] or ":",
        f"{unix(row['started']) if row['started'] else 0:.3f}",
        f"{row['seconds'] or 0:.3f}",
        "0",
        str(row.get("bytes") or 0),
        str(0 if signal else code),
        str(signal),
        _one_line(row.get("command") or row.get("key") or row["item"] or row["name"]),
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
