"""The metadata of any object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from expander.validate.rules import formats
from expander.validate.rules.metadata import check_metadata, object_name


def messages(metadata: dict[str, Any], **options: Any) -> list[tuple[str, str]]:
    return [
        (finding.path.removeprefix("metadata."), finding.message)
        for finding in check_metadata(metadata, **options)
    ]


def test_an_object_has_a_name_or_the_beginning_of_one() -> None:
    assert messages({"name": "a.b-1"}) == []
    assert messages({"generateName": "a-"}) == []
    assert messages({"name": ""}) == [("name", "Required value: name or generateName is required")]


def test_a_generated_name_is_cut_so_that_five_characters_fit() -> None:
    assert object_name({"generateName": "x" * 80}) == "x" * 58 + "xxxxx"
    assert object_name({"generateName": "x", "name": "y"}) == "y"


def test_the_beginning_of_a_name_may_end_in_a_dash_but_not_start_with_one() -> None:
    assert [path for path, _ in messages({"name": "a", "generateName": "-a-"})] == ["generateName"]


@pytest.mark.parametrize(("rule", "name"), [(formats.dns_label, "a.b"), (formats.dns_subdomain, "a_b")])
def test_the_format_of_a_name_is_that_of_its_kind(rule: Callable[[str], Any], name: str) -> None:
    assert [path for path, _ in messages({"name": name}, name_rule=rule)] == ["name"]


def test_a_namespace_is_a_label_and_only_where_the_kind_has_one() -> None:
    assert [path for path, _ in messages({"name": "a", "namespace": "a.b"})] == ["namespace"]
    assert messages({"name": "a", "namespace": "a.b"}, namespaced=False) == []


def test_a_generation_matters_only_where_the_server_keeps_it() -> None:
    assert messages({"name": "a", "generation": -1}) == []
    assert messages({"name": "a", "generation": -1}, keeps_generation=True) == [
        ("generation", "Invalid value: -1: must be greater than or equal to 0")
    ]


def test_a_finalizer_has_a_domain_unless_it_is_one_of_the_servers_own() -> None:
    assert messages({"name": "a", "finalizers": ["example.com/x", "orphan", "kubernetes"]}) == []
    assert messages({"name": "a", "finalizers": ["mine"]}) == [
        (
            "finalizers[0]",
            'Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
        )
    ]


def test_dependents_are_not_orphaned_and_deleted_at_once() -> None:
    assert messages({"name": "a", "finalizers": ["orphan", "foregroundDeletion"]}) == [
        (
            "finalizers",
            'Invalid value: ["orphan","foregroundDeletion"]: '
            "finalizer orphan and foregroundDeletion cannot be both set",
        )
    ]


def test_an_owner_is_named_in_full() -> None:
    owner = {"apiVersion": "a/b/c", "kind": "", "name": "n", "uid": "u"}
    assert messages({"name": "a", "ownerReferences": [owner]}) == [
        ("ownerReferences.apiVersion", 'Invalid value: "a/b/c": version must not be empty'),
        ("ownerReferences.kind", 'Invalid value: "": must not be empty'),
    ]


def test_an_event_owns_nothing_and_only_one_owner_is_the_controller() -> None:
    event = {"apiVersion": "v1", "kind": "Event", "name": "n", "uid": "u"}
    first = {"apiVersion": "batch/v1", "kind": "Job", "name": "n", "uid": "u", "controller": True}
    second = {**first, "name": "m"}
    assert [
        message.rpartition("]: ")[2].rpartition("}: ")[2]
        for _, message in messages({"name": "a", "ownerReferences": [event, first, second]})
    ] == [
        "/v1, Kind=Event is disallowed from being an owner",
        'Only one reference can have Controller set to true. Found "true" in references for Job/n and Job/m',
    ]
