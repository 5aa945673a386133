"""Server-side apply."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.local.apiserver.patch.apply import LAST_APPLIED, apply_patch
from expander.local.apiserver.patch.errors import BadPatch, Conflict, Untyped
from expander.local.apiserver.patch.managed_fields import settled, update_managers

Object = dict[str, Any]
NOW = 1_780_000_000.0


def config(**data: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "n"},
        "data": data,
    }


def job(**spec: Any) -> Object:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j", "namespace": "n"},
        "spec": spec,
    }


def containers(*names: str, **fields: Any) -> Object:
    return {"template": {"spec": {"containers": [{"name": name, **fields} for name in names]}}}


def applied(live: Object | None, obj: Object, manager: str = "one", force: bool = False) -> Object:
    return apply_patch(live, obj, manager, force, NOW)


def owners(obj: Object) -> dict[str, Any]:
    return {each["manager"]: each["fieldsV1"] for each in obj["metadata"].get("managedFields") or ()}


def test_applying_creates_and_owns_what_was_applied() -> None:
    obj = applied(None, config(a="1"))
    assert obj["data"] == {"a": "1"}
    assert owners(obj) == {"one": {"f:data": {"f:a": {}}}}
    assert obj["metadata"]["managedFields"][0]["operation"] == "Apply"


def test_the_same_value_is_owned_by_all_who_apply_it() -> None:
    obj = applied(applied(None, config(a="1")), config(a="1"), "two")
    assert owners(obj) == {"one": {"f:data": {"f:a": {}}}, "two": {"f:data": {"f:a": {}}}}


def test_what_is_left_out_is_taken_away() -> None:
    obj = applied(applied(None, config(a="1", b="2")), config(a="1"))
    assert obj["data"] == {"a": "1"}


def test_what_is_left_out_stays_while_another_owns_it() -> None:
    obj = applied(applied(None, config(a="1", b="2")), config(b="2"), "two")
    obj = applied(obj, config(a="1"))
    assert obj["data"] == {"a": "1", "b": "2"}
    assert owners(obj) == {"one": {"f:data": {"f:a": {}}}, "two": {"f:data": {"f:b": {}}}}


def test_what_was_never_applied_stays() -> None:
    obj = applied(None, config(a="1"))
    obj = update_managers(obj, {**obj, "data": {"a": "1", "b": "2"}}, "changer", NOW)
    assert applied(obj, config(a="2"))["data"] == {"a": "2", "b": "2"}


def test_a_container_that_is_left_out_is_taken_away_with_its_defaults() -> None:
    obj = applied(None, job(**containers("a", "b", image="i:1")))
    obj["spec"]["template"]["spec"]["containers"][1]["imagePullPolicy"] = "Always"
    obj = applied(obj, job(**containers("a", image="i:1")))
    assert obj["spec"]["template"]["spec"]["containers"] == [{"name": "a", "image": "i:1"}]


def test_the_order_that_is_applied_counts_and_other_elements_stay_as_near_as_can_be() -> None:
    obj = applied(None, job(**containers("a", "b", image="i:1")))
    obj = applied(obj, job(**containers("c", image="i:1")), "two")
    order = [each["name"] for each in obj["spec"]["template"]["spec"]["containers"]]
    assert order == ["a", "b", "c"]
    obj = applied(obj, job(**containers("b", "a", image="i:1")))
    assert [each["name"] for each in obj["spec"]["template"]["spec"]["containers"]] == ["b", "c", "a"]


def test_a_port_without_a_protocol_is_the_one_with_the_usual_protocol() -> None:
    obj = applied(None, job(**containers("a", ports=[{"containerPort": 80, "protocol": "TCP"}])))
    obj = applied(obj, job(**containers("a", ports=[{"containerPort": 80, "name": "http"}])), "two")
    ports = obj["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert ports == [{"containerPort": 80, "protocol": "TCP", "name": "http"}]


def test_an_atomic_list_is_owned_and_replaced_as_one() -> None:
    obj = applied(None, job(**containers("a", command=["x", "y"])))
    fields = owners(obj)["one"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    assert fields == {'k:{"name":"a"}': {".": {}, "f:command": {}, "f:name": {}}}
    obj = applied(obj, job(**containers("a", command=["z"])))
    assert obj["spec"]["template"]["spec"]["containers"][0]["command"] == ["z"]


def test_changing_a_field_of_another_is_a_conflict_that_names_both() -> None:
    obj = update_managers(None, job(suspend=False, **containers("a", image="i:1")), "maker", NOW)
    with pytest.raises(Conflict) as caught:
        applied(obj, job(**containers("a", image="i:2")))
    path = '.spec.template.spec.containers[name="a"].image'
    message = f'Apply failed with 1 conflict: conflict with "maker" using batch/v1: {path}'
    assert (caught.value.code, caught.value.reason, caught.value.message) == (409, "Conflict", message)
    assert caught.value.details == {
        "causes": [
            {
                "reason": "FieldManagerConflict",
                "message": 'conflict with "maker" using batch/v1',
                "field": path,
            }
        ]
    }


def test_several_conflicts_are_told_by_manager() -> None:
    obj = update_managers(None, config(a="1", b="2"), "maker", NOW)
    obj = applied(obj, config(c="3"), "two")
    with pytest.raises(Conflict) as caught:
        applied(obj, config(a="x", b="x", c="x"))
    assert caught.value.message == (
        'Apply failed with 3 conflicts: conflicts with "maker" using v1:\n- .data.a\n- .data.b\n'
        'conflicts with "two":\n- .data.c'
    )


def test_force_takes_fields_over() -> None:
    obj = update_managers(None, config(a="1", b="2"), "maker", NOW)
    obj = applied(obj, config(a="x"), force=True)
    assert obj["data"] == {"a": "x", "b": "2"}
    assert owners(obj) == {"one": {"f:data": {"f:a": {}}}, "maker": {"f:data": {".": {}, "f:b": {}}}}


def test_an_object_without_known_owners_belongs_to_before_first_apply() -> None:
    with pytest.raises(Conflict, match=r'conflict with "before-first-apply" using v1: \.data\.a'):
        applied(config(a="1"), config(a="2"))


def test_kubectl_may_change_what_its_client_side_apply_set() -> None:
    before = json.dumps(config(a="1"))
    made = {
        **config(a="1"),
        "metadata": {"name": "c", "namespace": "n", "annotations": {LAST_APPLIED: before}},
    }
    obj = update_managers(None, made, "kubectl-client-side-apply", NOW)
    with pytest.raises(Conflict):
        applied(obj, config(a="<2>"), "someone")
    obj = applied(obj, config(a="<2>"), "kubectl")
    assert obj["data"] == {"a": "<2>"}
    assert obj["metadata"]["annotations"][LAST_APPLIED] == (
        '{"apiVersion":"v1","data":{"a":"\\u003c2\\u003e"},"kind":"ConfigMap",'
        '"metadata":{"name":"c","namespace":"n"}}\n'
    )


def test_kubectl_may_not_change_what_another_changed_since() -> None:
    before = json.dumps(config(a="1"))
    made = {
        **config(a="1"),
        "metadata": {"name": "c", "namespace": "n", "annotations": {LAST_APPLIED: before}},
    }
    obj = update_managers(None, made, "kubectl-client-side-apply", NOW)
    obj = update_managers(obj, {**obj, "data": {"a": "2"}}, "other", NOW)
    with pytest.raises(Conflict, match=r'conflict with "other" using v1: \.data\.a'):
        applied(obj, config(a="3"), "kubectl")


def test_an_object_of_another_kind_is_refused() -> None:
    with pytest.raises(BadPatch) as caught:
        apply_patch(config(), job(), "one", False, NOW)
    assert caught.value.message == "invalid object type: batch/v1, Kind=Job"


def test_an_applied_object_cannot_name_owners() -> None:
    obj = config()
    obj["metadata"]["managedFields"] = []
    with pytest.raises(BadPatch) as caught:
        applied(None, obj)
    assert caught.value.message == "metadata.managedFields must be nil"


@pytest.mark.parametrize(
    ("obj", "problem"),
    [
        (job(paralelism=1), "n/j; batch/v1, Kind=Job): .spec.paralelism: field not declared in schema"),
        (config(a=1), "n/c; /v1, Kind=ConfigMap): .data.a: expected string, got "
         "&value.valueUnstructured{Value:1}"),
        (job(parallelism="2"), "n/j; batch/v1, Kind=Job): .spec.parallelism: "
         "expected numeric (int or float), got string"),
        (job(suspend="no"), "n/j; batch/v1, Kind=Job): .spec.suspend: expected boolean, got &{no}"),
        (job(template=[]), "n/j; batch/v1, Kind=Job): .spec.template: expected map, got &{[]}"),
        (job(**containers("a", "a")), "n/j; batch/v1, Kind=Job): .spec.template.spec.containers: "
         'duplicate entries for key [name="a"]'),
        (job(**containers("a", args={"x": 1})), "n/j; batch/v1, Kind=Job): "
         '.spec.template.spec.containers[name="a"].args: expected list, got &{map[x:1]}'),
        (job(a=1, b=2), "n/j; batch/v1, Kind=Job): errors:\n  .spec.a: field not declared in schema\n"
         "  .spec.b: field not declared in schema"),
    ],
)  # fmt: skip
def test_an_object_that_does_not_fit_its_schema_is_refused(obj: Object, problem: str) -> None:
    with pytest.raises(Untyped) as caught:
        applied(None, obj)
    assert caught.value.message == f"failed to create typed patch object ({problem}"
    assert (caught.value.code, caught.value.reason) == (500, "")


def test_a_kind_without_a_schema_is_merged_by_what_its_values_look_like() -> None:
    obj: Object = {"apiVersion": "x.io/v1", "kind": "Thing", "metadata": {"name": "t"}}
    live = applied(None, {**obj, "spec": {"a": {"b": 1}, "list": [1]}})
    result = applied(live, {**obj, "spec": {"a": {"c": 2}, "list": [2]}}, "two", force=True)
    assert result["spec"] == {"a": {"b": 1, "c": 2}, "list": [2]}


settings = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("123"), min_size=1, max_size=4)
steps = st.lists(st.tuples(st.sampled_from(["one", "two", "three"]), settings), min_size=1, max_size=6)


@given(steps)
def test_what_is_applied_is_there_and_applying_it_again_changes_nothing(
    steps: list[tuple[str, dict[str, str]]],
) -> None:
    live: Object | None = None
    for manager, data in steps:
        live = applied(live, config(**data), manager, force=True)
        assert live.get("data", {}).items() >= data.items()
        assert settled(live, apply_patch(live, config(**data), manager, False, NOW + 60)) == live


@given(steps)
def test_every_field_has_an_owner_and_every_owned_field_is_there(
    steps: list[tuple[str, dict[str, str]]],
) -> None:
    live: Object | None = None
    for manager, data in steps:
        live = applied(live, config(**data), manager, force=True)
    assert live is not None
    owned = {step[2:] for each in owners(live).values() for step in each.get("f:data", {}) if step != "."}
    assert owned == set(live.get("data") or {})
