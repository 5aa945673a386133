"""Rules in CEL of custom resources: when they are evaluated, what they see, what is said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.kube.versions import DEFAULT, Release
from expander.validate.crds.rules import NEW, RuleCheck
from expander.validate.crds.structural import structural
from expander.validate.finding import Reason
from tests.validate.crds.samples import INTEGER, RESOURCE, STRING, objects, refusals, rule, said


def ruled(schema: dict[str, Any], *rules: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "x-kubernetes-validations": list(rules)}


FLAVORS = objects(
    covered={"type": "array", "items": STRING},
    flavors={"type": "array", "items": objects(name=STRING, resources={"type": "array", "items": STRING})},
    min=INTEGER,
    max=INTEGER,
)


def test_a_rule_that_fails_is_said_with_its_message_at_its_place() -> None:
    schema = objects(
        groups={
            "type": "array",
            "items": ruled(
                FLAVORS,
                rule(
                    "self.flavors.all(f, size(f.resources) == size(self.covered))", message=" counts differ "
                ),
            ),
        }
    )
    good = {"covered": ["cpu"], "flavors": [{"resources": ["cpu"]}]}
    bad = {"covered": ["cpu", "gpu"], "flavors": [{"resources": ["cpu"]}]}
    assert said(schema, {"groups": [good, bad]}) == ["spec.groups[1]: Invalid value: counts differ"]


def test_without_a_message_the_rule_is_said() -> None:
    schema = ruled(FLAVORS, rule("self.min <= self.max"))
    assert said(schema, {"min": 2, "max": 1}) == ["spec: Invalid value: failed rule: self.min <= self.max"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"reason": "FieldValueForbidden"}, "spec: Forbidden: no"),
        ({"reason": "FieldValueRequired"}, "spec: Required value: no"),
        ({"reason": "FieldValueDuplicate"}, "spec: Duplicate value"),
        ({"reason": "FieldValueInvalid", "fieldPath": ".max"}, "spec.max: Invalid value: no"),
        ({"fieldPath": "['max']"}, "spec.max: Invalid value: no"),
        ({"messageExpression": "'%d is too much'.format([self.min])"}, "spec: Invalid value: 2 is too much"),
        ({"messageExpression": "self.flavors[0].name"}, "spec: Invalid value: no"),
        ({"messageExpression": "'two\\nlines'"}, "spec: Invalid value: no"),
    ],
)
def test_reason_place_and_message_are_those_of_the_rule(more: dict[str, Any], expected: str) -> None:
    schema = ruled(FLAVORS, rule("self.min < self.max", message="no", **more))
    assert said(schema, {"min": 2, "max": 1}) == [expected]


def test_the_value_of_a_scalar_is_said_from_1_34_on() -> None:
    schema = objects(x=ruled(INTEGER, rule("self > 1", message="too small")))
    assert said(schema, {"x": 1}) == ["spec.x: Invalid value: 1: too small"]
    assert said(schema, {"x": 1}, release=Release(1, 33)) == ['spec.x: Invalid value: "integer": too small']


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("self.min > 0", "no such key: min evaluating rule: self.min > 0"),
        ("self.max / 0 == 1", "division by zero evaluating rule: self.max / 0 == 1"),
        ("self.flavors[3].name == ''", "index out of bounds: 3 evaluating rule: self.flavors[3].name == ''"),
    ],
)
def test_an_error_of_evaluation_is_a_refusal(text: str, expected: str) -> None:
    found = said(ruled(FLAVORS, rule(text)), {"max": 1, "flavors": []})
    assert found == [f'spec: Invalid value: "object": {expected}']


def test_the_other_side_decides_in_spite_of_an_error() -> None:
    assert said(ruled(FLAVORS, rule("self.min > 0 || true")), {}) == []
    assert said(ruled(FLAVORS, rule("has(self.min) && self.min > 0 || !has(self.min)")), {}) == []


def test_a_whole_number_with_a_point_is_no_integer_for_rules() -> None:
    schema = ruled(FLAVORS, rule("has(self.min) || true", message="m"), rule("has(self.min)", message="n"))
    assert said(schema, {"min": 3.0}) == [
        'spec: Invalid value: "object": invalid data, expected int, got float64 evaluating rule: n'
    ]


def test_types_that_do_not_fit_are_said_as_by_the_server() -> None:
    schema = ruled(objects(port=RESOURCE), rule("self.port > 5", message="m"))
    assert said(schema, {"port": 6}) == []
    assert said(schema, {"port": "6"}) == [
        "spec: Invalid value: \"object\": 'no such overload': call arguments did not match a supported operator, "
        "function or macro signature for rule: m"
    ]


@pytest.mark.parametrize(
    ("schema", "value", "text"),
    [
        ({"type": "string", "format": "date-time"}, "2026-01-02T03:04:05Z", "self.getHours() == 3"),
        ({"type": "string", "format": "date"}, "2026-01-02", "self.getDate() == 2"),
        ({"type": "string", "format": "duration"}, "90s", "self == duration('1m30s')"),
        ({"type": "string", "format": "byte"}, "aGk=", "self == b'hi'"),
        ({"type": "number"}, 3, "self == 3.0 && type(self) == double"),
        ({"type": "object", "additionalProperties": INTEGER}, {"a-b": 1}, "self['a-b'] == 1 && 'a-b' in self"),
        (objects(**{"a-b": STRING, "for": STRING, "x__y": STRING}), {"a-b": "1", "for": "2", "x__y": "3"},
         "self.a__dash__b == '1' && self.__for__ == '2' && self.x__underscores__y == '3'"),
        ({"type": "array", "items": INTEGER, "x-kubernetes-list-type": "set"}, [1, 2], "self == [2, 1]"),
        ({"type": "array", "items": INTEGER, "x-kubernetes-list-type": "set"}, [1, 2], "size(self + [2, 3]) == 3"),
        ({"type": "array", "items": INTEGER}, [1, 2], "self != [2, 1] && self == [1, 2]"),
        ({"type": "string", "nullable": True}, None, "false"),
        (objects(n={"type": "string", "nullable": True}), {"n": None}, "has(self.n) && self.n == null"),
        (objects(n={"x-kubernetes-preserve-unknown-fields": True}), {"n": {"a": 1}}, "self.n == self.n"),
    ],
)  # fmt: skip
def test_values_have_the_types_of_their_schemas(schema: dict[str, Any], value: Any, text: str) -> None:
    assert said(objects(x=ruled(schema, rule(text))), {"x": value}) == []


def test_rules_of_the_root_see_kind_and_name() -> None:
    root = {"x-kubernetes-validations": [rule("self.kind == 'Sweep' && self.metadata.name.startsWith('t')")]}
    [found] = said(objects(), {}, root=root)
    assert found.startswith("<nil>: Invalid value: failed rule: self.kind")


def test_rules_in_all_of_and_in_maps_count_too() -> None:
    schema = objects(
        x={
            "type": "object",
            "additionalProperties": {**INTEGER, "allOf": [ruled({}, rule("self > 1", message="m"))]},
        }
    )
    assert said(schema, {"x": {"a b": 1, "c": 2}}) == ["spec.x[a b]: Invalid value: 1: m"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("authorizer.path('/x').check('get').allowed()", "authorizer"),
        ("self.max.noSuch()", "noSuch"),
        ("self.max >", "expected a name"),
    ],
)
def test_a_rule_that_cannot_be_evaluated_is_named_as_unchecked(text: str, why: str) -> None:
    [found] = refusals(ruled(FLAVORS, rule(text)), {"max": 1})
    assert (found.path, found.reason) == ("spec", Reason.UNCHECKED)
    assert text in found.message
    assert why in found.message


def test_an_unchecked_rule_of_a_part_that_is_not_there_is_not_named() -> None:
    assert said(objects(x=ruled(INTEGER, rule("noSuch(self)"))), {}) == []


def test_no_rule_or_pattern_takes_long() -> None:
    text = {**STRING, "pattern": "^(a+)+$"}
    schema = objects(x=text, y=ruled(STRING, rule("self.matches('^(a|a)*$')")))
    assert [each.partition(":")[0] for each in said(schema, {"x": "a" * 99 + "!", "y": "a" * 99 + "!"})] == [
        "spec.x",
        "spec.y",
    ]


RULED = structural(
    ruled(
        {
            **objects(
                a=ruled(INTEGER, rule("self < 2"), rule("self >= oldSelf")),
                b=ruled({**STRING, "nullable": True}, rule("self != 'no' && size(self) < 3")),
                c={"type": "array", "items": ruled(objects(a=INTEGER), rule("!has(self.a) || self.a > 0"))},
                d={"type": "object", "additionalProperties": ruled(STRING, rule("self.startsWith('x')"))},
            ),
        },
        rule("has(self.a) || has(self.c)"),
        rule("!oldSelf.hasValue() && self.c.all(x, x.a < 3)", optionalOldSelf=True),
    )
)
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "a": st.sampled_from([1, 2, "x", None]),
        "b": st.sampled_from(["ab", "no", "abc", 1, None]),
        "c": st.none() | st.lists(st.sampled_from([{"a": 1}, {"a": 0}, {"a": 5}, {"a": "x"}, {}, None, 1])),
        "d": st.none() | st.dictionaries(st.sampled_from("abc"), st.sampled_from(["xa", "a", None])),
    },
)


@given(PARTS)
def test_what_is_found_valid_at_once_is_valid(value: dict[str, Any]) -> None:
    check = RuleCheck(RULED, DEFAULT)
    found: list[Any] = []
    assert check._checker is not None
    check._checker.check(value, NEW, None, found)
    assert check._all_hold(value) is (found == [])
    assert check(value) == found
