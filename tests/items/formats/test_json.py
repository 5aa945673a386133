"""JSON documents and JSON Lines."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.base.errors import InputError
from expander.base.written_numbers import dumps
from expander.items.formats.json import read_json, read_json_lines
from expander.render.placeholder import text_of
from tests.items.reading import cut, pieces, places, refused, values

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUE = st.recursive(SCALAR, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=8)
ITEM = SCALAR | st.dictionaries(TEXT, VALUE)
TYPED = [{"a": 1, "b": [1.5, None]}, "x", 7, True, None, 2.5]


@pytest.fixture(params=["orjson", "no orjson"])
def _decoders(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "no orjson":
        monkeypatch.setitem(sys.modules, "orjson", None)


def test_elements_of_an_array_keep_their_types() -> None:
    assert values("json:-", stdin=json.dumps(TYPED).encode()) == TYPED


def test_an_empty_array_has_no_items() -> None:
    assert values("json:-", stdin=b" [ ] ") == []


def test_a_single_object_is_one_item() -> None:
    assert values("json:-", stdin=b'{"a": 1}\n') == [{"a": 1}]


def test_an_element_knows_the_line_it_starts_in() -> None:
    assert places("json:-", stdin=b'\n[1,\n\n{"a":\n2}, 3]') == [(1, 2), ({"a": 2}, 4), (3, 5)]


def test_an_element_longer_than_a_block_is_one_item() -> None:
    long = "x" * 1_000_000
    assert values("json:-", stdin=json.dumps([long, 1]).encode()) == [long, 1]


@given(st.lists(ITEM), st.sampled_from([None, 1]), st.booleans(), st.lists(st.integers(0, 120)))
def test_an_array_comes_back_whole_wherever_reads_end(
    wanted: list[Any], indent: int | None, ascii_only: bool, ends: list[int]
) -> None:
    data = json.dumps(wanted, indent=indent, ensure_ascii=ascii_only).encode()
    found = [item.value for item in read_json(cut(data, ends), "x")]
    assert repr(found) == repr(wanted)


@pytest.mark.parametrize(
    "text", ["1.5", "1e5", "1E+5", "-1e-5", "12.25e+10", "true", "null", '"\\u00e9"', '"\\ud83d\\ude00"']
)
def test_a_scalar_may_be_cut_anywhere(text: str) -> None:
    data = f"[{text},{text}]".encode()
    for place in range(len(data)):
        assert [item.value for item in read_json(cut(data, [place]), "x")] == [json.loads(text)] * 2


@given(
    st.binary(max_size=40) | st.text('[]{},:"\\u1eE+-.0 a\n').map(str.encode), st.lists(st.integers(0, 40))
)
def test_any_bytes_are_an_array_or_an_error_alike_wherever_reads_end(data: bytes, ends: list[int]) -> None:
    def outcome(places: list[int]) -> object:
        try:
            return repr([(item.value, item.line) for item in read_json(cut(data, places), "x")])
        except InputError as error:
            if not is_utf8:  # which of two mistakes is met first depends on where reads end
                return "refused"
            return [(problem.where, problem.item) for problem in error.problems]

    is_utf8 = data.decode(errors="replace").encode() == data
    assert outcome(ends) == outcome([])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "<stdin>:1: expected an array [...] or an object {...}"),
        (b'"a"', "<stdin>:1: expected an array [...] or an object {...}"),
        (b"[1,\n2", "<stdin>:2: found the end of the text, expected ',' or ']'"),
        (b"[1\n2]", "<stdin>:2: found '2', expected ',' or ']'"),
        (b"[1,]", "<stdin>:1: item 2: not valid JSON: "),
        (b'[1,\n{"a":', "<stdin>:2: item 2: the text ends inside a value"),
        (b'[{"a": tru}, 1, 2, 3, 4, 5, 6, 7, 8]', "<stdin>:1: item 1: not valid JSON: "),
        (b'{"a": 1}\n{"a": 2}\n', "<stdin>:2: more text after the end of the JSON document"),
        (b"[1, [2]]", "<stdin>:1: item 2: found a list, expected a plain value or an object with columns"),
        (b'[{"a": 1, "a": 2}]', "<stdin>:1: item 1: the key 'a' appears twice in one object"),
        (b"[NaN]", "<stdin>:1: item 1: NaN is not valid JSON"),
        (b"[-Infinity]", "<stdin>:1: item 1: -Infinity is not valid JSON"),
        (b"[1e999]", "<stdin>:1: item 1: the number 1e999 is too large"),
        (b"[" + b"9" * 5000 + b"]", "<stdin>:1: item 1: a number has too many digits"),
        (b'["\\ud800"]', "<stdin>:1: item 1: found text that is not UTF-8"),
        (
            b'[{"a": ' + b"[" * 300 + b"]" * 300 + b"}]",
            "<stdin>:1: item 1: found more than 200 levels of nesting",
        ),
        (b'[{"a": ' + b"[" * 100_000, "<stdin>:1: item 1: found more than 200 levels of nesting"),
        (b"[1,\n\xff]", "<stdin>:2: byte 0xff"),
        (b'["\xe2\x82', "<stdin>:1: byte 0xe2"),
    ],
)
def test_a_malformed_document_is_refused_with_its_line(data: bytes, message: str) -> None:
    error = refused("json:-", stdin=data)
    assert isinstance(error, InputError)
    assert str(error).startswith(message)


def test_lines_in_a_json_file_are_pointed_to_the_right_format() -> None:
    assert "jsonl:PATH" in str(refused("json:-", stdin=b'{"a": 1}\n{"a": 2}\n'))


def test_an_endless_string_does_not_fill_the_memory() -> None:
    block = b"x" * (1 << 20)
    assert "an item is longer than 16 MiB" in str(refused("json:-", stdin=pieces(b'["', *[block] * 40)))


@pytest.mark.usefixtures("_decoders")
def test_each_line_is_a_value_with_its_type() -> None:
    data = "\n".join(map(json.dumps, TYPED)).encode()
    assert places("jsonl:-", stdin=data) == [(value, line) for line, value in enumerate(TYPED, 1)]


@pytest.mark.usefixtures("_decoders")
def test_empty_lines_and_windows_line_ends_are_no_items() -> None:
    assert places("jsonl:-", stdin=b"\r\n1\r\n \n2") == [(1, 2), (2, 4)]


@pytest.mark.usefixtures("_decoders")
def test_an_integer_of_any_size_stays_exact() -> None:
    assert values("jsonl:-", stdin=b"123456789012345678901234567890\n-9223372036854775809") == [
        123456789012345678901234567890,
        -9223372036854775809,
    ]


@pytest.mark.usefixtures("_decoders")
@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"[1]", "<stdin>:2: item 2: found a list"),
        (b'{"a": }', "<stdin>:2:7: item 2: not valid JSON: "),
        (b"apple", "<stdin>:2:1: item 2: not valid JSON: "),
        (b'{"a": 1} 2', "<stdin>:2:10: item 2: more than one JSON value"),
        (b'{"a":1,"a":2}', "<stdin>:2: item 2: the key 'a' appears twice"),
        (b'{"a"\r:1,"a":2}', "<stdin>:2: item 2: the key 'a' appears twice"),
        (b'{"x": [{"b": 1, "b": ":"}]}', "<stdin>:2: item 2: the key 'b' appears twice"),
        (b'{"x": NaN}', "<stdin>:2: item 2: NaN is not valid JSON"),
        (b"-1e400", "<stdin>:2: item 2: the number -1e400 is too large"),
        (b'"\\udc00"', "<stdin>:2: item 2: found text that is not UTF-8"),
        (b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}", "<stdin>:2: item 2: found more than 200 levels"),
        (b"\xff", "<stdin>:2: byte 0xff"),
        (b"9" * 5000, "<stdin>:2: item 2: a number has too many digits"),
    ],
)
def test_a_malformed_line_is_refused_with_its_number(line: bytes, message: str) -> None:
    error = refused("jsonl:-", stdin=b"1\n" + line + b"\n3\n")
    assert isinstance(error, InputError)
    assert str(error).startswith(message)


@given(st.lists(ITEM), st.booleans(), st.lists(st.integers(0, 120)))
def test_json_lines_come_back_whole_wherever_reads_end(
    wanted: list[Any], ascii_only: bool, ends: list[int]
) -> None:
    data = "".join(json.dumps(value, ensure_ascii=ascii_only) + "\n" for value in wanted).encode()
    assert repr([item.value for item in read_json_lines(cut(data, ends), "x")]) == repr(wanted)


@given(st.text('[]{},:"\\u1e+-.0 a\r') | st.lists(ITEM).map(json.dumps))
def test_both_decoders_agree_on_every_line(text: str) -> None:
    def outcome() -> object:
        try:
            return repr([item.value for item in read_json_lines(pieces(text.encode()), "x")])
        except InputError as error:
            return str(error)

    fast = outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "orjson", None)
        assert outcome() == fast


NUMBERS = st.one_of(
    st.from_regex(r"-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]{1,2})?", fullmatch=True).filter(
        lambda text: len(text) < 200
    ),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers().map(str),
)


@given(NUMBERS, st.sampled_from(["", ' "x": "2026-01-02",', ' "x": [1.5],', ' "x": {"y": 1},']))
def test_a_number_keeps_the_text_it_is_written_with(number: str, before: str) -> None:
    row = f'{{{before}"n": {number}, "in": [{number}]}}'
    for source, data in (("jsonl:-", row), ("json:-", f"[{row}]")):
        (found,) = values(source, stdin=data.encode())
        assert text_of(found["n"]) == number
        assert dumps(found["in"]) == f"[{number}]"
    assert [*map(text_of, values("jsonl:-", stdin=f"{number}\n".encode()))] == [number]
