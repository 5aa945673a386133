"""`expander.results`: what became of each item, with its output, as records and as data frames."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Unpack

from expander.api.arguments import raise_error, texts, warn
from expander.api.place import GroupKeywords, Which, opened
from expander.api.records import Records
from expander.api.stop import stop_check
from expander.base.dataclass import dataclass
from expander.base.errors import ExpanderError, UsageError
from expander.base.extras import library
from expander.items.keys import item_text
from expander.kube.time import unix

if TYPE_CHECKING:
    from expander.group.table import Row

TIMES: Final = ("started", "finished", "created")
"""Fields in Unix seconds, which are timestamps in data frames."""

NUMBERS: Final = ("index", "exit_code", "attempts", "attempt")
"""Fields that are integers, or missing."""

OPTIONAL: Final = ("output", "termination_message", "attempt", "pod", "memory", "logs")
"""Fields that are columns of a data frame only when they were asked for."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an item, or with ``attempts`` of one attempt at it.

    ``item`` is the item: its columns by name if it has any, else its text; ``key`` names it. ``index`` is its
    number from 0. ``state``, ``reason``, ``message`` and ``cause`` are as in `status`. Times are Unix
    seconds, None where there is none yet; ``seconds`` is how long it ran. ``output`` is the end of what it
    printed and ``termination_message`` what its container left, None unless asked for. Of an attempt:
    its number from 1, its ``pod``, the ``memory`` limit, and the folder of saved ``logs``.
    """

    namespace: str
    name: str
    index: int | None
    key: str
    item: str | Mapping[str, Any]
    state: str
    reason: str
    message: str
    cause: str
    exit_code: int | None
    started: float | None
    finished: float | None
    seconds: float | None
    attempts: int
    node: str | None
    created: float | None
    pods: tuple[str, ...]
    output: str | None = None
    termination_message: str | None = None
    attempt: int | None = None
    pod: str | None = None
    memory: str | None = None
    logs: str | None = None


class Results(Records[Result]):
    """Results in the order asked for; ``counts`` by state."""

    __slots__ = ()
    noun = "item"
    heads = ("ITEM", "STATE", "SECONDS", "EXIT", "ATTEMPTS", "REASON", "OUTPUT")

    def state(self, record: Result) -> str:
        return record.state

    def cells(self, record: Result) -> Sequence[object]:
        why = f"{record.reason} ({record.cause})" if record.cause else record.reason
        end = record.exit_code, record.attempts, why, record.output
        return record.key, record.state, record.seconds, *end

    def columns(self) -> dict[str, list[Any]]:
        """The fields as columns, and those of the items; one named like a field is ``item.NAME``.

        ``item`` is there for items without columns, output and what belongs to attempts where that was asked.
        """
        own = list(dict.fromkeys(name for one in self for name in _columns_of(one)))
        found: dict[str, list[Any]] = {}
        for name in Result.__dataclass_fields__:
            values = [getattr(one, name) for one in self]
            if name == "item":
                for column in own:
                    label = f"item.{column}" if column in Result.__dataclass_fields__ else column
                    found[label] = _numbers([_columns_of(one).get(column) for one in self])
                if own and all(isinstance(value, Mapping) for value in values):
                    continue
                values = [item_text(value) for value in values]
            if name == "pods":
                values = [list(value) for value in values]
            if name not in OPTIONAL or any(value is not None for value in values):
                found[name] = values
        return found

    def to_pandas(self) -> Any:
        """A pandas.DataFrame with `columns`; times are UTC timestamps.

        Integers and truth values that may be missing are ``Int64`` and ``boolean``. Raises UsageError when
        pandas is not installed.
        """
        frames: Any = library("pandas", "pandas")
        found = {}
        for name, values in self.columns().items():
            if name in TIMES:
                found[name] = frames.to_datetime(
                    frames.Series(_microseconds(values), dtype="Int64"), unit="us", utc=True
                )
            else:
                found[name] = frames.Series(values, dtype="Int64" if name in NUMBERS else _dtype(values))
        return frames.DataFrame(found)

    def to_arrow(self) -> Any:
        """A pyarrow.Table with `columns`; times are UTC timestamps, columns of mixed types JSON texts.

        Raises UsageError when pyarrow is not installed.
        """
        arrow: Any = library("pyarrow", "arrow")
        types = dict.fromkeys(TIMES, arrow.timestamp("us", "UTC")) | dict.fromkeys(NUMBERS, arrow.int64())
        found = {}
        for name, values in self.columns().items():
            if name in TIMES:
                values = _microseconds(values)
            kind = types.get(name)
            if kind is None and _kinds(values) == {int} and max(filter(None, values), default=0) >= 1 << 63:
                kind = arrow.uint64()
            try:
                found[name] = arrow.array(values, kind)
            except (arrow.ArrowInvalid, arrow.ArrowTypeError, OverflowError):
                found[name] = arrow.array(_as_texts(values))
        return arrow.table(found)

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write the table of `to_arrow` into the file ``path``, which is replaced when it is complete.

        Raises UsageError when pyarrow is not installed, OutputError when the file cannot be written.
        """
        from expander.group.results import write_atomically

        write_atomically(Path(path), [as_parquet(self)])


