"""Findings and paths read as the API server writes them."""

from __future__ import annotations

import pytest

from expander.validate.finding import Reason
from expander.validate.rules import field


def test_a_path_joins_fields_with_dots_and_indexes_with_brackets() -> None:
    assert field.path("spec", "containers", 0, "name") == "spec.containers[0].name"
    assert field.key("metadata.labels", "app") == "metadata.labels[app]"


def test_a_null_entry_of_a_list_counts_as_an_object_without_fields() -> None:
    assert list(field.each([None, {"a": 1}], "spec.items")) == [
        ("spec.items[0]", {}),
        ("spec.items[1]", {"a": 1}),
    ]
    assert list(field.texts([None], "args")) == [("args[0]", "")]


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
    assert field.shown(value) == shown


def test_each_kind_of_finding_has_the_server_s_reason_and_words() -> None:
    found = [
        field.required("a"),
        field.required("a", "must be specified"),
        field.invalid("a", "x", "too odd"),
        field.not_supported("a", "x", ("p", "q")),
        field.forbidden("a", "not here"),
        field.duplicate("a", "x"),
        field.not_found("a", "x"),
        field.too_long("a", 63),
        field.too_many("a", 4, 3),
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
    assert list(field.between(1, 1, 3, "a")) == list(field.between(3, 1, 3, "a")) == []
    assert [finding.message for finding in field.between(4, 1, 3, "a")] == [
        "Invalid value: 4: must be between 1 and 3, inclusive"
    ]
    assert list(field.not_negative(None, "a")) == list(field.not_negative(0, "a")) == []
