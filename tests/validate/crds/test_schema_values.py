"""Values against schemas: all faults that the API server finds, with its places and words."""

from __future__ import annotations

from typing import Any

import pytest

from expander.kube.versions import Release
from expander.validate.finding import Reason
from tests.validate.crds.samples import INTEGER, RESOURCE, STRING, objects, refusals, said

LONG = "some validation rules were not checked because the object was invalid"

FAULTS: list[tuple[dict[str, Any], Any, list[str]]] = [
    (STRING, 5, ['spec.x: Invalid value: "integer": spec.x in body must be of type string: "integer"']),
    (INTEGER, "5", ['spec.x: Invalid value: "string": spec.x in body must be of type integer: "string"']),
    (INTEGER, True, ['spec.x: Invalid value: "boolean": spec.x in body must be of type integer: "boolean"']),
    (
        {"type": "integer", "format": "int64"},
        1 << 63,
        [
            'spec.x: Invalid value: "float64": spec.x in body must be of type int64: "float64"',
            '<nil>: Invalid value: "": Checked value must be of type integer with format int64 in spec.x',
        ],
    ),
    (
        {"type": "integer", "format": "int32", "minimum": 0},
        -(1 << 31) - 1,
        [
            '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec.x',
            "spec.x: Invalid value: -2147483649: spec.x in body should be greater than or equal to 0",
        ],
    ),
    (
        INTEGER,
        1.5,
        [
            'spec.x: Invalid value: "number": spec.x in body must be of type integer: "number"',
            '<nil>: Invalid value: "": Checked value must be of type integer (default format) in spec.x',
        ],
    ),
    (
        RESOURCE,
        1.5,
        [
            'spec.x: Invalid value: "number": spec.x in body must be of type integer,string: "number"',
            '<nil>: Invalid value: "": "spec.x" must validate at least one schema (anyOf)',
            'spec.x: Invalid value: "number": spec.x in body must be of type integer: "number"',
            '<nil>: Invalid value: "": Checked value must be of type integer (default format) in spec.x',
        ],
    ),
    (
        {"type": "string", "enum": ["a", "b"]},
        3,
        [
            'spec.x: Invalid value: "integer": spec.x in body must be of type string: "integer"',
            'spec.x: Unsupported value: 3: supported values: "a", "b"',
        ],
    ),
    ({"type": "string", "maxLength": 2}, "ééé", ["spec.x: Too long: may not be more than 2 bytes"]),
    ({"type": "string", "minLength": 1}, "", ['spec.x: Invalid value: "": spec.x in body should be at least 1 chars long']),
    ({"type": "string", "pattern": "^a$"}, "a\n", ["spec.x: Invalid value: \"a\\n\": spec.x in body should match '^a$'"]),
    (
        {"type": "array", "items": STRING, "minItems": 1},
        [],
        ["spec.x: Invalid value: 0: spec.x in body should have at least 1 items"],
    ),
    ({"type": "array", "items": STRING, "maxItems": 1}, ["a", "b"], ["spec.x: Too many: 2: must have at most 1 items"]),
    (
        {"type": "array", "items": STRING},
        ["a", None],
        ['spec.x[1]: Invalid value: "null": spec.x[1] in body must be of type string: "null"'],
    ),
    (
        {"type": "object", "additionalProperties": STRING, "maxProperties": 1},
        {"a": "1", "b": "2"},
        ["spec.x: Too many: 2: must have at most 1 items"],
    ),
    (
        {"type": "object", "additionalProperties": STRING},
        {"example.com/a": 1},
        [
            'spec.x.example.com/a: Invalid value: "integer": spec.x.example.com/a in body must be of type string: '
            '"integer"'
        ],
    ),
    (
        {"type": "string", "format": "date-time"},
        "2026-02-30T00:00:00Z",
        [
            'spec.x: Invalid value: "2026-02-30T00:00:00Z": spec.x in body must be of type date-time: '
            '"2026-02-30T00:00:00Z"'
        ],
    ),
    (
        {"type": "string", "format": "date-time"},
        5,
        ['spec.x: Invalid value: "int64": spec.x in body must be of type date-time: "int64"'],
    ),
    (
        {"type": "number", "maximum": 2, "exclusiveMaximum": True},
        2.0,
        ["spec.x: Invalid value: 2: spec.x in body should be less than 2"],
    ),
    ({"type": "integer", "multipleOf": 4}, 6, ["spec.x: Invalid value: 6: spec.x in body should be a multiple of 4"]),
    (
        {"type": "object", "properties": {"a": STRING, "b": STRING}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"a": "1", "b": "2"},
        ['<nil>: Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
    ),
    (
        {"type": "string", "allOf": [{"minLength": 3}, {"pattern": "^b"}]},
        "bb",
        [
            'spec.x: Invalid value: "bb": spec.x in body should be at least 3 chars long',
            '<nil>: Invalid value: "": "spec.x" must validate all the schemas (allOf)',
        ],
    ),
    ({"type": "string", "not": {"enum": ["a"]}}, "a", ['<nil>: Invalid value: "": "spec.x" must not validate the schema (not)']),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "value", "expected"), FAULTS)
def test_every_fault_of_a_value_is_found(schema: dict[str, Any], value: Any, expected: list[str]) -> None:
    assert said(objects(x=schema), {"x": value}) == expected


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (INTEGER, 3.0),
        ({"type": "number"}, 3),
        (RESOURCE, "1.5Gi"),
        (RESOURCE, 4),
        ({"type": "string", "nullable": True}, None),
        ({"type": "string"}, None),
        ({"type": "string", "enum": ["A"]}, "A"),
        ({"type": "string", "maxLength": 3}, "ééé"),
        ({"type": "string", "format": "no-such-format"}, "anything"),
        ({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, {"a": [{"b": None}]}),
    ],
)
def test_what_the_server_takes_has_no_finding(schema: dict[str, Any], value: Any) -> None:
    assert said(objects(x=schema), {"x": value}) == []


def test_a_required_field_is_named() -> None:
    schema = objects(x={**objects(a=STRING), "required": ["a", "b"]})
    assert said(schema, {"x": {"a": "1"}}) == ["spec.x.b: Required value"]


def test_a_required_field_with_a_default_is_filled_in() -> None:
    schema = {**objects(a={"type": "string", "default": "d"}), "required": ["a"]}
    assert said(schema, {}) == []


def test_a_pattern_that_cannot_be_evaluated_is_named_as_unchecked() -> None:
    found = refusals(objects(x={"type": "string", "pattern": r"^\p{Greek}$"}), {"x": "a"})
    assert [each.reason for each in found] == [Reason.UNCHECKED]
    assert found[0].path == "spec.x"


def test_formats_of_a_later_release_are_ignored() -> None:
    schema = objects(x={"type": "string", "format": "k8s-short-name"})
    assert said(schema, {"x": "No"}, release=Release(1, 33)) == []
    assert len(said(schema, {"x": "No"}, release=Release(1, 34))) == 1


def test_rules_are_left_out_after_faults_that_block_them() -> None:
    schema = objects(x=STRING) | {"x-kubernetes-validations": [{"rule": "self.x == 'a'"}]}
    assert [each for each in said(schema, {"x": 5}) if LONG in each]
    assert not [each for each in said(schema, {"x": "b"}) if LONG in each]
