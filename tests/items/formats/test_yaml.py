"""YAML lists and streams of documents."""

from __future__ import annotations

import pytest

from expander.base.errors import InputError, YamlError
from tests.items.reading import pieces, places, refused, values


def test_each_element_of_a_list_is_an_item_with_its_line() -> None:
    assert places("yaml:-", stdin=b"- apple\n- name: b\n  size: 2\n- 3\n") == [
        ("apple", 1),
        ({"name": "b", "size": 2}, 2),
        (3, 4),
    ]


def test_scalars_have_the_types_that_kubectl_gives_them() -> None:
    assert values("yaml:-", stdin=b"- yes\n- 1e3\n- '1'\n- 010\n- null\n- 2024-01-01\n") == [
        True,
        1000,
        "1",
        8,
        None,
        "2024-01-01",
    ]


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
