"""A list is the same whether its objects are decoded in turn or at once."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.client.bodies import decode_list, decode_object

PLAIN = st.characters(exclude_categories=["Cs"])
TEXTS = st.text(PLAIN, max_size=3) | st.sampled_from(
    ['},{"metadata":', '"items":[', "]}", '{"metadata":{}}', "\\"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=6,
)
METADATA = st.fixed_dictionaries({"name": TEXTS, "labels": st.dictionaries(TEXTS, TEXTS, max_size=1)})
ITEMS = st.fixed_dictionaries({"metadata": METADATA}, optional={"spec": VALUES})
NESTED = ITEMS.map(lambda item: {"metadata": {}, "spec": {"items": [item, item], "templates": [item, item]}})
LISTS = st.lists(ITEMS | NESTED | VALUES, max_size=4) | st.lists(NESTED, max_size=3)
PAGES = st.tuples(LISTS | VALUES, st.dictionaries(TEXTS, VALUES, max_size=2)).flatmap(
    lambda parts: st.permutations(
        [("kind", "JobList"), ("items", parts[0]), ("metadata", {"continue": "x", **parts[1]})]
    )
)
SPACES = st.sampled_from([(",", ":"), (", ", ": ")])


def kept(item: Any) -> Any:
    return None if item is None else {"kept": item}


@given(PAGES, SPACES, st.sampled_from(["", "\n", " \n"]))
def test_whatever_is_in_a_list_its_items_are_what_they_are(
    page: list[tuple[str, Any]], separators: tuple[str, str], end: str
) -> None:
    body = (json.dumps(dict(page), separators=separators, ensure_ascii=False) + end).encode()
    whole = decode_object(body)
    assert whole == dict(page)
    found = decode_list(body, kept)
    if not isinstance(whole["items"], list):
        assert found == whole
    elif None in whole["items"]:
        assert found is None
    else:
        assert found == {**whole, "items": [*map(kept, whole["items"])]}


@given(PAGES, st.integers(0, 300), st.sampled_from([b"", b"{", b"]}", b'"', b","]))
def test_a_list_that_is_damaged_is_none(page: list[tuple[str, Any]], at: int, more: bytes) -> None:
    body = json.dumps(dict(page), separators=(",", ":")).encode()
    damaged = body[:at] + more + body[at + 1 :]
    whole, found = decode_object(damaged), decode_list(damaged, lambda item: item or 0)
    assert (found is None) == (whole is None)
    assert whole is None or found == whole or isinstance(whole.get("items"), list)


def test_objects_of_a_list_are_decoded_in_turn() -> None:
    body = b'{"kind":"JobList","metadata":{},"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]}\n'
    seen: list[str] = []

    def keep(item: Any) -> int:
        seen.append(item["metadata"]["name"])
        return len(seen)

    assert decode_list(body, keep) == {"kind": "JobList", "metadata": {}, "items": [1, 2]}
    assert seen == ["a", "b"]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"<html>", b'{"items":[', b'{"items":[{"a":1},]}', b"\xff", b'{"items":[{"a":1}]}\x0b'],
)
def test_what_is_no_list_is_none(body: bytes) -> None:
    assert decode_list(body, kept) is None
