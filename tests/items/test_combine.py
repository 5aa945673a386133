"""Several sources as one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.base.errors import InputError, UsageError
from expander.items import source
from tests.items.reading import read, refused, values


def test_a_product_has_every_combination_and_the_last_source_varies_fastest() -> None:
    assert values("a=1-2", "b=x,y") == [
        {"a": 1, "b": "x"},
        {"a": 1, "b": "y"},
        {"a": 2, "b": "x"},
        {"a": 2, "b": "y"},
    ]


def test_combined_items_are_numbered_anew() -> None:
    assert [item.number for item in read("a=1-2", "b=1-3")] == [1, 2, 3, 4, 5, 6]
    assert [item.number for item in read("1-2", "1-3", combine="chain")] == [1, 2, 3, 4, 5]


def test_arguments_are_the_first_source() -> None:
    assert values("b=1-2", arguments=("x",)) == [{"1": "x", "b": 1}, {"1": "x", "b": 2}]


def test_plain_values_without_a_name_are_named_by_their_place() -> None:
    assert values("1-1", "list:x", "csv:-", stdin=b"c\n5\n") == [{"1": 1, "2": "x", "c": "5"}]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_a_product_has_as_many_items_as_the_lengths_multiplied(lengths: list[int]) -> None:
    found = read(*(f"c{place}=1-{length}" for place, length in enumerate(lengths)))
    product = 1
    for length in lengths:
        product *= length
    assert len({str(item.value) for item in found}) == len(found) == product


def test_standard_input_may_be_an_inner_source_of_a_product() -> None:
    assert values("a=1-2", "b=-", stdin=b"x\ny\n") == [
        {"a": 1, "b": "x"},
        {"a": 1, "b": "y"},
        {"a": 2, "b": "x"},
        {"a": 2, "b": "y"},
    ]


def test_a_long_inner_source_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_KEPT_ITEMS", 2)
    path = tmp_path / "a"
    path.write_text("x\ny\nz\n")
    assert [item["b"] for item in values("a=1-2", f"b={path}")] == ["x", "y", "z"] * 2


def test_a_long_inner_standard_input_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_KEPT_ITEMS", 2)
    assert [item["b"] for item in values("a=1-2", "b=-", stdin=b"x\ny\nz\n")] == ["x", "y", "z"] * 2


def test_a_product_with_an_empty_source_is_empty() -> None:
    assert values("a=1-2", "b=-", stdin=b"") == []


def test_a_combined_item_says_where_its_first_part_came_from() -> None:
    assert [(item.source, item.line) for item in read("-", "b=1-1", stdin=b"x\ny\n")] == [
        ("<stdin>", 1),
        ("<stdin>", 2),
    ]


def test_zip_pairs_items_by_their_place() -> None:
    assert values("a=1-2", "b=-", combine="zip", stdin=b"x\ny\n") == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def test_a_zip_of_known_lengths_that_differ_is_refused_before_the_first_item() -> None:
    error = refused("0-2", "0-3", combine="zip")
    assert isinstance(error, InputError)
    assert str(error) == "the sources of a zip need the same number of items: 0-2 has 3, 0-3 has 4"


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (("a=0-2", "-"), "<stdin> ended after 2, 0-2 has more"),
        (("-", "a=0-0"), "0-0 ended after 1, <stdin> has more"),
    ],
)
def test_a_zip_of_lengths_that_differ_is_refused_where_one_ends(
    sources: tuple[str, ...], message: str
) -> None:
    assert message in str(refused(*sources, combine="zip", stdin=b"x\ny\n"))


def test_chain_gives_the_items_of_one_source_after_the_other() -> None:
    assert values("0-1", "csv:-", combine="chain", stdin=b"a\nx\n") == [0, 1, {"a": "x"}]


@pytest.mark.parametrize("combine", ["product", "zip"])
def test_a_column_of_two_sources_is_refused_with_a_way_out(combine: str) -> None:
    error = refused("csv:-", "a=0-0", combine=combine, stdin=b"a,b\n1,2\n")
    assert isinstance(error, InputError)
    assert "the column 'a' of 0-0 is also in an earlier source" in str(error)
    assert "NAME=SOURCE" in str(error)


def test_columns_of_two_sources_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("b,a\n1,2\n")
    error = refused("csv:-", str(tmp_path / "t.csv"), stdin=b"a,b\n1,2\n")
    assert f"the columns 'b', 'a' of {tmp_path}/t.csv are also in an earlier source" in str(error)


def test_standard_input_twice_is_refused() -> None:
    assert isinstance(refused("-", "csv:-"), UsageError)


def test_an_unknown_way_to_combine_is_refused_with_the_nearest() -> None:
    error = refused("0-1", combine="prodct")
    assert isinstance(error, UsageError)
    assert str(error).endswith("expected one of product, zip, chain\n  hint: did you mean 'product'?")
