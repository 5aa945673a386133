"""Sets of fields."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.local.apiserver.patch.field_sets import (
    MEMBER,
    Fields,
    MalformedFieldSet,
    decoded,
    difference,
    encoded,
    intersection,
    paths,
    union,
    without_below,
)

STEPS = ["f:a", "f:b", 'k:{"name":"c"}', 'v:"x"']
PORTS = {'k:{"port":443}': MEMBER, 'k:{"port":80}': MEMBER, 'k:{"port":8080}': MEMBER}


def tree(paths: set[tuple[str, ...]]) -> Fields:
    found: Fields = {}
    for path in paths:
        at = found
        for step in path:
            at = at.setdefault(step, {})
        at["."] = {}
    return found


def flat(fields: Fields, above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    found = {above} if "." in fields else set()
    for step, below in fields.items():
        if step != ".":
            found |= flat(below, (*above, step))
    return found


sets = st.sets(st.lists(st.sampled_from(STEPS), min_size=1, max_size=3).map(tuple), max_size=8)


@given(sets, sets)
def test_the_operations_are_those_of_sets(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> None:
    assert flat(union(tree(one), tree(other))) == one | other
    assert flat(difference(tree(one), tree(other))) == one - other
    assert flat(intersection(tree(one), tree(other))) == one & other


@given(sets, sets)
def test_what_is_ignored_is_so_with_all_below_it(
    one: set[tuple[str, ...]], ignored: set[tuple[str, ...]]
) -> None:
    kept = {path for path in one if not any(path[: len(each)] == each for each in ignored)}
    assert flat(without_below(tree(one), tree(ignored))) == kept


@given(sets)
def test_a_set_survives_being_written(one: set[tuple[str, ...]]) -> None:
    assert flat(decoded(encoded(tree(one)))) == one
    assert encoded(decoded(encoded(tree(one)))) == encoded(tree(one))
    assert len(list(paths(tree(one)))) == len(one)


def test_a_field_with_nothing_below_it_is_written_as_an_empty_object() -> None:
    assert encoded(tree({("f:a",), ("f:a", "f:b")})) == {"f:a": {".": {}, "f:b": {}}}
    assert encoded(tree({("f:a", "f:b")})) == {"f:a": {"f:b": {}}}


def test_elements_come_in_the_order_of_their_keys_and_numbers_count_as_numbers() -> None:
    assert list(encoded(PORTS)) == ['k:{"port":80}', 'k:{"port":443}', 'k:{"port":8080}']


def test_a_path_names_elements_by_their_keys() -> None:
    fields = tree({("f:spec", 'k:{"containerPort":80,"protocol":"TCP"}', "f:hostPort"), ("f:x", 'v:"y"')})
    assert [*paths(fields)] == ['.spec[containerPort=80,protocol="TCP"].hostPort', '.x[="y"]']


@pytest.mark.parametrize("data", [None, [], {"a": {}}, {"f:a": 1}, {"k:x": {}}, {"k:[]": {}}, {"i:x": {}}])
def test_what_is_no_set_of_fields_is_malformed(data: Any) -> None:
    with pytest.raises(MalformedFieldSet):
        decoded(data)
