"""Tables on narrow terminals."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from expander.cli.output.table import fit, table, width_of

HEAD = ["JOB", "STATE", "NODE", "REASON"]


def test_cells_that_begin_alike_keep_their_ends() -> None:
    rows = [HEAD, *([f"mean-of-station-{number:03}", "Complete", "vm", ""] for number in range(3))]
    head, *lines = table(rows, 36)
    assert head.split() == ["JOB", "STATE", "NODE", "REASON"]
    assert [line.split()[0][-2:] for line in lines] == ["00", "01", "02"]


def test_a_column_that_says_the_same_of_all_is_the_first_to_go_where_it_may() -> None:
    rows = [HEAD, *([f"mean-of-station-{number}", "Complete", "vm", "why"] for number in range(3))]
    assert next(table(rows, 40, ["NODE"])).split() == ["JOB", "STATE", "REASON"]
    assert next(table(rows, 100, ["NODE"])).split() == HEAD
    rows[1][2] = "other"
    assert next(table(rows, 40, ["NODE"])).split() == HEAD


@given(st.text(), st.integers(3, 20), st.booleans())
def test_what_is_cut_is_never_wider_than_it_may_be(text: str, width: int, ends: bool) -> None:
    cut = fit(text, width, ends=ends)
    assert width_of(cut) <= width
    assert cut == text or "..." in cut