def as_parquet(found: Results) -> bytes:
    """A file of Parquet with the table of `Results.to_arrow`; what Parquet does not have is JSON text.

    Raises UsageError when pyarrow is not installed.
    """
    parquet, arrow = library("pyarrow.parquet", "arrow"), library("pyarrow", "arrow")
    table = found.to_arrow()
    for place, name in enumerate(table.column_names):
        try:
            parquet.write_metadata(arrow.schema([table.field(place)]), BytesIO())
        except arrow.ArrowNotImplementedError:  # an empty mapping
            table = table.set_column(place, name, arrow.array(_as_texts(table[name].to_pylist())))
    file = BytesIO()
    parquet.write_table(table, file)
    return file.getvalue()


def _as_texts(values: list[Any]) -> list[str | None]:
    return [None if value is None else item_text(value) for value in values]


def _columns_of(one: Result) -> Mapping[str, Any]:
    return one.item if isinstance(one.item, Mapping) else {}


def _numbers(values: list[Any]) -> list[Any]:
    """``values`` as they are; if the others are numbers, an empty text was a missing cell, and is None.

    So it was among truth values.
    """
    found = [None if value == "" else value for value in values]
    kinds = _kinds(found)
    return found if kinds and (kinds <= {int, float} or kinds == {bool}) else values


def _kinds(values: list[Any]) -> set[type]:
    return {float if isinstance(value, float) else type(value) for value in values if value is not None}


def _microseconds(seconds: list[float | None]) -> list[int | None]:
    return [None if value is None else round(value * 1e6) for value in seconds]


def _dtype(values: list[Any]) -> str | None:
    """The type of a column of pandas that holds ``values`` as they are; None: pandas finds it."""
    kinds, missing = _kinds(values), None in values
    numbers = [value for value in values if type(value) is int]
    if kinds == {bool}:
        return "boolean" if missing else None
    if kinds == {int}:
        return _integers(min(numbers), max(numbers)) if missing else None
    # as floats, such integers would be others
    return "object" if kinds == {int, float} and any(abs(value) > 1 << 53 for value in numbers) else None


def _integers(low: int, high: int) -> str:
    if low >= -(1 << 63) and high < 1 << 63:
        return "Int64"
    return "UInt64" if low >= 0 and high < 1 << 64 else "object"


def results(
    group: Which = None,
    items: Sequence[str] = (),
    *,
    failed: bool = False,
    attempts: bool = False,
    column: Literal["output", "message"] | Sequence[Literal["output", "message"]] = (),
    output_limit: int = 65536,
    sort_by: str = "input",
    out: str | os.PathLike[str] | None = None,
    on_error: Callable[[ExpanderError], None] | None = None,
    **where: Unpack[GroupKeywords],
) -> Results:
    """The result of each item of a group, as ``expander results`` shows them.

    ``group`` and the keywords of its place are as for `status`. ``items`` are keys, names of Jobs or globs of
    these; without them all are meant. ``failed``: only failed items; ``attempts``: one for each attempt.
    ``column`` asks for the "output" (its last ``output_limit`` bytes) and the termination "message".
    ``sort_by`` is "input", "name" or a column, also of the items; "-COLUMN" is descending. With ``out`` the
    output and logs of each finished item are written below that folder as well, those that are new.

    Raises InputError for a group or item that is not there, OutputError for a folder that cannot be written,
    and the error of the first log that cannot be read; with ``on_error`` that function gets those.
    """
    from expander.group.known.result_rows import ResultOptions, collect_results, is_by_output, result_rows

    asked = [*texts("column", column), *(["output"] if is_by_output(sort_by) else [])]
    if unknown := {*asked} - {"output", "message"}:
        raise UsageError(f"column: {min(unknown)!r} is not one of output, message")
    options = ResultOptions(
        names=texts("items", items),
        failed=failed,
        attempts=attempts,
        columns=asked,
        output_limit=output_limit,
        sort=sort_by,
    )
    if attempts and asked:
        raise UsageError("attempts cannot be used with column")
    failing = on_error or raise_error
    with opened("results", group, where) as (source, wanted):
        if out is not None:
            collect_results(source, wanted, Path(out), options, failing, stopped=stop_check())
        found = result_rows(source, wanted, options, failing, warn)
    return results_of(found.rows)


def results_of(rows: Iterable[Row]) -> Results:
    """The records of ``rows`` of `expander.group.known.result_rows`."""
    return Results(map(_result, rows))


def _result(row: Row) -> Result:
    """The record of a row."""
    times: dict[str, Any] = {name: None if row[name] is None else unix(row[name]) for name in TIMES}
    rest: dict[str, Any] = {name: row.get(name) for name in ("output", "attempt", "pod", "memory", "logs")}
    same = ("namespace", "name", "index", "key", "state", "reason", "message", "cause", "seconds", "node")
    return Result(
        **{name: row[name] for name in same},
        **times,
        **rest,
        item=row.get("columns") or row["item"],
        exit_code=row["exitCode"],
        attempts=row["attempts"],
        pods=tuple(row["pods"]),
        termination_message=row.get("terminationMessage"),
    )
