"""The accelerated check must find what the reference finds; and each is the one that ran."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expander.kube import schemas
from expander.validate.schema import check_schema
from expander.validate.schema_engines import Accelerated, Path, Reference, decodable, engine

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


def checks(api_version: str, kind: str) -> tuple[Accelerated, Reference]:
    name = schemas.kinds()[api_version][kind]
    assert name is not None
    return Accelerated(decodable(name)), Reference(decodable(name))


JOB_CHECKS = checks("batch/v1", "Job")
OTHER_CHECKS = checks("v1", "Secret")
JOB = schemas.root("batch/v1", "Job")
assert JOB is not None
JOB_FIELDS = sorted(set(fields(JOB, 9)), key=repr)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(JOB_FIELDS), VALUES)
def test_both_libraries_refuse_the_same_parts_of_any_field(path: tuple[str | int, ...], value: Any) -> None:
    obj = object_at(path, value)
    fast, reference = JOB_CHECKS
    assert fast.failures(obj) == reference.failures(obj)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["data", "stringData", "type", "immutable", "metadata", "x"]), VALUES))
def test_both_libraries_refuse_the_same_parts_of_any_secret(obj: dict[str, Any]) -> None:
    fast, reference = OTHER_CHECKS
    assert fast.failures(obj) == reference.failures(obj)


BAD_JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "spec": {"paralelism": 1, "template": {"spec": {"containers": [{"env": [5]}]}}, "completions": "x"},
}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The classes of engine that were asked, in order; engines are made anew."""
    asked: list[str] = []

    def spied(original: Callable[[Any, Mapping[str, Any]], set[Path]]) -> Any:
        def failures(self: Any, obj: Mapping[str, Any]) -> set[Path]:
            asked.append(type(self).__name__)
            return original(self, obj)

        return failures

    for kind in (Accelerated, Reference):
        monkeypatch.setattr(kind, "failures", spied(kind.failures))
    engine.cache_clear()
    yield asked
    engine.cache_clear()


def test_the_accelerated_library_checks_where_it_is_installed(calls: list[str]) -> None:
    assert len(check_schema(copy.deepcopy(BAD_JOB)) or []) == 3
    assert calls == ["Accelerated"]
    assert "jsonschema_rs" in sys.modules


def test_without_the_accelerator_the_reference_finds_the_same(
    calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_it = check_schema(copy.deepcopy(BAD_JOB))
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    engine.cache_clear()
    assert check_schema(copy.deepcopy(BAD_JOB)) == with_it
    assert len(with_it or []) == 3
    assert calls == ["Accelerated", "Reference"]


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", ["\ud800", nested(400)], ids=["a surrogate", "deep nesting"])
def test_what_the_accelerator_cannot_hold_is_left_to_the_reference(calls: list[str], value: Any) -> None:
    check_schema({**copy.deepcopy(BAD_JOB), "metadata": {"generation": value}})
    assert calls == ["Accelerated", "Reference"]


@pytest.mark.parametrize("key", ["", "007", "+1"])
def test_keys_that_the_accelerator_mixes_up_are_left_to_the_reference(calls: list[str], key: str) -> None:
    job = {**copy.deepcopy(BAD_JOB), "metadata": {"labels": {key: 5}}}
    found = check_schema(job)
    assert calls == ["Accelerated", "Reference"]
    assert found is not None
    assert len(found) == 4
