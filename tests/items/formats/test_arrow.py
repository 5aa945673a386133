"""Parquet, and Arrow files and streams."""

from __future__ import annotations

import datetime
import gzip
import io
import os
import subprocess
import sys
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pandas  # type: ignore[import-untyped]
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather, ipc, parquet

from expander.base.errors import ExpanderError, InputError, UsageError
from expander.base.extras import install_command
from expander.items.load import ItemSpec, items
from expander.items.python import from_python
from tests.items.reading import places, read, refused, values

ROWS: list[dict[str, Any]] = [
    {"name": "a", "size": 1, "share": 0.5},
    {"name": None, "size": None, "share": float("nan")},
]
EMPTY = {"name": "", "size": "", "share": ""}
FORMATS = ("t.parquet", "t.arrow", "t.arrows", "t.feather")


def table(rows: list[dict[str, Any]] = ROWS) -> Any:
    return pyarrow.Table.from_pylist(rows)


def written(name: str, given: Any) -> bytes:
    """A table in the format that the ending of ``name`` stands for."""
    file = io.BytesIO()
    if name.endswith(".parquet"):
        parquet.write_table(given, file, row_group_size=700)
    elif name.endswith(".feather"):
        feather.write_feather(given, file)
    else:
        opened = ipc.new_stream if name.endswith(".arrows") else ipc.new_file
        with opened(file, given.schema) as writer:
            writer.write_table(given)
    return file.getvalue()


def save(folder: Path, name: str, given: Any) -> str:
    (folder / name).write_bytes(written(name, given))
    return str(folder / name)


@pytest.mark.parametrize("name", FORMATS)
def test_rows_are_items_with_their_types_and_missing_cells_are_empty(name: str, tmp_path: Path) -> None:
    found = read(path := save(tmp_path, name, table()))
    assert [item.value for item in found] == [ROWS[0], EMPTY]
    assert [type(value) for value in found[0].value.values()] == [str, int, float]  # type: ignore[union-attr]
    assert [str(item.where) for item in found] == [f"{path}:1", f"{path}:2"]
    assert read(save(tmp_path, name, table()[:0])) == []


@pytest.mark.parametrize("name", FORMATS)
def test_files_may_be_compressed_and_named_by_their_format(name: str, tmp_path: Path) -> None:
    data = written(name, table())
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(data))
    assert values(str(tmp_path / f"{name}.gz")) == [ROWS[0], EMPTY]
    form = "parquet" if name == "t.parquet" else "arrow"
    (tmp_path / "data").write_bytes(data)
    assert values(f"{form}:{tmp_path / 'data'}") == [ROWS[0], EMPTY]
    assert places(f"{form}:-", stdin=data) == [(ROWS[0], 1), (EMPTY, 2)]


