"""The texts of completion indexes and what is done with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.kube import index_sets

SETS = st.sets(st.integers(0, 40))


@pytest.mark.parametrize(
    ("members", "text"),
    [((), ""), ((0,), "0"), ((0, 1), "0,1"), ((0, 1, 2), "0-2"), ((1, 3, 4, 5, 9, 10), "1,3-5,9,10")],
)
def test_two_neighbours_get_a_comma_and_three_a_dash(members: tuple[int, ...], text: str) -> None:
    assert index_sets.text_of(index_sets.of(members)) == text


def test_indexes_past_the_completions_are_cut_off() -> None:
    assert index_sets.parse("1,3-8,10", 5) == [(1, 1), (3, 4)]
    assert index_sets.parse("7", 5) == []


def test_parts_that_are_no_intervals_are_left_out() -> None:
    assert index_sets.parse("x,2-y,3,5-6", 10) == [(3, 3), (5, 6)]
    assert index_sets.parse(None, 10) == index_sets.parse("", 10) == []


@given(SETS)
def test_a_text_is_read_back_as_the_same_indexes(members: set[int]) -> None:
    intervals = index_sets.of(members)
    assert index_sets.parse(index_sets.text_of(intervals), 100) == intervals
    assert index_sets.total(intervals) == len(members)
    assert {index for index in range(50) if index_sets.has(intervals, index)} == members


@given(SETS, SETS)
def test_intervals_combine_as_sets_do(left: set[int], right: set[int]) -> None:
    a, b = index_sets.of(left), index_sets.of(right)
    assert index_sets.merge(a, b) == index_sets.of(left | right)
    assert index_sets.with_indexes(a, right) == index_sets.of(left | right)
    assert index_sets.overlap(a, b) == len(left & right)


@given(SETS, st.integers(0, 50), st.integers(0, 45))
def test_the_first_missing_are_the_lowest_that_are_not_taken(
    taken: set[int], count: int, completions: int
) -> None:
    expected = [index for index in range(completions) if index not in taken][:count]
    assert index_sets.first_missing(index_sets.of(taken), count, completions) == expected
    assert index_sets.first_missing([], count, completions, taken) == expected
