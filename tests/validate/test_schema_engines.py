"""Both checks find what ``jsonschema`` finds in the JSON Schema of a kind; and each is the one that ran."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from expander.kube import schemas
from expander.validate import schema_engines
from expander.validate.schema import check_schema
from expander.validate.schema_engines import FORMATS, Accelerated, Path, decodable, engine, failures

NUMBERS = st.sampled_from(
    [
        0,
        -1,
        2**31 - 1,
        2**31,
        -(2**31) - 1,
        2**63 - 1,
        2**63,
        -(2**63) - 1,
        2**64,
        10**30,
        1.0,
        1.5,
        1e3,
        1e19,
        1e300,
    ]
)
TEXTS = st.one_of(
    st.text(max_size=5),
    st.sampled_from(
        [
            "",
            "0",
            "1",
            "1x",
            "500m",
            "a/b",
            "~0",
            "1e3",
            "YQ==",
            "YQ",
            "2006-01-02T15:04:05Z",
            "yesterday",
            "\ud800",
            "a\n",
        ]
    ),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.floats(allow_nan=False, allow_infinity=False)),
    lambda parts: st.one_of(st.lists(parts, max_size=3), st.dictionaries(TEXTS, parts, max_size=3)),
    max_leaves=5,
)


def fields(schema: schemas.Schema, depth: int) -> Iterator[tuple[str | int, ...]]:
    """Paths of fields of a kind, through the first element of lists and one key of maps."""
    schema = schemas.resolve(schema)
    for step in [*schema.get("properties", ()), 0, "key"]:
        below = schemas.child(schema, step) if schema.get("type") else None
        if below is not None and (step != "key" or "properties" not in schema):
            yield (step,)
            if depth:
                yield from ((step, *rest) for rest in fields(below, depth - 1))


def object_at(path: tuple[str | int, ...], value: Any) -> Any:
    for step in reversed(path):
        value = [value] if step == 0 else {step: value}
    return value


Check = Callable[[Mapping[str, Any]], set[Path]]


def reference(name: str) -> Check:
    formats = FormatChecker(formats=())
    for each, check in FORMATS.items():
        formats.checks(each)(check)
    validator = Draft202012Validator(decodable(name), format_checker=formats)
    return lambda obj: {tuple(error.absolute_path) for error in validator.iter_errors(obj)}


def checks(api_version: str, kind: str) -> tuple[Check, Check, Check]:
    name = schemas.kinds()[api_version][kind]
    assert name is not None
    return Accelerated(name).failures, lambda obj: failures(obj, name), reference(name)


JOB_CHECKS = checks("batch/v1", "Job")
OTHER_CHECKS = checks("v1", "Secret")
JOB = schemas.root("batch/v1", "Job")
assert JOB is not None
JOB_FIELDS = sorted(set(fields(JOB, 9)), key=repr)


@settings(max_examples=400)
@given(st.sampled_from(JOB_FIELDS), VALUES)
def test_all_checks_refuse_the_same_parts_of_any_field(path: tuple[str | int, ...], value: Any) -> None:
    obj = object_at(path, value)
    fast, plain, judge = JOB_CHECKS
    assert fast(obj) == judge(obj) == plain(obj)


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(["data", "stringData", "type", "immutable", "metadata", "x"]), VALUES))
def test_all_checks_refuse_the_same_parts_of_any_secret(obj: dict[str, Any]) -> None:
    fast, plain, judge = OTHER_CHECKS
    assert fast(obj) == judge(obj) == plain(obj)


BAD_JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "spec": {"paralelism": 1, "template": {"spec": {"containers": [{"env": [5]}]}}, "completions": "x"},
}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The checks that were asked, in order; engines are made anew and accelerated from the second object on."""
    asked: list[str] = []

    def spied(name: str, original: Callable[..., set[Path]]) -> Any:
        def spy(*arguments: Any) -> set[Path]:
            asked.append(name)
            return original(*arguments)

        return spy

    monkeypatch.setattr(Accelerated, "failures", spied("jsonschema-rs", Accelerated.failures))
    monkeypatch.setattr(schema_engines, "failures", spied("Python", failures))
    monkeypatch.setattr(schema_engines, "FIRST", 1)
    engine.cache_clear()
    yield asked
    engine.cache_clear()


def later_findings(obj: dict[str, Any], calls: list[str]) -> Any:
    """What is found in an object that is not the first of its kind; ``calls`` are those for it alone."""
    check_schema(copy.deepcopy(BAD_JOB))
    calls.clear()
    return check_schema(copy.deepcopy(obj))


def test_the_first_objects_are_checked_in_python_and_others_by_the_accelerator(calls: list[str]) -> None:
    first, second = check_schema(copy.deepcopy(BAD_JOB)), check_schema(copy.deepcopy(BAD_JOB))
    assert calls == ["Python", "jsonschema-rs"]
    assert first == second
    assert len(first or []) == 3


def test_without_the_accelerator_python_finds_the_same(
    calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_it = later_findings(BAD_JOB, calls)
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    engine.cache_clear()
    assert later_findings(BAD_JOB, calls) == with_it
    assert calls == ["Python"]


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", ["\ud800", nested(400)], ids=["a surrogate", "deep nesting"])
def test_what_the_accelerator_cannot_hold_is_left_to_python(calls: list[str], value: Any) -> None:
    later_findings({**BAD_JOB, "metadata": {"generation": value}}, calls)
    assert calls == ["jsonschema-rs", "Python"]


@pytest.mark.parametrize("key", ["", "007", "+1"])
def test_keys_that_the_accelerator_mixes_up_are_left_to_python(calls: list[str], key: str) -> None:
    found = later_findings({**BAD_JOB, "metadata": {"labels": {key: 5}}}, calls)
    assert calls == ["jsonschema-rs", "Python"]
    assert found is not None
    assert len(found) == 4
