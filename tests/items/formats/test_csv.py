"""CSV and TSV."""

from __future__ import annotations

import csv
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.base.errors import InputError
from expander.items.formats.csv import read_csv, read_tsv
from expander.items.source import usable
from tests.items.reading import cut, places, read, refused, values

FIELD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def test_the_first_row_names_the_columns_and_all_values_are_strings() -> None:
    assert values("csv:-", stdin=b"name,size\na,1\nb,\n") == [
        {"name": "a", "size": "1"},
        {"name": "b", "size": ""},
    ]


def test_tabs_separate_the_fields_of_tsv() -> None:
    assert values("tsv:-", stdin=b'a\tb\n1,2\t"x\ty"\n') == [{"a": "1,2", "b": "x\ty"}]


def test_a_header_alone_has_no_items() -> None:
    assert values("csv:-", stdin=b"a,b\n") == []


def test_a_quoted_field_may_hold_commas_quotes_and_line_ends() -> None:
    assert places("csv:-", stdin=b'a,b\r\n"1,1","x ""y""\nz"\r\n2,3\r\n') == [
        ({"a": "1,1", "b": 'x "y"\nz'}, 2),
        ({"a": "2", "b": "3"}, 4),
    ]


def test_empty_lines_are_skipped_and_still_counted() -> None:
    assert places("csv:-", stdin=b"\na\n\n1\n\n2") == [({"a": "1"}, 4), ({"a": "2"}, 6)]


def test_a_quoted_empty_field_is_a_row() -> None:
    assert values("csv:-", stdin=b'a\n""\n') == [{"a": ""}]


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert values("csv:-", stdin=b"\xef\xbb\xbfa\n1\n") == [{"a": "1"}]


@given(
    st.lists(st.lists(FIELD, min_size=2, max_size=2)),
    st.sampled_from([(",", read_csv), ("\t", read_tsv)]),
    st.sampled_from(["\n", "\r\n"]),
    st.lists(st.integers(0, 80)),
)
def test_rows_come_back_whole_wherever_reads_end(
    rows: list[list[str]], dialect: tuple[str, type], end: str, ends: list[int]
) -> None:
    delimiter, reader = dialect
    text = StringIO()
    writer = csv.writer(
        text,
        delimiter=delimiter,
        lineterminator=end,
        quoting=csv.QUOTE_ALL if end == "\n" else csv.QUOTE_MINIMAL,
    )
    writer.writerows([["a", "b"], *rows])
    found = list(reader(cut(text.getvalue().encode(), ends), "x"))
    assert [list(item.value.values()) for item in found] == rows
    assert [item.number for item in found] == list(range(1, len(rows) + 1))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "<stdin>: no header row"),
        (b"a,a\n", "<stdin>:1: columns 1 and 2 of the header are both named 'a'"),
        (b"a,,b\n", "<stdin>:1: column 2 of the header has no name"),
        (b'a,b\n1,"x"y\n', "<stdin>:2: item 1: misplaced quote: "),
        (b'a,b\n1,2\n3,"x\n4,5\n', "<stdin>:3: item 2: unterminated quote"),
        (b'a\n"' + b"x" * 200_000, "<stdin>:2: item 1: a field is longer than 131,072 characters"),
        (b"a\n1\n\xff\n", "<stdin>:3: byte 0xff"),
    ],
)
def test_a_malformed_table_is_refused_with_its_line(data: bytes, message: str) -> None:
    error = refused("csv:-", stdin=data)
    assert isinstance(error, InputError)
    assert str(error).startswith(message)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b"1", "<stdin>:3: item 2: found 1 field, expected 2 (a, b)\n  hint: missing: 'b'"),
        (b"1,2,3", "<stdin>:3: item 2: found 3 fields, expected 2 (a, b)\n  hint: quote a field that holds"),
    ],
)
def test_a_row_that_does_not_fit_is_one_refused_item(row: bytes, message: str) -> None:
    found = read("csv:-", stdin=b"a,b\n1,2\n" + row + b"\n3,4\n")
    assert [item.problem is None for item in found] == [True, False, True]
    assert str(found[1].problem).startswith(message)
    assert found[2].value == {"a": "3", "b": "4"}
    assert [item.number for item in found] == [1, 2, 3]


@pytest.mark.parametrize("combine", ["product", "zip", "chain"])
def test_a_row_that_does_not_fit_moves_no_other_one_and_is_told_once(combine: str) -> None:
    lines = b"a,b\n1,2\n1\n3,4\n"
    found = read("csv:-", "c=x,y,z", stdin=lines, combine=combine, unique=True)
    told: list[str] = []
    good = [item.value for item in usable(found, lambda error: told.append(str(error)))]
    assert [words.partition(": found")[0] for words in told] == ["<stdin>:3: item 2"]
    pairs = [(each.get("a"), each.get("c")) for each in good if isinstance(each, dict)]
    expected = {
        "product": [(a, c) for a in "13" for c in "xyz"],
        "zip": [("1", "x"), ("3", "z")],
        "chain": [("1", None), ("3", None), (None, "x"), (None, "y"), (None, "z")],
    }
    assert pairs == expected[combine]


def test_all_that_is_wrong_with_a_header_is_reported_at_once() -> None:
    assert len(refused("csv:-", stdin=b"a,,a,\n").problems) == 3


def test_a_long_header_is_not_repeated_in_full() -> None:
    header = ",".join(f"c{number}" for number in range(50)).encode()
    assert "c7, ...)" in str(read("csv:-", stdin=header + b"\n1\n")[0].problem)
