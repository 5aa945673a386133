"""What is decoded: unknown fields, metadata, nulls and defaults of custom resources."""

from __future__ import annotations

from typing import Any

import pytest

from expander.base.errors import InputError
from expander.validate.check import check
from expander.validate.crds.decoding import filled
from expander.validate.crds.definitions import Definitions, definitions_in, kinds_of
from expander.validate.crds.structural import structural
from tests.validate.crds.samples import INTEGER, STRING, definition, objects, said, sweep


def test_unknown_fields_end_the_request() -> None:
    schema = {**objects(steps={"type": "array", "items": objects(name=STRING)}), "required": ["other"]}
    assert said(schema, {"steps": [{"nam": "a"}, {"name": {"b": 1}}]}) == [
        'spec.steps[0].nam: unknown field, did you mean "name"?',
        "spec.steps[1].name.b: unknown field",
    ]


def test_fields_below_preserved_ones_are_known() -> None:
    schema = objects(any={**objects(known=objects(a=STRING)), "x-kubernetes-preserve-unknown-fields": True})
    assert said(schema, {"any": {"other": {"x": 1}, "known": {"b": 1}}}) == [
        "spec.any.known.b: unknown field"
    ]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ([], ["metadata: must be an object"]),
        (
            {"name": "s", "labels": {"a": 5}},
            ["metadata.labels[a]: Invalid value: 5: must be a string: quote it"],
        ),
        ({"name": "s", "lables": {}}, ['metadata.lables: unknown field, did you mean "labels"?']),
        ({}, ["metadata.name: Required value: name or generateName is required"]),
        ({"generateName": "s-"}, []),
        ({"name": "s", "finalizers": ["odd"]}, []),
    ],
)
def test_metadata_is_that_of_any_object(metadata: Any, expected: list[str]) -> None:
    defined = Definitions(kinds_of(definition(objects())))
    found = check({**sweep({}), "metadata": metadata}, crds=defined)
    assert [str(each) for each in found or ()] == expected


def test_metadata_of_embedded_objects_is_checked_too() -> None:
    embedded = {
        "type": "object",
        "x-kubernetes-embedded-resource": True,
        "x-kubernetes-preserve-unknown-fields": True,
    }
    [found] = said(objects(claim=embedded), {"claim": {"metadata": {"labels": {"a b": ""}}, "spec": {}}})
    assert found.startswith("spec.claim.metadata.labels: Invalid value:")
    assert said(objects(claim=embedded), {"claim": {"metadata": {"name": "c"}, "kind": "Pod"}}) == []


def test_a_namespace_is_taken_from_what_is_in_none() -> None:
    defined = Definitions(kinds_of(definition(objects(), scope="Cluster")))
    assert check({**sweep({}), "metadata": {"name": "s", "namespace": "n"}}, crds=defined) == []


def test_defaults_are_filled_in_at_every_depth() -> None:
    inner = objects(b={"type": "integer", "default": 1}, c=INTEGER)
    fill = filled(structural(objects(a={**inner, "default": {}}, list={"type": "array", "items": inner})))
    assert fill({}) == {"a": {"b": 1}}
    assert fill({"a": {"b": None, "c": None}, "list": [{}, {"b": 2}]}) == {
        "a": {"b": 1},
        "list": [{"b": 1}, {"b": 2}],
    }


def test_null_stays_where_it_is_allowed() -> None:
    nullable = {"type": "string", "nullable": True, "default": "d"}
    fill = filled(structural(objects(a=nullable, b=STRING)))
    assert fill({"a": None, "b": None}) == {"a": None}


def test_a_kind_in_other_letters_and_an_unserved_version_are_named() -> None:
    defined = Definitions(kinds_of(definition(objects())))
    assert [str(each) for each in check({**sweep({}), "kind": "sweep"}, crds=defined) or ()] == [
        'kind: Invalid value: "sweep": must be Sweep'
    ]
    assert [
        str(each) for each in check({**sweep({}), "apiVersion": "lab.example.com/v2"}, crds=defined) or ()
    ] == ['apiVersion: Unsupported value: "lab.example.com/v2": supported values: "lab.example.com/v1"']


def test_a_kind_of_no_definition_is_not_called_valid() -> None:
    defined = Definitions(kinds_of(definition(objects())))
    assert check({**sweep({}), "kind": "Broom"}, crds=defined) is None


def test_definitions_are_found_in_lists_and_between_other_objects() -> None:
    one = definition(objects())
    listed = {"apiVersion": "v1", "kind": "List", "items": [one, {"kind": "Service"}]}
    bare = {"kind": "CustomResourceDefinitionList", "items": [{"spec": one["spec"]}]}
    assert [len([*definitions_in([each])]) for each in (one, listed, bare, {"kind": "Pod"}, None)] == [
        1,
        1,
        1,
        0,
        0,
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"apiVersion": "apiextensions.k8s.io/v1beta1"}, "only apiextensions.k8s.io/v1 is supported"),
        ({"spec": {"group": "a.b"}}, "names is missing"),
        ({"spec": None}, "invalid CustomResourceDefinition sweeps.lab.example.com"),
        (
            {"spec": {**definition(objects())["spec"], "versions": [{"name": "v1"}]}},
            "version v1 has no schema",
        ),
    ],
)
def test_a_definition_that_is_none_is_one_clear_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        kinds_of({**definition(objects()), **change})


def test_the_scale_subresource_limits_its_counts() -> None:
    scale = {"scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}}
    assert said(objects(size=INTEGER), {"size": -1}, subresources=scale) == [
        "spec.size: Invalid value: -1: should be a non-negative integer"
    ]
