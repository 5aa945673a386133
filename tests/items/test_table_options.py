"""Tables that are not as RFC 4180 has them, repeated items, and files that are meant to be read."""

from pathlib import Path

import pytest

from expander.base.errors import InputError, UsageError
from expander.items.item import Item
from expander.items.load import ItemSpec, items
from expander.items.source_spec import as_range, holds_items
from tests.items.reading import read, values


def test_without_a_header_columns_are_numbered_or_named() -> None:
    assert values("csv:-", stdin=b"a,1\nb,2\n", no_header=True) == [
        {"1": "a", "2": "1"},
        {"1": "b", "2": "2"},
    ]
    named = values("csv:-", stdin=b"a,1\nb,2\n", columns=("name", "size"))
    assert named == [{"name": "a", "size": "1"}, {"name": "b", "size": "2"}]
    assert values("tsv:-", stdin=b"", no_header=True) == []


def test_one_column_without_a_header_is_a_list_of_plain_values() -> None:
    assert values("csv:-", stdin=b'apple\n"a,b"\n', no_header=True) == ["apple", "a,b"]
    assert values("csv:-", stdin=b"apple\n", columns=("fruit",)) == [{"fruit": "apple"}]


def test_the_delimiter_can_be_chosen_and_makes_tables_of_lines() -> None:
    assert values("csv:-", stdin=b"a;b\n1;2,5\n", delimiter=";") == [{"a": "1", "b": "2,5"}]
    assert values("csv:-", stdin=b"a\tb\n1\t2\n", delimiter=r"\t") == [{"a": "1", "b": "2"}]
    assert values("-", stdin=b"a;b\n1;2\n", delimiter=";") == [{"a": "1", "b": "2"}]


def test_another_delimiter_is_noticed_in_a_header_of_one_column() -> None:
    with pytest.raises(InputError) as raised:
        values("csv:-", stdin=b"name;frames\na;1\n")
    assert "the single column 'name;frames'" in raised.value.problems[0].message
    assert "--delimiter ';'" in str(raised.value.problems[0].hint)
    assert values("csv:-", stdin=b"name;frames\na;1\n", delimiter=",") == [{"name;frames": "a;1"}]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"delimiter": ";;"}, "expected one character"),
        ({"delimiter": '"'}, "expected one character"),
        ({"columns": ("a", "a")}, "both named 'a'"),
        ({"columns": ("a", "")}, "has no name"),
    ],
)
def test_wrong_options_of_tables_are_refused(spec: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read("csv:-", stdin=b"", **spec)


def test_options_of_tables_need_a_table() -> None:
    with pytest.raises(UsageError, match="CSV or TSV"):
        read("0-3", no_header=True)


def test_a_row_that_does_not_fit_the_named_columns_is_refused() -> None:
    (item,) = read("csv:-", stdin=b"1,2,3\n", columns=("a", "b"))
    assert "found 3 fields, expected 2" in str(item.problem)


def test_the_names_of_a_header_are_told() -> None:
    from io import BytesIO

    told: list[tuple[str, list[str]]] = []
    spec = ItemSpec(sources=("csv:-",))
    list(items(spec, stdin=BytesIO(b"apple\nbanana\n"), on_header=lambda *header: told.append(header)))
    assert told == [("<stdin>", ["apple"])]


def test_repeated_items_are_dropped_and_counted() -> None:
    dropped: list[int] = []
    spec = ItemSpec(arguments=("a", "b", "a", "a"), unique=True)
    found = list(items(spec, on_dropped=dropped.append))
    assert [(item.value, item.number) for item in found] == [("a", 1), ("b", 2)]
    assert dropped == [2]
    assert [item.value for item in items(ItemSpec(arguments=("a", "a")))] == ["a", "a"]


def test_a_list_of_integers_has_the_types_of_a_range() -> None:
    assert [item.value for item in read("batch=32,64")] == [{"batch": 32}, {"batch": 64}]
    assert [item.value for item in read("list:-1,0")] == [-1, 0]
    for text in ("007,8", "1,a", "1.5,2", "+1,2", "1_0,2"):
        assert all(isinstance(item.value, str) for item in read(f"list:{text}")), text
    assert isinstance(next(items(ItemSpec(arguments=("32",)))), Item)


@pytest.mark.parametrize(
    ("name", "data", "holds"),
    [
        ("names.csv", b"", True),
        ("names", b"a\nb\nc\n", True),
        ("one", b"a", False),
        ("picture.jpg", b"\0\n\n\n", False),
    ],
)
def test_a_file_that_holds_items_is_known(tmp_path: Path, name: str, data: bytes, holds: bool) -> None:
    (tmp_path / name).write_bytes(data)
    assert holds_items(str(tmp_path / name)) == holds
    assert not holds_items(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "range_"),
    [
        ("1-10", "1-10"),
        ("08-12:2", "08-12:2"),
        ("1..10", "1-10"),
        ("-5..5..2", "-5-5:2"),
        ("a-b", None),
        ("1", None),
    ],
)
def test_a_range_is_known_also_when_it_is_written_with_dots(text: str, range_: str | None) -> None:
    assert as_range(text) == range_
