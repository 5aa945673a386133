"""YAML lists and streams of documents."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from expander.base.errors import InputError, YamlError
from expander.render.placeholder import text_of
from tests.items.reading import pieces, places, refused, values


def test_each_element_of_a_list_is_an_item_with_its_line() -> None:
    assert places("yaml:-", stdin=b"- apple\n- name: b\n  size: 2\n- 3\n") == [
        ("apple", 1),
        ({"name": "b", "size": 2}, 2),
        (3, 4),
    ]


def test_scalars_have_the_types_that_kubectl_gives_them() -> None:
    data = b"- true\n- 1.5\n- 12\n- '1'\n- null\n- 2024-01-01\n- 12:30\n- !!bool yes\n- !!str no\n"
    assert values("yaml:-", stdin=data) == [
        True,
        1.5,
        12,
        "1",
        None,
        "2024-01-01",
        "12:30",
        True,
        "no",
    ]


def test_integers_of_any_size_are_exact() -> None:
    assert values("yaml:-", stdin=b"- 123456789012345678901234567890\n- {a: -9223372036854775809}\n") == [
        123456789012345678901234567890,
        {"a": -9223372036854775809},
    ]


def test_an_integer_of_too_many_digits_is_refused() -> None:
    error = refused("yaml:-", stdin=b"- a: " + b"9" * 5000)
    assert str(error) == "<stdin>:1:6: item 1: a: a number has too many digits"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("+5", "5"),
        ("-.5", "-0.5"),
        ("NO", "false"),
        ("y", "true"),
        ("True", "true"),
        ("012", "10"),
        ("0o7", "7"),
        ("1_000", "1000"),
    ],
)
def test_a_scalar_whose_text_yaml_changes_is_refused_with_its_field(text: str, read: str) -> None:
    error = refused("yaml:-", stdin=f"- a\n- b:\n  - c: {text}\n".encode())
    assert str(error) == (
        f"<stdin>:3:8: item 2: b[0].c: found {text}, which YAML reads as {read}\n"
        f'  hint: write "{text}" to keep the text, or {read}'
    )


def test_the_name_of_a_column_that_yaml_changes_is_refused() -> None:
    error = refused("yaml:-", stdin=b"- a: {y: 1}\n")
    assert str(error).startswith("<stdin>:1:7: item 1: a: found the name y, which YAML reads as true")
    assert values("yaml:-", stdin=b"- {'y': 1, 12: 2}\n") == [{"y": 1, "12": 2}]


@given(
    st.one_of(
        st.from_regex(r"[-+]?[0-9_]*\.?[0-9_]*([eE][-+]?[0-9_]+)?", fullmatch=True),
        st.from_regex(r"[-+]?0[xXbBoO]?[0-9a-fA-F_]+", fullmatch=True),
        st.from_regex(r"[0-9]+:[0-5]?[0-9](:[0-5][0-9])?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}", fullmatch=True),
        st.sampled_from(["y", "n", "yes", "no", "on", "off", "true", "false"]).flatmap(
            lambda word: st.sampled_from([word, word.upper(), word.capitalize()])
        ),
        st.text("0123456789+-._eExoytrufalsn", min_size=1),
    ).filter(lambda text: text.strip("-_") and not text.startswith("- "))
)
def test_a_plain_scalar_arrives_as_it_is_written_or_is_refused(text: str) -> None:
    assume(not text.startswith(("---", "...")))
    try:
        found = values("yaml:-", stdin=f"- a: {text}\n".encode())
    except InputError as error:
        refusal = str(error)
    else:
        assert [[*each] for each in found] == [["a"]]
        assert found[0]["a"] is None if text in ("null", "~") else text_of(found[0]["a"]) == text
        return
    assert refusal.startswith("<stdin>:1")
    assert ": item 1: a: found " in refusal or "not valid YAML" in refusal or "JSON" in refusal


def test_an_item_beyond_16_mib_is_refused_without_reading_it_all() -> None:
    lines = 1_000_000
    stream = pieces(b"- a\n- |\n", *([b"  " + b"x" * 1021 + b"\n"] * lines))
    error = refused("yaml:-", stdin=stream)
    assert str(error).startswith("<stdin>:1: an item is longer than 16 MiB")
    assert stream.reads < 20_000  # type: ignore[attr-defined]


def test_many_items_may_be_longer_than_16_mib_together() -> None:
    line = b"- " + b"x" * (1 << 20) + b"\n"
    assert len(values("yaml:-", stdin=pieces(*([line] * 20)))) == 20


def test_numbers_keep_the_text_they_are_written_with() -> None:
    found = values("yaml:-", stdin=b"- 1.10\n- 1.0\n- 1E3\n- -0\n- {a: [1e-7]}\n")
    assert [*map(str, found)] == ["1.10", "1.0", "1E3", "-0", "{'a': [1e-7]}"]
    assert found[:4] == [1.1, 1.0, 1000.0, 0]


def test_each_document_is_an_item() -> None:
    assert values("yaml:-", stdin=b"a: 1\n---\na: 2\n") == [{"a": 1}, {"a": 2}]


def test_a_single_document_with_columns_is_one_item() -> None:
    assert values("yaml:-", stdin=b"a: [1, 2]\nb: x\n") == [{"a": [1, 2], "b": "x"}]


def test_a_stream_without_documents_has_no_items() -> None:
    assert values("yaml:-", stdin=b"") == []
    assert values("yaml:-", stdin=b"# nothing\n") == []


def test_elements_come_back_whole_wherever_reads_end() -> None:
    data = "- né\n- {a: [1]}\n- 'x\n\n  y'\n".encode()
    for place in range(len(data)):
        assert values("yaml:-", stdin=pieces(data[:place], data[place:])) == ["né", {"a": [1]}, "x\ny"]


def test_an_element_that_is_a_list_is_refused() -> None:
    error = refused("yaml:-", stdin=b"- 1\n- [2]\n")
    assert isinstance(error, InputError)
    assert str(error).startswith("<stdin>:2: item 2: found a list, expected")


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"- a\n- b: [\n", "<stdin>:3"),
        (b"- a: 1\n  a: 2\n", "<stdin>:2:3"),
        (b"- \xff\n", "<stdin>:1"),
        (b"- *x\n", "<stdin>:1"),
    ],
)
def test_text_that_kubectl_would_refuse_is_refused_with_its_place(data: bytes, place: str) -> None:
    error = refused("yaml:-", stdin=data)
    assert isinstance(error, YamlError)
    assert str(error).startswith(place)


def test_a_failing_read_is_an_error_with_the_reason() -> None:
    class Broken:
        def read(self, size: int) -> bytes:
            raise OSError(5, "Input/output error")

    error = refused("yaml:-", stdin=Broken())  # type: ignore[arg-type]
    assert str(error) == "<stdin>: cannot be read: Input/output error"
