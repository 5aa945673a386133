"""Findings and paths read as the API server writes them."""

from __future__ import annotations

import pytest

from expander.validate.finding import Reason
from expander.validate.rules import checks


def test_a_path_joins_fields_with_dots_and_indexes_with_brackets() -> None:
    assert checks.path("spec", "containers", 0, "name") == "spec.containers[0].name"
    assert checks.key("metadata.labels", "app") == "metadata.labels[app]"


def test_a_null_entry_of_a_list_counts_as_an_object_without_fields() -> None:
    assert list(checks.each([None, {"a": 1}], "spec.items")) == [
        ("spec.items[0]", {}),
        ("spec.items[1]", {"a": 1}),
    ]
    assert list(checks.texts([None], "args")) == [("args[0]", "")]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", '"plain"'),
        ('say "hi"\n', '"say \\"hi\\"\\n"'),
        ("bell\a nul\0 wide\u200b é", '"bell\\a nul\\x00 wide\\u200b é"'),
        ("\U000e0001", '"\\U000e0001"'),
        (5, "5"),
        (True, "true"),
        (None, "null"),
        ({"Name": "<a&b>", "List": None}, '{"Name":"\\u003ca\\u0026b\\u003e","List":null}'),
    ],
)
def test_a_value_is_shown_as_go_shows_it(value: object, shown: str) -> None:
    assert checks.shown(value) == shown


def test_each_kind_of_finding_has_the_server_s_reason_and_words() -> None:
    found = [
        checks.required("a"),
        checks.required("a", "must be specified"),
        checks.invalid("a", "x", "too odd"),
        checks.not_supported("a", "x", ("p", "q")),
        checks.forbidden("a", "not here"),
        checks.duplicate("a", "x"),
        checks.not_found("a", "x"),
        checks.too_long("a", 63),
        checks.too_many("a", 4, 3),
    ]
    assert [(finding.reason, finding.message) for finding in found] == [
        (Reason.REQUIRED, "Required value"),
        (Reason.REQUIRED, "Required value: must be specified"),
        (Reason.INVALID, 'Invalid value: "x": too odd'),
        (Reason.NOT_SUPPORTED, 'Unsupported value: "x": supported values: "p", "q"'),
        (Reason.FORBIDDEN, "Forbidden: not here"),
        (Reason.DUPLICATE, 'Duplicate value: "x"'),
        (Reason.NOT_FOUND, 'Not found: "x"'),
        (Reason.TOO_LONG, "Too long: may not be more than 63 bytes"),
        (Reason.TOO_MANY, "Too many: 4: must have at most 3 items"),
    ]


def test_bounds_are_part_of_their_range() -> None:
    assert list(checks.between(1, 1, 3, "a")) == list(checks.between(3, 1, 3, "a")) == []
    assert [finding.message for finding in checks.between(4, 1, 3, "a")] == [
        "Invalid value: 4: must be between 1 and 3, inclusive"
    ]
    assert list(checks.not_negative(None, "a")) == list(checks.not_negative(0, "a")) == []
