"""Include and exclude, as in GitHub Actions matrices."""

from __future__ import annotations

import pytest

from expander.base.errors import UsageError
from tests.items.reading import read, refused, values

MATRIX = ("fruit=apple,pear", "animal=cat,dog")


def test_include_extends_and_adds_as_in_the_example_of_the_documentation() -> None:
    include = (
        "color=green",
        "color=pink,animal=cat",
        "fruit=apple,shape=circle",
        "fruit=banana",
        "fruit=banana,animal=cat",
    )
    assert values(*MATRIX, include=include) == [
        {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
        {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "pear", "animal": "dog", "color": "green"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]


def test_exclude_drops_items_that_have_all_its_pairs() -> None:
    assert values(*MATRIX, exclude=("fruit=apple,animal=cat", "animal=dog,fruit=pear")) == [
        {"fruit": "apple", "animal": "dog"},
        {"fruit": "pear", "animal": "cat"},
    ]


def test_a_partial_exclude_drops_all_that_have_it() -> None:
    assert values(*MATRIX, exclude=("fruit=apple",)) == [
        {"fruit": "pear", "animal": "cat"},
        {"fruit": "pear", "animal": "dog"},
    ]


def test_exclude_comes_before_include() -> None:
    found = read("n=1-2", exclude=("n=1",), include=("n=1",))
    assert [(item.value, item.number) for item in found] == [({"n": 2}, 1), ({"n": "1"}, 2)]


def test_values_are_compared_as_text() -> None:
    stdin = b'{"a": 1}\n{"a": true}\n{"a": null}\n{"a": 1.5}\n{"a": [1]}\n{"a": "x"}\n'
    entries = ("a=1", "a=true", "a=null", "a=1.5", '{"a": [1]}')
    assert len(values("jsonl:-", stdin=stdin, exclude=('{"a": 1}',))) == 5
    assert values("jsonl:-", stdin=stdin, exclude=entries) == [{"a": "x"}]


def test_a_json_object_says_types_and_odd_texts() -> None:
    assert values("a=x,y", include=('{"a": "x", "n": 5, "t": "p,q=r"}',)) == [
        {"a": "x", "n": 5, "t": "p,q=r"},
        {"a": "y"},
    ]


def test_a_part_in_double_quotes_may_hold_a_comma() -> None:
    assert values("a=x,y", include=('a=x,"b=1,2"',)) == [{"a": "x", "b": "1,2"}, {"a": "y"}]


def test_a_plain_value_is_excluded_and_included_by_itself() -> None:
    assert values(arguments=("a", "b"), exclude=("a",), include=("b", "c")) == ["b", "c"]


def test_a_plain_value_counts_as_the_column_item() -> None:
    assert values(arguments=("a", "b=1"), exclude=("item=b=1",), include=("item=a,color=red", "item=z")) == [
        {"item": "a", "color": "red"},
        "z",
    ]


def test_includes_alone_are_items() -> None:
    found = read(include=("a", "x=1,y=2"))
    assert [(item.value, item.number, item.source) for item in found] == [
        ("a", 1, "<include>"),
        ({"x": "1", "y": "2"}, 2, "<include>"),
    ]


def test_an_exclude_of_an_unknown_column_is_refused_before_the_first_item() -> None:
    error = refused(*MATRIX, exclude=("friut=apple",))
    assert isinstance(error, UsageError)
    assert str(error) == (
        "the exclude 'friut=apple' names the column 'friut', the items have fruit, animal\n"
        "  hint: did you mean 'fruit'?"
    )


def test_an_exclude_of_a_column_that_only_some_items_have_is_fine() -> None:
    stdin = b'{"a": 1}\n{"a": 1, "b": 2}\n'
    assert values("jsonl:-", stdin=stdin, exclude=("b=2",)) == [{"a": 1}]


def test_an_exclude_of_a_column_that_no_item_has_is_refused_after_the_last() -> None:
    assert "names the column 'b'" in str(refused("jsonl:-", stdin=b'{"a": 1}\n', exclude=("b=2",)))


@pytest.mark.parametrize("option", ["include", "exclude"])
def test_a_plain_entry_for_items_with_columns_is_refused(option: str) -> None:
    error = refused(*MATRIX, stdin=None, **{option: ("banana",)})
    assert isinstance(error, UsageError)
    assert f"the {option} 'banana' names the column 'item', the items have fruit, animal" in str(error)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("a=1,b", "'b' has no ="),
        ("=1", "'=1' has no KEY"),
        ("a=1,a=2", "the column 'a' is there twice"),
        ('"a=1', "unexpected end of data"),
        ("{", "not valid JSON"),
        ("{}", "it has no columns"),
        ('{"a": 1, "a": 2}', "the key 'a' appears twice"),
        ("a=\udcff", "it is not UTF-8 text"),
    ],
)
@pytest.mark.parametrize("option", ["include", "exclude"])
def test_a_malformed_entry_is_refused_before_anything_is_read(option: str, text: str, wrong: str) -> None:
    error = refused("-", stdin=None, **{option: (text,)})
    assert isinstance(error, UsageError)
    assert wrong in str(error)
