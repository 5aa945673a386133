"""Owners of fields after creates, updates and patches."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.local.apiserver.patch.managed_fields import (
    ANCIENT_CHANGES,
    MAX_UPDATE_MANAGERS,
    created,
    listed,
    manager_name,
    settled,
    update_managers,
    updated,
)
from expander.local.apiserver.patch.merge_schema import root
from expander.local.apiserver.patch.structured_merge import outline_of
from tests.local.apiserver.patch.test_apply import config, owners

Object = dict[str, Any]
NOW = 1_780_000_000.0
THEN = "2026-05-28T20:26:40Z"


def stored(**data: str) -> Object:
    """A ConfigMap that ``maker`` created."""
    obj = update_managers(None, config(**data), "maker", NOW)
    return {**obj, "metadata": {**obj["metadata"], "uid": "u", "resourceVersion": "1"}}


def changed(obj: Object, **data: str | None) -> Object:
    kept = {**obj["data"], **data}
    return {**obj, "data": {key: value for key, value in kept.items() if value is not None}}


def test_who_creates_an_object_owns_what_was_sent_but_not_its_name() -> None:
    assert update_managers(None, config(a="1"), "maker", NOW)["metadata"]["managedFields"] == [
        {
            "manager": "maker",
            "operation": "Update",
            "apiVersion": "v1",
            "time": THEN,
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {".": {}, "f:a": {}}},
        }
    ]


def test_who_changes_a_field_owns_it_then_and_nobody_else_does() -> None:
    obj = stored(a="1", b="2")
    result = update_managers(obj, changed(obj, b="3", c="4"), "changer", NOW)
    assert owners(result) == {
        "maker": {"f:data": {".": {}, "f:a": {}}},
        "changer": {"f:data": {"f:b": {}, "f:c": {}}},
    }


def test_a_field_that_is_taken_away_has_no_owner() -> None:
    obj = stored(a="1", b="2")
    assert owners(update_managers(obj, changed(obj, b=None), "changer", NOW)) == {
        "maker": {"f:data": {".": {}, "f:a": {}}}
    }


def test_a_change_of_nothing_makes_no_owner_and_no_other_time() -> None:
    obj = stored(a="1")
    assert update_managers(obj, changed(obj, a="1"), "changer", NOW + 60) == obj


def test_a_second_change_adds_to_what_a_manager_owns() -> None:
    obj = stored(a="1")
    once = update_managers(obj, changed(obj, b="1"), "changer", NOW)
    twice = update_managers(once, changed(once, c="1"), "changer", NOW + 60)
    assert owners(twice)["changer"] == {"f:data": {"f:b": {}, "f:c": {}}}
    assert twice["metadata"]["managedFields"][-1]["time"] == "2026-05-28T20:27:40Z"


def test_owners_a_request_leaves_out_are_kept() -> None:
    obj = stored(a="1")
    assert owners(update_managers(obj, config(a="1", b="2"), "changer", NOW)).keys() == {"maker", "changer"}


def test_owners_a_request_cannot_know_are_kept() -> None:
    obj, new = stored(a="1"), config(a="1")
    new["metadata"]["managedFields"] = [{"manager": "x", "operation": "Update", "fieldsV1": {"a": {}}}]
    assert owners(update_managers(obj, new, "changer", NOW)) == owners(obj)


def test_a_field_the_kind_does_not_have_is_nobodys() -> None:
    assert owners(update_managers(None, {**config(a="1"), "x": {"y": 1}}, "maker", NOW)) == {
        "maker": {"f:data": {".": {}, "f:a": {}}}
    }


def test_one_empty_entry_forgets_all_owners() -> None:
    obj, new = stored(a="1"), config(a="1")
    new["metadata"]["managedFields"] = [{}]
    assert "managedFields" not in update_managers(obj, new, "changer", NOW)["metadata"]


def test_an_object_without_known_owners_stays_so() -> None:
    obj = config(a="1")
    assert "managedFields" not in update_managers(obj, config(a="2"), "changer", NOW)["metadata"]


def test_a_request_to_the_status_owns_only_status() -> None:
    spec: Object = {"containers": [{"name": "c", "image": "i"}]}
    pod = update_managers(None, {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": spec}, "m", NOW)
    new = {**pod, "spec": {**spec, "hostname": "h"}, "status": {"phase": "Running"}}
    result = update_managers(pod, new, "kubelet", NOW, "status")
    parts = {each["manager"]: each.get("subresource") for each in result["metadata"]["managedFields"]}
    assert parts == {"m": None, "kubelet": "status"}
    assert owners(result)["kubelet"] == {"f:status": {"f:phase": {}}}
    assert "f:status" not in owners(update_managers(pod, new, "other", NOW))["other"]


def test_the_oldest_of_many_managers_become_one() -> None:
    obj = stored(a="1")
    for number in range(MAX_UPDATE_MANAGERS + 3):
        obj = update_managers(obj, changed(obj, **{f"k{number:02}": "x"}), f"m{number:02}", NOW + number + 1)
    entries = obj["metadata"]["managedFields"]
    assert len(entries) == MAX_UPDATE_MANAGERS
    assert entries[0]["manager"] == ANCIENT_CHANGES
    assert owners(obj)[ANCIENT_CHANGES]["f:data"].keys() == {".", "f:a", "f:k00", "f:k01", "f:k02", "f:k03"}


def test_the_text_of_a_secret_is_owned_as_its_data() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "v"}}
    result = update_managers(None, secret, "maker", NOW)
    assert result["data"] == {"k": "dg=="}
    assert "stringData" not in result
    assert owners(result) == {"maker": {"f:data": {".": {}, "f:k": {}}}}


def test_only_other_times_of_owners_are_no_change() -> None:
    obj = stored(a="1")
    later = update_managers(obj, changed(obj, b="1"), "changer", NOW)
    again = {**later, "metadata": {**later["metadata"]}}
    again["metadata"]["managedFields"] = [
        {**each, "time": "2030-01-01T00:00:00Z"} for each in later["metadata"]["managedFields"]
    ]
    assert settled(later, again) == later
    assert settled(later, changed(again, b="2")) != later


@pytest.mark.parametrize(
    ("given", "agent", "name"),
    [
        ("mine", "kubectl/v1.37", "mine"),
        ("", "kubectl/v1.37 (linux)", "kubectl"),
        ("", "python-requests", "python-requests"),
        ("", "", "unknown"),
        ("", "x" * 200, "x" * 128),
    ],
)
def test_a_manager_is_named_by_the_request_or_by_the_program(given: str, agent: str, name: str) -> None:
    assert manager_name(given, agent) == name


FIELDS = (
    *("apiVersion", "metadata", "name", "labels", "annotations", "finalizers", "ownerReferences", "uid"),
    *("spec", "template", "containers", "ports", "containerPort", "protocol", "env", "resources", "limits"),
    *("cpu", "selector", "matchLabels", "tolerations", "volumes", "status", "conditions", "type", "other"),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "b"]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), below, max_size=4),
    max_leaves=12,
)
pods = st.fixed_dictionaries(
    {},
    optional={
        "containers": st.lists(
            st.fixed_dictionaries({"name": st.sampled_from("ab")}, optional={"ports": values, "env": values}),
            max_size=3,
        )
        | values,
        "volumes": values,
    },
)
jobs = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.dictionaries(st.sampled_from(FIELDS), values, max_size=4) | values,
        "spec": st.fixed_dictionaries({"template": st.fixed_dictionaries({"spec": pods | values})}) | values,
        "status": values,
        "other": values,
    },
)


def other(value: Any) -> Any:
    """``value`` with other texts and numbers."""
    if isinstance(value, dict):
        return {key: other(below) for key, below in value.items()}
    if isinstance(value, list):
        return [*map(other, value)]
    return {"": "c", "a": "b", 1: 2}.get(value, value)


@given(jobs)
def test_who_creates_like_objects_owns_in_each_what_is_in_it(obj: Object) -> None:
    shape = root("batch/v1", "Job")
    for each in (obj, other(obj), obj):
        managed = created(shape, outline_of(shape, each), "maker")
        assert managed == listed(updated(None, each, {}, "maker", 0.0, shape=shape).values())


def test_two_managers_of_like_objects_and_two_times_are_told_apart() -> None:
    made = [update_managers(None, config(a="1"), manager, NOW + 60 * n) for n, manager in enumerate("aba")]
    told = [(each["manager"], each["time"]) for obj in made for each in obj["metadata"]["managedFields"]]
    assert told == [("a", THEN), ("b", "2026-05-28T20:27:40Z"), ("a", "2026-05-28T20:28:40Z")]
