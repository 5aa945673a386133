"""What data frames, records and scalars of other libraries become as items."""

from __future__ import annotations

import datetime
import enum
import sys
import uuid
from collections import UserDict, namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path, PurePath, PurePosixPath
from types import SimpleNamespace
from typing import Any

import numpy
import pandas  # type: ignore[import-untyped]
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expander.base.errors import InputError
from expander.items.python import from_python
from expander.items.python_values import plain


@dataclass
class Sample:
    name: str
    reads: list[PurePath]
    taken: datetime.date


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


Point = namedtuple("Point", "x y")


def values_of(items: Any) -> list[Any]:
    return [item.value for item in from_python(items)]


def test_a_data_frame_of_pandas_is_its_rows_and_missing_cells_are_empty() -> None:
    frame = pandas.DataFrame(
        {
            "name": ["a", None],
            "size": pandas.array([1, None], dtype="Int64"),
            "share": [0.5, float("nan")],
            "at": [pandas.Timestamp("2026-01-02"), pandas.NaT],
            7: [True, False],
        }
    )
    assert values_of(frame) == [
        {"name": "a", "size": 1, "share": 0.5, "at": "2026-01-02T00:00:00", "7": True},
        {"name": "", "size": "", "share": "", "at": "", "7": False},
    ]
    assert [type(value) for value in values_of(frame)[0].values()] == [str, int, float, str, bool]
    assert values_of(frame["name"][:1]) == ["a"]
    assert values_of(frame[:0]) == []


def test_scalars_of_numpy_are_those_of_python() -> None:
    given = [
        numpy.int64(3),
        numpy.float32(0.5),
        numpy.bool_(True),
        numpy.str_("a"),
        numpy.datetime64("2026-01-02"),
    ]
    found = values_of(given)
    assert found == [3, 0.5, True, "a", "2026-01-02"]
    assert [type(value) for value in found] == [int, float, bool, str, str]
    assert values_of(numpy.arange(3)) == [0, 1, 2]
    assert values_of([{"a": numpy.array([1, 2])}]) == [{"a": [1, 2]}]


class Polars:
    """As polars' data frames."""

    columns = ("word", "n")

    def iter_rows(self) -> Iterator[tuple[Any, ...]]:
        yield from [("a", 1), (None, float("nan"))]


class Arrow:
    """As tables of pyarrow, which are no iterables."""

    column_names = ("word", "n")

    def to_batches(self) -> list[Any]:
        rows = [{"word": "a", "n": 1}], [{"word": None, "n": None}]
        return [SimpleNamespace(to_pylist=lambda rows=each: rows) for each in rows]

    def to_pylist(self) -> list[Any]:
        raise AssertionError("all rows at once")


@pytest.mark.parametrize("frame", [Polars(), Arrow()])
def test_data_frames_of_polars_and_arrow_are_their_rows(frame: Any) -> None:
    assert values_of(frame) == [{"word": "a", "n": 1}, {"word": "", "n": ""}]


def test_frames_and_batches_that_come_one_after_the_other_are_their_rows() -> None:
    table = pyarrow.table({"n": [1, 2, 3]})
    assert values_of(table.to_reader(max_chunksize=2)) == [{"n": 1}, {"n": 2}, {"n": 3}]
    frames = (pandas.DataFrame({"n": [n]}) for n in (1, 2))
    assert values_of([*frames, {"n": 3}, "x"]) == [{"n": 1}, {"n": 2}, {"n": 3}, "x"]


def test_mappings_of_other_types_are_dicts() -> None:
    [value] = values_of([UserDict(a=UserDict(b=1))])
    assert (value, type(value), type(value["a"])) == ({"a": {"b": 1}}, dict, dict)


def test_scalars_of_arrow_are_those_of_python() -> None:
    scalar = SimpleNamespace(as_py=lambda: datetime.date(2026, 1, 2))
    assert values_of([scalar]) == ["2026-01-02"]


def test_records_are_their_fields_by_name() -> None:
    sample = Sample("liver", [Path("a.fq"), PurePosixPath("b.fq")], datetime.date(2026, 1, 2))
    assert values_of([sample, Point(1, Colour.RED)]) == [
        {"name": "liver", "reads": ["a.fq", "b.fq"], "taken": "2026-01-02"},
        {"x": 1, "y": "red"},
    ]


def test_enums_paths_dates_and_numbers_have_a_text() -> None:
    zone = datetime.UTC
    when = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=zone)
    key = uuid.UUID(int=1)
    given = [Colour.RED, Level.HIGH, Path("x/y"), when, datetime.time(3, 4), Decimal("0.10"), key]
    expected = ["red", 3, "x/y", "2026-01-02T03:04:05+00:00", "03:04:00", "0.10", str(key)]
    assert values_of(given) == expected
    assert type(values_of([Level.HIGH])[0]) is int
    assert values_of(Path(f"{number}.png") for number in range(2)) == ["0.png", "1.png"]


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        (datetime.timedelta(1), "a value of type timedelta"),
        ({"a": complex(1)}, "a value of type complex, in the column 'a'"),
        (numpy.timedelta64(1, "s"), "a value of type timedelta64"),
        ({"took": pandas.Timedelta("1s")}, "a value of type Timedelta, in the column 'took'"),
        (numpy.float64("nan"), "the number nan"),
        (pandas.NaT, "a value of type NaTType"),
        (pandas.DataFrame, "a value of type type"),
        (lambda: 1, "a value of type function"),
        (sys, "a value of type module"),
        (numpy.array([1]), "a list"),
        (Sample("a", [], Path), "a value of type type, in the column 'taken'"),  # type: ignore[arg-type]
    ],
)
def test_a_value_without_a_text_is_refused_with_item_and_type(value: Any, wrong: str) -> None:
    with pytest.raises(InputError) as caught:
        values_of([value])
    assert str(caught.value).startswith(f"item 1 (<python>): found {wrong}; expected ")
    assert caught.value.item == "item 1 (<python>)"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40)
@given(JSON)
def test_what_json_can_say_stays_as_it_is(value: Any) -> None:
    assert repr(plain(value)) == repr(value)


def test_columns_of_one_name_are_refused() -> None:
    frame = pandas.DataFrame([["a", "b"]], columns=["x", "x"])
    with pytest.raises(InputError, match="several columns are named 'x'"):
        values_of(frame)
