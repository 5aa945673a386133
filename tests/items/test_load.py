"""The whole request: slices, limits, laziness."""

from __future__ import annotations

import tracemalloc
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.base.errors import InputError, UsageError
from expander.items.formats.registry import FORMATS
from expander.items.item import Item
from expander.items.load import ItemSpec, items
from tests.items.reading import Pieces, read, refused, values

POSITION = st.none() | st.integers(0, 12)
RECORDS = {
    "lines": (b"", b"item\n"),
    "nul": (b"", b"item\0"),
    "csv": (b"a,b\n", b"1,2\n"),
    "tsv": (b"a\tb\n", b"1\t2\n"),
    "json": (b"[0", b',{"a": 1}\n'),
    "jsonl": (b"", b'{"a": 1}\n'),
    "yaml": (b"", b"- a: 1\n"),
}
"""How a stream of each format of text starts, and a record of it."""


def test_every_format_is_read_as_a_stream_here_or_with_the_library_that_writes_it() -> None:
    assert {*FORMATS} - {*RECORDS} == {"arrow", "parquet"}  # tests/items/formats/test_arrow.py


@given(POSITION, POSITION, st.none() | st.integers(1, 12), st.none() | st.integers(0, 12))
def test_a_slice_is_one_of_python_and_limit_comes_after(
    start: int | None, stop: int | None, step: int | None, limit: int | None
) -> None:
    text = ":".join("" if part is None else str(part) for part in (start, stop, step))
    found = read("0-9", slice=text, limit=limit)
    assert [item.value for item in found] == list(range(10))[start:stop:step][:limit]
    assert [item.number for item in found] == list(range(1, 11))[start:stop:step][:limit]


def test_a_slice_without_step_has_one_colon() -> None:
    assert values("0-9", slice="7:") == [7, 8, 9]


@pytest.mark.parametrize("text", ["", "3", "a:b", "-1:", "::0", "1:2:3:4", "1 :2"])
def test_a_text_that_is_no_slice_is_refused(text: str) -> None:
    error = refused("0-9", slice=text)
    assert isinstance(error, UsageError)
    assert f"found the slice {text!r}, expected START:STOP" in str(error)


def test_a_negative_limit_is_refused() -> None:
    assert str(refused("0-9", limit=-1)) == "found the limit -1, expected 0 or more"


def test_what_is_wrong_with_a_request_is_said_before_anything_is_read() -> None:
    for spec in (
        ItemSpec(sources=("nosuch",)),
        ItemSpec(slice="x"),
        ItemSpec(limit=-1),
        ItemSpec(include=("{",)),
    ):
        with pytest.raises(UsageError):
            items(spec)


def endless(form: str, pause: int = 1) -> Iterator[bytes]:
    start, record = RECORDS[form]
    yield start
    while True:
        yield record * pause


@pytest.mark.parametrize("form", RECORDS)
def test_an_endless_stream_gives_its_items_as_it_goes(form: str) -> None:
    stream = Pieces(endless(form, 10_000))
    found = list(islice(items(ItemSpec(sources=(f"{form}:-",)), stdin=stream), 10))  # type: ignore[arg-type]
    assert len(found) == 10
    assert stream.reads < 10


@pytest.mark.parametrize("form", ["lines", "nul", "csv", "tsv", "json", "jsonl"])
def test_an_item_is_given_when_its_record_has_come(form: str) -> None:
    stream = Pieces(endless(form))
    found = items(ItemSpec(sources=(f"{form}:-",)), stdin=stream)  # type: ignore[arg-type]
    for number in range(1, 6):
        assert next(found).number == number
        assert stream.reads <= number + 4


@pytest.mark.parametrize("form", RECORDS)
def test_memory_does_not_grow_with_the_number_of_items(form: str) -> None:
    def peak_of(number: int) -> int:
        stream = items(ItemSpec(sources=(f"{form}:-",)), stdin=Pieces(endless(form, 1000)))  # type: ignore[arg-type]
        tracemalloc.start()
        for _ in islice(stream, number):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_of(100)
    assert peak_of(8000) < peak_of(2000) + 200_000


@pytest.mark.parametrize(
    "spec",
    [
        ItemSpec(sources=("-", "n=0-1")),
        ItemSpec(sources=("-", "n=0-100000"), combine="zip"),
        ItemSpec(sources=("-", "n=0-1"), combine="chain"),
        ItemSpec(sources=("-",), exclude=("x",), include=("item=item,k=1",), slice="1::2", limit=3),
        ItemSpec(sources=("v=-",)),
    ],
)
def test_combinations_read_no_more_than_they_give(spec: ItemSpec) -> None:
    stream = Pieces(endless("lines"))
    found = list(islice(items(spec, stdin=stream), 3))  # type: ignore[arg-type]
    assert len(found) == 3
    assert stream.reads < 20


def test_a_limit_stops_the_reading() -> None:
    stream = Pieces(endless("lines"))
    assert len(values("-", stdin=stream, limit=3)) == 3  # type: ignore[arg-type]
    assert stream.reads < 10


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"limit": 5},
        {"exclude": ("zzz",), "include": ("q",)},
        {"sources": ("n=0-1",)},
        {"sources": ("n=0-1",), "combine": "chain"},
        {"sources": ("n=0-99999",), "combine": "zip"},
    ],
)
def test_closing_the_items_closes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: dict[str, object]
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"item\n" * 100_000)
    opened = []
    real = open

    def spy(*args: object, **kwargs: object) -> object:
        opened.append(real(*args, **kwargs))  # type: ignore[call-overload]
        return opened[-1]

    monkeypatch.setattr("builtins.open", spy)
    sources = (str(path), *spec.pop("sources", ()))  # type: ignore[misc]
    stream = cast(Generator[Item, None, None], items(ItemSpec(sources=sources, **spec)))  # type: ignore[arg-type]
    next(stream)
    (file,) = opened
    assert not file.closed
    stream.close()
    assert file.closed


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl", "a.nul"])
def test_a_file_that_shrinks_while_it_is_read_is_an_error_and_one_that_grows_is_not(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    record = {"a.jsonl": b"1\n", "a.nul": b"1\0"}.get(name, b"1\n")
    path.write_bytes(record * 500_000)
    growing = items(ItemSpec(sources=(str(path),)))
    next(growing)
    with open(path, "ab") as file:
        file.write(record)
    assert sum(1 for _ in growing) >= 499_998
    shrinking = items(ItemSpec(sources=(str(path),)))
    next(shrinking)
    path.write_bytes(record * 3)
    with pytest.raises(InputError, match=rf"{name}: has shrunk from 1,000,002 to 6 bytes while it was read"):
        list(shrinking)


def test_an_item_is_told_in_the_words_of_its_file() -> None:
    value: Any = {"opt": None, "of": {"ok": False, "n": [1, True, "it's"]}}
    assert str(Item(value, 3, "n.json", 2)) == (
        """item 3 {"opt": null, "of": {"ok": false, "n": [1, true, "it's"]}} (n.json:2)"""
    )
