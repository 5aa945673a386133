"""Lists that are sets or maps hold nothing twice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.validate.crds.samples import INTEGER, STRING, objects, said

SET = {"type": "array", "items": INTEGER, "x-kubernetes-list-type": "set"}
PORT = objects(port=INTEGER, protocol={"type": "string", "default": "TCP"}, note=STRING)
MAP = {
    "type": "array",
    "items": PORT,
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["port", "protocol"],
}


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (SET, [1, 2], []),
        (SET, [1, 2, 1, 1], ["spec.x[2]: Duplicate value: 1"]),
        ({**SET, "items": {"type": "number"}}, [1, 1.5, 1.0], []),
        (MAP, [{"port": 1}, {"port": 1, "protocol": "UDP"}], []),
        (
            MAP,
            [{"port": 1}, {"port": 1, "note": "b"}],
            ['spec.x[1]: Duplicate value: {"port":1,"protocol":"TCP"}'],
        ),
        (
            MAP,
            [{"port": 1}, 5],
            [
                'spec.x[1]: Invalid value: "integer": spec.x[1] in body must be of type object: "integer"',
                "spec.x[1]: Invalid value: 5: must be an object for an array of list-type map",
            ],
        ),
        (
            {"type": "object", "additionalProperties": SET},
            {"a b": [1, 1]},
            ["spec.x[a b][1]: Duplicate value: 1"],
        ),
    ],
)
def test_the_second_of_two_equal_entries_is_named(schema: Any, value: Any, expected: list[str]) -> None:
    assert said(objects(x=schema), {"x": value}) == expected


def test_lists_that_were_wrong_before_may_stay_so() -> None:
    assert said(objects(x=SET, y=STRING), {"x": [1, 1, 1]}, {"x": [1, 1]}) == []
    assert said(objects(x=SET, y=STRING), {"x": [1, 1]}, {"x": [1, 2]}) == ["spec.x[1]: Duplicate value: 1"]
