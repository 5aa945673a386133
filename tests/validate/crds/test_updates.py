"""Custom resources in place of others: transition rules, ratcheting, the status subresource."""

from __future__ import annotations

from typing import Any

import pytest

from expander.validate.check import check_replacement
from expander.validate.crds.definitions import Definitions, kinds_of
from tests.validate.crds.samples import INTEGER, STRING, definition, objects, refusals, rule, said, sweep

FIXED = {**STRING, "x-kubernetes-validations": [rule("self == oldSelf", message="is immutable")]}
NAMED = {
    "type": "array",
    "items": objects(name=STRING, image=FIXED),
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
}


def test_transition_rules_need_something_to_compare_with() -> None:
    assert said(objects(x=FIXED), {"x": "b"}) == []
    assert said(objects(x=FIXED), {"x": "b"}, {}) == []
    assert said(objects(x=FIXED), {"x": "a"}, {"x": "a"}) == []
    assert said(objects(x=FIXED), {"x": "b"}, {"x": "a"}) == ['spec.x: Invalid value: "b": is immutable']


def test_entries_of_maps_are_compared_by_their_keys() -> None:
    old = {"x": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]}
    new = {"x": [{"name": "b", "image": "2"}, {"name": "a", "image": "3"}, {"name": "c", "image": "4"}]}
    assert said(objects(x=NAMED), new, old) == ['spec.x[1].image: Invalid value: "3": is immutable']


def test_an_optional_old_self_is_evaluated_at_creation_too() -> None:
    text = "oldSelf.hasValue() ? self >= oldSelf.value() : self == 1"
    schema = objects(
        x={**INTEGER, "x-kubernetes-validations": [rule(text, message="m", optionalOldSelf=True)]}
    )
    assert [said(schema, {"x": 1}), said(schema, {"x": 2}), said(schema, {"x": 2}, {"x": 1})] == [
        [],
        ["spec.x: Invalid value: 2: m"],
        [],
    ]


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({"x": "BAD", "n": 1}, []),
        (
            {"x": "WORSE", "n": 0},
            ["spec.x: Invalid value: \"WORSE\": spec.x in body should match '^[a-z]*$'"],
        ),
        ({"x": "BAD", "n": -1}, ["spec.n: Invalid value: -1: negative"]),
    ],
)
def test_what_was_wrong_before_may_stay_as_it_is(new: Any, expected: list[str]) -> None:
    schema = objects(
        x={"type": "string", "pattern": "^[a-z]*$"},
        n={**INTEGER, "x-kubernetes-validations": [rule("self >= 0", message="negative")]},
    )
    assert said(schema, new, {"x": "BAD", "n": -5}) == expected


def test_a_rule_of_an_object_that_is_as_before_is_not_said() -> None:
    schema = {
        **objects(a=INTEGER, b=INTEGER),
        "x-kubernetes-validations": [rule("self.a < self.b", message="m")],
    }
    assert said(schema, {"a": 2, "b": 1}, {"a": 2, "b": 1}) == []
    assert said(schema, {"a": 3, "b": 1}, {"a": 2, "b": 1}) == ["spec: Invalid value: m"]


def status_of(new: Any, old: Any, subresource: Any) -> list[str]:
    status = objects(phase={"type": "string", "enum": ["A", "B"]})
    root = {"x-kubernetes-validations": [rule("!has(self.status) || self.spec.n == 1", message="both")]}
    defined = Definitions(kinds_of(definition(objects(n=INTEGER), status, root=root)))
    found = check_replacement(new, old, crds=defined, subresource=subresource)
    return [str(each) for each in found or ()]


def test_the_status_is_written_by_its_subresource_alone() -> None:
    old = sweep({"n": 1})
    wrong = {"phase": "C"}
    assert status_of(sweep({"n": 1}, status=wrong), old, None) == []
    assert status_of(sweep({"n": 1}, status=wrong), old, "status") == [
        'status.phase: Unsupported value: "C": supported values: "A", "B"',
        "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; "
        "correct the existing errors to complete validation",
    ]
    assert status_of(sweep({"n": 5}, status={"phase": "A"}), old, "status") == []
    assert status_of(sweep({"n": 1}, status={"phase": "A"}), sweep({"n": 2}), "status") == [
        "<nil>: Invalid value: both"
    ]


def test_the_message_of_a_status_leaves_its_path_out() -> None:
    [found, *_] = status_of(sweep({"n": 1}, status={"phase": 5}), sweep({"n": 1}), "status")
    assert found == 'status.phase: Invalid value: "integer": phase in body must be of type string: "integer"'


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({"kind": "Broom"}, 'kind: Invalid value: "Broom": must be Sweep'),
        (
            {"metadata": {"name": "t"}},
            "metadata.name: the name of the object (t) does not match the name on the URL (s)",
        ),
    ],
)
def test_an_object_that_is_another_one_is_refused(new: Any, expected: str) -> None:
    defined = Definitions(kinds_of(definition(objects())))
    found = check_replacement({**sweep({}), **new}, sweep({}), crds=defined)
    assert [str(each) for each in found or ()] == [expected]


def test_an_old_object_of_the_server_is_taken_as_it_is() -> None:
    field = {"type": "string", "default": "new", "x-kubernetes-validations": [rule("self == oldSelf")]}
    defined = Definitions(kinds_of(definition(objects(x=field))))
    sent = {**sweep({}), "metadata": {"name": "s", "generation": 1}}
    assert check_replacement(sweep({"x": "b"}), sent, crds=defined) == []
    assert check_replacement(sweep({"x": "b"}), sweep({}), crds=defined) != []


def test_built_in_kinds_are_compared_too() -> None:
    job = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c"},
        "immutable": True,
        "data": {"a": "1"},
    }
    assert [each.path for each in check_replacement({**job, "data": {"a": "2"}}, job) or ()] == ["data"]


def test_a_subresource_needs_a_definition() -> None:
    with pytest.raises(ValueError, match="v1 Pod"):
        check_replacement({}, {"apiVersion": "v1", "kind": "Pod"}, subresource="status")


def test_the_same_object_has_the_same_findings_every_time() -> None:
    schema = objects(**{f"x{n}": FIXED for n in range(20)})
    new, old = {f"x{n}": "b" for n in range(20)}, {f"x{n}": "a" for n in range(20)}
    assert len({tuple(refusals(schema, new, old)) for _ in range(10)}) == 1
