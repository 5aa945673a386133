"""Labels, annotations and selectors."""

from __future__ import annotations

from expander.validate.rules.metadata import (
    MAX_ANNOTATION_BYTES,
    check_annotations,
    check_label_selector,
    check_labels,
    check_match_label_keys,
)


def test_findings_on_labels_are_at_the_map() -> None:
    found = list(check_labels({"bad key": "fine", "fine": "-bad"}, "metadata.labels"))
    assert [finding.path for finding in found] == ["metadata.labels"] * 2
    assert found[0].message.startswith('Invalid value: "bad key": name part')
    assert found[1].message.startswith('Invalid value: "-bad": a valid label')


def test_keys_of_annotations_may_have_capital_letters_in_their_domain() -> None:
    assert list(check_annotations({"Example.COM/Key": "anything at all"}, "a")) == []


def test_annotations_have_a_greatest_size_together() -> None:
    fits = {"a": "x" * (MAX_ANNOTATION_BYTES - 1)}
    assert list(check_annotations(fits, "a")) == []
    assert [finding.message for finding in check_annotations({**fits, "b": "x"}, "a")] == [
        "Too long: may not be more than 262144 bytes"
    ]


def test_an_operator_of_a_selector_wants_its_values() -> None:
    selector = {
        "matchExpressions": [
            {"key": "a", "operator": "In"},
            {"key": "a", "operator": "Exists", "values": ["x"]},
            {"key": "a", "operator": "Near"},
            {"key": "a", "operator": "NotIn", "values": ["-x"]},
        ]
    }
    found = list(check_label_selector(selector, "s"))
    assert [finding.path.removeprefix("s.matchExpressions") for finding in found] == [
        "[0].values",
        "[1].values",
        "[2].operator",
        "[3].values[0]",
    ]


def test_match_label_keys_need_a_selector_to_add_to() -> None:
    found = list(check_match_label_keys({"matchLabelKeys": ["a"]}, "t"))
    assert [(finding.path, finding.message) for finding in found] == [
        ("t.matchLabelKeys", "Forbidden: must not be specified when labelSelector is not set")
    ]


def test_a_key_is_not_matched_and_mismatched_at_once() -> None:
    term = {"labelSelector": {}, "matchLabelKeys": ["a", "b"], "mismatchLabelKeys": ["b"]}
    assert [finding.path for finding in check_match_label_keys(term, "t")] == ["t.matchLabelKeys[1]"]
