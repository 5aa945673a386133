"""Items from Python values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import InputError, UsageError
from expander.items.item import Item
from expander.items.python import from_python


def test_plain_values_and_mappings_are_items() -> None:
    values: list[Any] = ["a", 1, 1.5, True, None, {"a": [1, {"b": "c"}]}]
    found = list(from_python(values))
    assert [item.value for item in found] == values
    assert [item.number for item in found] == [1, 2, 3, 4, 5, 6]
    assert str(found[0]) == "item 1 'a' (<python>)"


def test_an_item_keeps_its_place_and_gets_a_new_number() -> None:
    (item,) = from_python([Item("a", 9, "x.csv", 8)])
    assert item == Item("a", 1, "x.csv", 8)


def test_a_generator_is_not_exhausted_before_the_first_item() -> None:
    given = iter(range(10))
    assert next(iter(from_python(given))).value == 0
    assert next(given) == 1


@pytest.mark.parametrize("value", ["abc", b"abc", {"a": 1}, 5, None])
def test_a_single_value_is_refused_at_once(value: Any) -> None:
    with pytest.raises(UsageError, match="expected an iterable of items"):
        from_python(value)


def test_a_path_is_a_file_of_items_which_keep_their_places(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,size\napple,1\n")
    [item] = from_python(tmp_path / "a.csv")
    assert (item.value, item.line, item.source) == (
        {"name": "apple", "size": "1"},
        2,
        str(tmp_path / "a.csv"),
    )
    with pytest.raises(UsageError, match="no such file") as missing:
        from_python(tmp_path / "b.csv")
    assert missing.value.hint == f"did you mean {str(tmp_path / 'a.csv')!r}?"
    with pytest.raises(UsageError, match="is a folder, expected a file"):
        from_python(tmp_path)
    with pytest.raises(UsageError) as text:
        from_python(str(tmp_path / "a.csv"))
    assert text.value.hint == f"for the items of that file: pathlib.Path({str(tmp_path / 'a.csv')!r})"


def test_a_row_without_names_is_refused_with_what_would_name_its_columns() -> None:
    with pytest.raises(InputError, match="found a value of type tuple") as caught:
        list(from_python(zip("ab", "cd", strict=True)))
    assert caught.value.hint == "a mapping, data class or named tuple names the columns of a row"


def deep(levels: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return {"top": value}


def round_about() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["self"] = value
    return value


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        (b"x", "a value of type bytes"),
        ((1, 2), "a value of type tuple"),
        ([1], "a list"),
        (float("nan"), "the number nan"),
        (float("-inf"), "the number -inf"),
        ("\ud800", "text that is not UTF-8, '\\ud800'"),
        ({1: 2}, "the key 1, which is not a string"),
        ({"a": {"b": {1}}}, "a value of type set, in the column 'a'"),
        ({"a": ["x", "\udfff"]}, "text that is not UTF-8, '\\udfff', in the column 'a'"),
        ({"\ud800": 1}, "text that is not UTF-8, '\\ud800', in the column '\\ud800'"),
        (deep(300), "more than 200 levels of nesting, in the column 'top'"),
        (round_about(), "more than 200 levels of nesting, in the column 'self'"),
    ],
)
def test_a_value_that_no_manifest_can_hold_is_refused_with_its_number(value: Any, wrong: str) -> None:
    found = from_python(["ok", value])
    next(found)
    with pytest.raises(InputError) as caught:
        next(found)
    assert str(caught.value).startswith(f"item 2 (<python>): found {wrong}; expected ")