TYPES = {
    "day": [datetime.date(2026, 1, 2)],
    "at": pyarrow.array([1], pyarrow.timestamp("us", "UTC")),
    "nanos": pyarrow.array([1_000], pyarrow.timestamp("ns")),
    "price": [Decimal("0.10")],
    "kind": pyarrow.array(["x"]).dictionary_encode(),
    "tags": [["a", "b"]],
    "more": [{"a": 1, "b": [True]}],
    "map": pyarrow.array([[("k", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
    "nothing": [None],
}


@pytest.mark.parametrize("name", FORMATS)
def test_columns_of_any_type_become_what_those_of_data_frames_become(name: str, tmp_path: Path) -> None:
    given = pyarrow.table(TYPES)
    [found] = values(save(tmp_path, name, given))
    assert found == next(from_python(given)).value
    assert found == {
        "day": "2026-01-02",
        "at": "1970-01-01T00:00:00.000001+00:00",
        "nanos": "1970-01-01T00:00:00.000001",
        "price": "0.10",
        "kind": "x",
        "tags": ["a", "b"],
        "more": {"a": 1, "b": [True]},
        "map": [["k", 1]],
        "nothing": "",
    }


cells = st.one_of(st.none(), st.text(st.characters(codec="utf-8")))
rows_of_any_value = st.lists(
    st.fixed_dictionaries({"a": cells, "b": st.one_of(st.none(), st.integers(-(1 << 63), (1 << 63) - 1))})
)


@given(rows_of_any_value)
def test_any_value_arrives(rows: list[dict[str, Any]]) -> None:
    schema = pyarrow.schema({"a": pyarrow.string(), "b": pyarrow.int64()})
    data = pyarrow.Table.from_pylist(rows, schema)
    expected = [{name: "" if cell is None else cell for name, cell in row.items()} for row in rows]
    for name, form in (("t.parquet", "parquet"), ("t.arrow", "arrow"), ("t.arrows", "arrow")):
        assert values(f"{form}:-", stdin=written(name, data)) == expected


def test_the_index_that_pandas_writes_is_no_column(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"n": [1, 2]}, index=["x", "y"])
    frame.to_parquet(tmp_path / "t.parquet")
    assert values(str(tmp_path / "t.parquet")) == [{"n": 1}, {"n": 2}]
    frame.index.name = "key"
    frame.to_parquet(tmp_path / "t.parquet")
    assert values(str(tmp_path / "t.parquet"))[0] == {"n": 1, "key": "x"}


@pytest.mark.parametrize("name", FORMATS)
def test_a_value_that_no_item_can_have_is_told_with_file_row_and_column(name: str, tmp_path: Path) -> None:
    rows = [{"id": number, "raw": None if number < 1500 else b"\0"} for number in range(1600)]
    path = save(tmp_path, name, table(rows))
    expected = "found a value of type bytes, in the column 'raw'; expected text, a number"
    assert str(refused(path)).startswith(f"item 1501 ({path}:1501): {expected}")


@pytest.mark.parametrize("name", FORMATS)
def test_text_that_is_not_utf_8_is_told_with_file_row_and_column(name: str, tmp_path: Path) -> None:
    raw = pyarrow.array([b"a"] * 1200 + [b"\xff"], pyarrow.binary())
    offsets = raw.buffers()
    text = pyarrow.Array.from_buffers(pyarrow.string(), len(raw), offsets)
    path = save(tmp_path, name, pyarrow.table({"id": range(1201), "word": text}))
    found = str(refused(path))
    assert found.startswith(f"item 1201 ({path}:1201): cannot be read: ")
    assert found.endswith("in the column 'word'")


@pytest.mark.parametrize("name", FORMATS[:3])
def test_columns_of_one_name_are_refused(name: str, tmp_path: Path) -> None:
    path = save(tmp_path, name, pyarrow.table([[1], [2]], names=["a", "a"]))
    assert str(refused(path)) == f"{path}: several columns are named 'a'"


DAMAGED = {name: written(name, pyarrow.table({**TYPES, "word": ["a"], "id": [1]})) for name in FORMATS}


@pytest.mark.parametrize(
    ("source", "data", "wrong"),
    [
        ("parquet:-", b"", "<stdin>: cannot be read as Parquet: "),
        ("parquet:-", b"a,b\n1,2\n", "<stdin>: cannot be read as Parquet: "),
        ("parquet:-", written("t.parquet", table())[:-40], "<stdin>: cannot be read as Parquet: "),
        ("arrow:-", b"", "<stdin>: found neither an Arrow file (Feather version 2) nor an Arrow stream"),
        ("arrow:-", b"FEA1", "<stdin>: found neither an Arrow file (Feather version 2) nor an Arrow stream"),
        ("arrow:-", written("t.arrow", table())[:-40], "<stdin>: cannot be read as Arrow: "),
        ("arrow:-", written("t.arrows", table())[:-200], "<stdin>: cannot be read as Arrow: "),
    ],
)
def test_what_is_no_such_file_is_refused(source: str, data: bytes, wrong: str) -> None:
    error = refused(source, stdin=data)
    assert isinstance(error, InputError)
    assert str(error).startswith(wrong)


@settings(derandomize=True)
@given(st.sampled_from(FORMATS), st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1))
def test_a_damaged_file_is_read_or_refused(name: str, damage: list[tuple[int, int]]) -> None:
    data = bytearray(DAMAGED[name])
    for place, byte in damage:
        data[place % len(data)] = byte
    with suppress(ExpanderError):
        read("parquet:-" if name == "t.parquet" else "arrow:-", stdin=bytes(data))


def test_a_file_of_the_other_format_is_pointed_out() -> None:
    data = written("t.parquet", table())
    assert refused("arrow:-", stdin=data).hint == "this looks like Parquet; parquet:FILE reads it"
    assert refused("-", stdin=data).hint == "this looks like Parquet; parquet:FILE reads a file in it"


def test_a_stream_comes_through_a_pipe_and_a_file_does_not() -> None:
    def through_a_pipe(name: str) -> Any:
        process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with process:
            assert process.stdin is not None
            process.stdin.write(written(name, table()))
            process.stdin.close()
            return read(f"{'parquet' if 'parquet' in name else 'arrow'}:-", stdin=cast(Any, process.stdout))

    assert [item.value for item in through_a_pipe("t.arrows")] == [ROWS[0], EMPTY]
    for name, what in (("t.parquet", "a Parquet file"), ("t.arrow", "an Arrow file")):
        with pytest.raises(InputError, match=f"<stdin>: {what} cannot be read from a pipe") as caught:
            through_a_pipe(name)
        assert caught.value.hint == "write it to a file, and give its name"


def test_the_extra_is_named_where_the_library_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path, "t.parquet", table())
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    error = refused(path)
    assert isinstance(error, UsageError)
    assert str(error) == (
        f"{path}: this requires pyarrow, which is not installed\n  hint: {install_command('arrow')}"
    )


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    rows = int(os.environ.get("ARROW_ROWS", "16000"))
    given = pyarrow.table({"a": [f"{number:1000}" for number in range(rows)]})
    path = tmp_path / "t.parquet"
    parquet.write_table(given, path, use_dictionary=False, compression="none")
    assert parquet.ParquetFile(path).num_row_groups == 1
    pool = pyarrow.default_memory_pool()
    before = pool.bytes_allocated()
    stream = items(ItemSpec(sources=(str(path),)))
    highest = max(pool.bytes_allocated() - before for item in stream if item.number % 500 == 0)
    assert 0 < highest < given.nbytes / 3
