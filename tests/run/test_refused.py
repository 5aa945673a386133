"""What a run remembers of the items that it refused."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from expander.base.text import ItemNumbers
from expander.run.refused import keep_refused, refused_before


def refused(*numbers: int) -> ItemNumbers:
    found = ItemNumbers()
    for number in numbers:
        found.add(number)
    return found


def test_one_is_named_and_of_many_the_first() -> None:
    assert str(refused(3)) == "item 3"
    assert str(refused(3, 1200)) == "items 3 and 1200"
    assert str(refused(*range(1, 10))) == "items 1, 2, 3, 4, 5 and 4 more"


@given(st.lists(st.integers(0, 30)).map(sorted))
def test_each_item_counts_once_however_many_of_its_objects_are_refused(numbers: list[int]) -> None:
    found = refused(*numbers)
    assert found.count == len({*numbers} - {0})
    assert bool(str(found)) == bool(found.count)


def test_those_of_the_last_run_are_remembered(tmp_path: Path) -> None:
    assert refused_before(tmp_path) == ""
    keep_refused(tmp_path, refused(2))
    assert refused_before(tmp_path) == "1 item was refused by the last run: item 2"
    keep_refused(tmp_path, refused())
    assert [*tmp_path.iterdir()] == []


def test_a_folder_that_is_gone_or_full_keeps_nothing_and_fails_nothing(tmp_path: Path) -> None:
    keep_refused(tmp_path / "gone", refused(2))
    assert refused_before(tmp_path / "gone") == ""
