"""Label selectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from expander.kube.selectors import Operator, Requirement, from_object, parse


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        ("jobgroup=jobexample", "jobgroup=jobexample"),
        ("a==b", "a=b"),
        (" a = b , c != d ", "a=b,c!=d"),
        ("e in (g, f)", "e in (f,g)"),
        ("e notin (f)", "e!=f"),
        ("a,!b", "a,!b"),
        ("a=,b", "a=,b"),
        ("x in (a,,b)", "x in (,a,b)"),
        ("x in ()", "x="),
        ("in in (in)", "in=in"),
        ("n>1,n<5", "n>1,n<5"),
        ("example.com/a_b=C.d", "example.com/a_b=C.d"),
    ],
)
def test_what_kubectl_takes(text: str, canonical: str) -> None:
    assert str(parse(text)) == canonical
    assert parse(canonical) == parse(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a b c", "found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("a=b,", "found '', expected: identifier after ','"),
        ("=a", "found '=', expected: !, identifier, or 'end of string'"),
        ("!=a", "found '!=', expected: !, identifier, or 'end of string'"),
        ("!,a", "found ',', expected: identifier"),
        ("!x=a", "found '=', expected: ',' or 'end of string'"),
        ("a in b", r"found 'b', expected: '\('"),
        ("a in (b", r"found '', expected: ',', or '\)'"),
        ("a=(b)", r"found '\(', expected: identifier"),
        ("x<a", "the value must be an integer"),
        ("A/b=1", "not a valid label key"),
        ("a=-b", "not a valid label value"),
        (f"{'a' * 64}=b", "not a valid label key"),
        (f"a={'b' * 64}", "not a valid label value"),
    ],
)
def test_what_kubectl_refuses(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse(text)


def test_the_servers_own_words_for_a_malformed_selector(reference: Path) -> None:
    answer = json.loads((reference / "http-responses.json").read_text())["bad-selector-400"]
    with pytest.raises(ValueError) as refused:
        parse("a b c")
    assert str(refused.value) == json.loads(answer["body"])["message"]


@pytest.mark.parametrize(
    ("text", "labels", "matches"),
    [
        ("", {}, True),
        ("a=b", {"a": "b", "c": "d"}, True),
        ("a=b", {"a": "c"}, False),
        ("a=b", {}, False),
        ("a=", {"a": ""}, True),
        ("a!=b", {}, True),
        ("a notin (b,c)", {"a": "c"}, False),
        ("a in (b,c)", {"a": "c"}, True),
        ("a", {"a": ""}, True),
        ("!a", {"a": ""}, False),
        ("n>5", {"n": "6"}, True),
        ("n>5", {"n": "5"}, False),
        ("n<5", {"n": "x"}, False),
        ("a=b,!c", {"a": "b", "c": "d"}, False),
    ],
)
def test_which_labels_a_selector_means(text: str, labels: dict[str, str], matches: bool) -> None:
    assert parse(text).matches(labels) is matches


def test_no_selector_object_means_nothing_and_an_empty_one_everything() -> None:
    assert not from_object(None).matches({"a": "b"})
    assert from_object({}).matches({"a": "b"})
    assert from_object({}).matches(None)


def test_a_selector_object_means_all_its_parts() -> None:
    selector = from_object(
        {
            "matchLabels": {"a": "b"},
            "matchExpressions": [
                {"key": "c", "operator": "In", "values": ["d", "e"]},
                {"key": "f", "operator": "DoesNotExist"},
            ],
        }
    )
    assert selector.matches({"a": "b", "c": "e"})
    assert not selector.matches({"a": "b", "c": "x"})
    assert not selector.matches({"a": "b", "c": "d", "f": ""})


@pytest.mark.parametrize(
    "expression",
    [
        {"key": "a", "operator": "Near"},
        {"key": "a", "operator": "Gt", "values": ["1"]},
        {"key": "a", "operator": "In"},
        {"key": "a", "operator": "Exists", "values": ["b"]},
        {"key": "-a", "operator": "Exists"},
        {"operator": "Exists"},
    ],
)
def test_a_malformed_selector_object_is_an_error(expression: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        from_object({"matchExpressions": [expression]})


def test_a_requirement_needs_the_number_of_values_its_operator_takes() -> None:
    with pytest.raises(ValueError, match="exactly one value"):
        Requirement("n", Operator.GREATER, ("1", "2"))
