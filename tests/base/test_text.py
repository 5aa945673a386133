"""Words for people."""

from hypothesis import given
from hypothesis import strategies as st

from expander.base.errors import shown_columns
from expander.base.text import NaturalOrder, natural


@given(st.lists(st.text("ab-019٣", max_size=4)))
def test_names_sort_by_their_numbers_whenever_those_are_worked_out(names: list[str]) -> None:
    assert sorted(names, key=NaturalOrder) == sorted(names, key=natural)


def test_of_many_columns_a_message_lists_the_first() -> None:
    assert shown_columns(["a", " b"]) == "a, ' b'"
    assert shown_columns(f"c{number}" for number in range(1000)).endswith(", c18, c19 and 980 more")
