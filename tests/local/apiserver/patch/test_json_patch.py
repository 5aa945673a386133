"""JSON patches."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.local.apiserver.patch.errors import BadPatch, PatchTooLarge, Unprocessable
from expander.local.apiserver.patch.json_patch import MAX_OPERATIONS, json_patch

OBJECT: dict[str, Any] = {"a": {"b": [1, 2, 3]}, "m~n": 1, "x/y": 2, "": 0, "t": True, "n": None}


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ({"op": "add", "path": "/c", "value": 1}, {"c": 1}),
        ({"op": "add", "path": "/a/b/1", "value": 9}, {"a": {"b": [1, 9, 2, 3]}}),
        ({"op": "add", "path": "/a/b/3", "value": 9}, {"a": {"b": [1, 2, 3, 9]}}),
        ({"op": "add", "path": "/a/b/-", "value": 9}, {"a": {"b": [1, 2, 3, 9]}}),
        ({"op": "add", "path": "/a/b/-1", "value": 9}, {"a": {"b": [1, 2, 3, 9]}}),
        ({"op": "remove", "path": "/a/b/-1"}, {"a": {"b": [1, 2]}}),
        ({"op": "replace", "path": "/a/b/0", "value": 7}, {"a": {"b": [7, 2, 3]}}),
        ({"op": "replace", "path": "/m~0n", "value": 7}, {"m~n": 7}),
        ({"op": "replace", "path": "/x~1y", "value": 7}, {"x/y": 7}),
        ({"op": "replace", "path": "/", "value": 7}, {"": 7}),
        ({"op": "copy", "from": "/a/b", "path": "/c"}, {"c": [1, 2, 3]}),
        ({"op": "test", "path": "/a", "value": {"b": [1, 2, 3]}}, {}),
        ({"op": "test", "path": "/n", "value": None}, {}),
        ({"op": "test", "path": "/none", "value": None}, {}),
    ],
)
def test_an_operation_does_what_its_rfc_says(operation: dict[str, Any], result: dict[str, Any]) -> None:
    assert json_patch(OBJECT, [operation]) == {**OBJECT, **result}


def test_a_field_moves_with_all_that_is_in_it() -> None:
    assert json_patch({"a": {"b": 1}}, [{"op": "move", "from": "/a", "path": "/c"}]) == {"c": {"b": 1}}


def test_the_whole_object_can_be_replaced() -> None:
    assert json_patch({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 2}}]) == {"b": 2}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/none"},
        {"op": "remove", "path": ""},
        {"op": "replace", "path": "/none", "value": 1},
        {"op": "replace", "path": "/a/b/3", "value": 1},
        {"op": "replace", "path": "/a/b/-", "value": 1},
        {"op": "add", "path": "/none/b", "value": 1},
        {"op": "add", "path": "/a/b/5", "value": 1},
        {"op": "add", "path": "/a/b/x", "value": 1},
        {"op": "add", "path": "/a/b/" + "1" * 5000, "value": 1},
        {"op": "remove", "path": "/a/b/-4"},
        {"op": "add", "path": "/t/x", "value": 1},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "value": 1},
        {"op": "move", "from": "/none", "path": "/c"},
        {"op": "test", "path": "/t", "value": 1},
        {"op": "test", "path": "/a/b/0", "value": 2},
        {"op": "test", "path": "/a/b/9", "value": None},
        {"op": "merge", "path": "/a"},
        {"path": "/a"},
        {"op": "replace", "path": "", "value": []},
    ],
)
def test_an_operation_that_cannot_be_done_is_refused_without_saying_why(operation: dict[str, Any]) -> None:
    with pytest.raises(Unprocessable) as caught:
        json_patch(OBJECT, [{"op": "add", "path": "/new", "value": 1}, operation])
    assert (caught.value.code, caught.value.reason, caught.value.details) == (422, "Invalid", {})
    assert caught.value.message == "the server rejected our request due to an error in our request"
    assert caught.value.explanation


@pytest.mark.parametrize("operations", [{}, "a", None, [1]])
def test_what_is_no_list_of_operations_is_refused(operations: object) -> None:
    with pytest.raises(BadPatch):
        json_patch({}, operations)


def test_too_many_operations_are_refused() -> None:
    with pytest.raises(
        PatchTooLarge, match="The allowed maximum operations in a JSON patch is 10000, got 10001"
    ):
        json_patch({}, [{"op": "test", "path": "/a"}] * (MAX_OPERATIONS + 1))


pointers = st.sampled_from(["/a", "/a/b", "/a/b/0", "/a/b/-", "/c", "/c/d"])
operations = st.lists(
    st.fixed_dictionaries(
        {
            "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]),
            "path": pointers,
            "from": pointers,
            "value": st.sampled_from([1, {"d": 1}, [1], None]),
        }
    ),
    max_size=5,
)


@given(operations)
def test_a_patch_never_changes_the_object_it_is_given(todo: list[dict[str, Any]]) -> None:
    before = copy.deepcopy(OBJECT)
    with contextlib.suppress(Unprocessable):
        json_patch(OBJECT, todo)
    assert before == OBJECT
