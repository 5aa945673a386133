"""JSONPath as printer columns and selectable fields have it."""

from __future__ import annotations

from typing import Any

import pytest

from expander.kube import jsonpath

OBJECT: dict[str, Any] = {
    "metadata": {"labels": {"a.b/c": "x", "plain": "y"}},
    "spec": {"list": [{"name": "one", "size": 1}, {"name": "two", "size": 2}], "map": {"k": 1, "j": 2}},
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Done", "status": "False"}]},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".spec.list[0].name", ["one"]),
        ("{.spec.list[-1].name}", ["two"]),
        (".spec.list[*].name", ["one", "two"]),
        (".spec.list[0:1].size", [1]),
        (".spec.map.*", [2, 1]),
        (".metadata.labels['a.b/c']", ["x"]),
        (r".metadata.labels.a\.b/c", ["x"]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type != 'Ready')].status", ["False"]),
        (".spec.list[?(@.size>1)].name", ["two"]),
        (".spec.list[?(@.name)].size", [1, 2]),
        (".spec.nothing.here", []),
        (".spec.list[7]", []),
    ],
)
def test_a_path_leads_to_values_in_order(path: str, found: list[Any]) -> None:
    assert list(jsonpath.values(path, OBJECT)) == found


@pytest.mark.parametrize("path", ["..name", ".a[", ".a[b]", "a", ".a[?(b)]", ".a[?(@b)]", ".a]"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is not understood"):
        jsonpath.check(path)


def test_values_are_shown_as_text() -> None:
    assert [jsonpath.text(each) for each in ("a", 1, True, ["b"], {"c": None})] == [
        "a",
        "1",
        "true",
        '["b"]',
        '{"c":null}',
    ]
