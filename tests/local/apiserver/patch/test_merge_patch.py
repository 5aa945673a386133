"""JSON merge patches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.local.apiserver.patch.errors import BadPatch
from expander.local.apiserver.patch.json_patch import merge_patch

scalars = st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


def diff(source: Mapping[str, Any], target: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest merge patch that makes ``target`` of ``source``; no merge patch can set a null."""
    patch: dict[str, Any] = {key: None for key in source if key not in target}
    for key, value in target.items():
        if key not in source:
            patch[key] = value
        elif isinstance(value, Mapping) and isinstance(source[key], Mapping):
            if below := diff(source[key], value):
                patch[key] = below
        elif value != source[key] or type(value) is not type(source[key]):
            patch[key] = value
    return patch


@pytest.mark.parametrize(
    ("obj", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({}, {"a": [{"b": None, "c": 1}, None]}, {"a": [{"c": 1}, None]}),
    ],
)
def test_a_merge_patch_does_what_its_rfc_says(
    obj: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]
) -> None:
    assert merge_patch(obj, patch) == result


@pytest.mark.parametrize("patch", [[], "a", 1, None])
def test_a_merge_patch_that_is_no_object_is_refused(patch: object) -> None:
    with pytest.raises(BadPatch) as caught:
        merge_patch({}, patch)
    assert caught.value.code == 400


@given(objects, objects)
def test_the_patch_between_two_objects_makes_one_of_the_other(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert merge_patch(one, diff(one, other)) == other


@given(objects, objects)
def test_a_merge_patch_applied_twice_changes_nothing_more(obj: dict[str, Any], patch: dict[str, Any]) -> None:
    once = merge_patch(obj, patch)
    assert merge_patch(once, patch) == once
    assert diff(once, once) == {}
