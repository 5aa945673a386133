"""The fast path accepts nothing that the exact one refuses, and changes nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.kube.versions import DEFAULT
from expander.validate.crds.check import CustomCheck
from expander.validate.crds.definitions import kinds_of
from expander.validate.crds.fast_path import FastPath, _validator
from expander.validate.schema_engines import FIRST
from tests.validate.crds.samples import INTEGER, RESOURCE, STRING, definition, objects, rule, sweep

SCHEMA = objects(
    name={"type": "string", "pattern": "^[a-z]*$", "maxLength": 3},
    when={"type": "string", "format": "date-time"},
    kind={"type": "string", "enum": ["A", "B"], "default": "A"},
    count={"type": "integer", "format": "int32", "minimum": 0, "maximum": 5},
    odd={"type": "integer", "exclusiveMaximum": True, "maximum": 2.5},
    ratio={"type": "number", "multipleOf": 2},
    size=RESOURCE,
    note={"type": "string", "nullable": True},
    free={"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    any={"x-kubernetes-preserve-unknown-fields": True},
    labels={"type": "object", "additionalProperties": STRING, "maxProperties": 1},
    parts={
        "type": "array",
        "maxItems": 2,
        "items": {**objects(id=INTEGER, on={"type": "boolean"}), "required": ["id"]},
    },
    choice={**objects(a=STRING, b=STRING), "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
    text={"type": "string", "allOf": [{"minLength": 1}]},
) | {"required": ["kind", "count"], "x-kubernetes-validations": [rule("self.count < 5")]}
CHECK = CustomCheck(kinds_of(definition(SCHEMA))[0])

SCALARS = st.sampled_from([None, True, 0, 1, 3, 5, 2**31, 2**70, 0.5, 2.0, 1e300, "", "a", "abcd", "A", "1Gi", "2026-01-01T00:00:00Z"])  # fmt: skip
NAMES = st.sampled_from([*SCHEMA["properties"], "other", "id", "on", "a", "b"])
VALUES = st.recursive(SCALARS, lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=3), max_leaves=6)  # fmt: skip
GOOD: dict[str, Any] = {
    "count": 1,
    "name": "ab",
    "size": "1Gi",
    "parts": [{"id": 1}],
    "labels": {"x": "y"},
    "note": None,
}


@given(st.dictionaries(NAMES, VALUES, max_size=3))
def test_what_it_accepts_has_no_fault(change: dict[str, Any]) -> None:
    accepts = VALIDATOR
    obj = sweep({**GOOD, **change})
    if accepts(obj):
        exact = CustomCheck(CHECK.kind)
        assert list(exact._decoding(obj)) == []
        filled = exact._fill(obj)
        assert exact._schema(filled) == []
        assert exact._fill_valid(obj) == filled


VALIDATOR = _validator(CHECK.kind.root, DEFAULT)


def test_it_accepts_what_is_ordinary() -> None:
    assert VALIDATOR(sweep(GOOD))
    assert not VALIDATOR(sweep({**GOOD, "other": 1}))


def test_the_first_objects_are_checked_exactly_and_findings_stay_the_same() -> None:
    check = CustomCheck(CHECK.kind)
    for spec in (GOOD, {**GOOD, "count": 5}, {**GOOD, "other": 1}, {**GOOD, "name": "A"}):
        expected = check.created(sweep(spec))
        assert all(check.created(sweep(spec)) == expected for _ in range(FIRST))


@pytest.mark.parametrize(
    "metadata", [{"name": "abcd"}, {"generateName": "abcd-"}, {"name": "abc", "labels": {"a": 1}}]
)
def test_what_a_definition_says_of_metadata_holds_for_every_object(metadata: dict[str, Any]) -> None:
    names = objects(name={"type": "string", "maxLength": 3}, generateName={"type": "string", "maxLength": 3})
    schema = definition(objects(), root={"properties": {"metadata": names, "spec": objects()}})
    check = CustomCheck(kinds_of(schema)[0])
    obj = {**sweep({}), "metadata": metadata}
    expected = check.created(obj)
    assert expected
    assert all(check.created(obj) == expected for _ in range(FIRST))


def test_without_the_accelerator_everything_is_checked_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    path = FastPath(CHECK.kind.root, DEFAULT)
    assert not any(path.accepts(sweep(GOOD)) for _ in range(FIRST + 1))
