"""Strategic merge patches."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.local.apiserver.patch.errors import BadPatch, PatchError, Untyped
from expander.local.apiserver.patch.strategic import strategic_merge_patch

Object = dict[str, Any]


def pod(**spec: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}


def patched(obj: Object, spec: Object) -> Object:
    result: Object = strategic_merge_patch(obj, {"spec": spec})["spec"]
    return result


def named(*names: str) -> list[Object]:
    return [{"name": name, "image": f"{name}:1"} for name in names]


def names(elements: list[Object]) -> list[str]:
    return [each["name"] for each in elements]


def test_containers_are_merged_by_name() -> None:
    spec = patched(pod(containers=named("a", "b")), {"containers": [{"name": "b", "image": "b:2"}]})
    assert {each["name"]: each["image"] for each in spec["containers"]} == {"a": "a:1", "b": "b:2"}


def test_a_container_that_is_not_there_yet_is_put_before_the_others() -> None:
    spec = patched(pod(containers=named("a", "b")), {"containers": named("c")})
    assert names(spec["containers"]) == ["c", "a", "b"]


def test_the_order_of_the_patch_counts_more_than_that_of_the_object() -> None:
    spec = patched(pod(containers=named("a", "b", "c")), {"containers": [{"name": "c"}, {"name": "a"}]})
    assert names(spec["containers"]) == ["b", "c", "a"]


def test_lists_without_a_merge_key_are_replaced() -> None:
    spec = patched(pod(tolerations=[{"key": "a"}]), {"tolerations": [{"key": "b", "value": None}]})
    assert spec["tolerations"] == [{"key": "b"}]


def test_scalars_of_a_merged_list_are_there_once() -> None:
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"finalizers": ["x/a", "x/b"]}}
    result = strategic_merge_patch(obj, {"metadata": {"finalizers": ["x/b", "x/c"]}})
    assert sorted(result["metadata"]["finalizers"]) == ["x/a", "x/b", "x/c"]


def test_scalars_are_taken_out_of_a_merged_list_by_a_directive() -> None:
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"finalizers": ["x/a", "x/b"]}}
    result = strategic_merge_patch(obj, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["x/a"]}})
    assert result["metadata"]["finalizers"] == ["x/b"]


def test_a_whole_list_is_taken_away_by_null_and_nothing_by_anything_else() -> None:
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"finalizers": ["x/a"]}}
    assert strategic_merge_patch(obj, {"metadata": {"$deleteFromPrimitiveList/finalizers": 1}}) == obj
    result = strategic_merge_patch(obj, {"metadata": {"$deleteFromPrimitiveList/finalizers": None}})
    assert result["metadata"] == {}


def test_null_takes_a_field_away_and_adds_none() -> None:
    spec = patched(
        pod(hostname="h", nodeSelector={"a": "b"}), {"hostname": None, "dnsConfig": {"options": None}}
    )
    assert spec == {"nodeSelector": {"a": "b"}, "dnsConfig": {}}


def test_an_element_is_deleted_by_a_directive() -> None:
    spec = patched(pod(containers=named("a", "b")), {"containers": [{"name": "a", "$patch": "delete"}]})
    assert names(spec["containers"]) == ["b"]


def test_a_list_is_replaced_by_a_directive() -> None:
    spec = patched(pod(containers=named("a", "b")), {"containers": [*named("c"), {"$patch": "replace"}]})
    assert spec["containers"] == named("c")


def test_an_object_is_replaced_or_emptied_by_a_directive() -> None:
    obj = pod(securityContext={"runAsUser": 1, "fsGroup": 2})
    assert patched(obj, {"securityContext": {"$patch": "replace", "fsGroup": 3}}) == {
        "securityContext": {"fsGroup": 3}
    }
    assert patched(obj, {"securityContext": {"$patch": "delete"}}) == {"securityContext": {}}


def test_only_the_fields_to_retain_stay() -> None:
    obj = pod(volumes=[{"name": "v", "emptyDir": {}}])
    volume = {"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}
    assert patched(obj, {"volumes": [volume]})["volumes"] == [{"name": "v", "hostPath": {"path": "/x"}}]


def test_an_order_moves_elements_and_leaves_those_it_does_not_name_among_them() -> None:
    obj = pod(containers=named("a", "b", "c", "d"))
    order = [{"name": "d"}, {"name": "a"}]
    spec = patched(obj, {"$setElementOrder/containers": order})
    assert names(spec["containers"]) == ["b", "c", "d", "a"]


def test_an_order_goes_with_the_elements_it_orders() -> None:
    obj = pod(containers=named("a", "b"))
    patch = {
        "$setElementOrder/containers": [{"name": "c"}, {"name": "b"}, {"name": "a"}],
        "containers": [{"name": "c", "image": "c:1"}, {"name": "b", "image": "b:2"}],
    }
    assert names(patched(obj, patch)["containers"]) == ["c", "b", "a"]


def test_directives_leave_no_trace_in_what_is_added() -> None:
    patch = {"containers": [{"name": "a", "$setElementOrder/env": [{"name": "E"}], "env": [{"name": "E"}]}]}
    assert patched(pod(), patch) == {"containers": [{"name": "a", "env": [{"name": "E"}]}]}


def test_ports_that_share_a_number_are_one_element() -> None:
    ports = [{"containerPort": 80, "protocol": "TCP"}]
    obj = pod(containers=[{"name": "a", "ports": ports}])
    spec = patched(obj, {"containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": "UDP"}]}]})
    assert spec["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "UDP"}]


def test_the_taints_of_a_node_are_replaced_and_its_conditions_merged() -> None:
    node = {"apiVersion": "v1", "kind": "Node", "spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}
    node["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
    patch = {"spec": {"taints": [{"key": "b"}]}, "status": {"conditions": [{"type": "DiskPressure"}]}}
    result = strategic_merge_patch(node, patch)
    assert result["spec"]["taints"] == [{"key": "b"}]
    assert len(result["status"]["conditions"]) == 2


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ({"containers": [{"image": "x"}]}, Untyped, "map: map[image:x] does not contain declared merge key: name"),
        ({"securityContext": {"$patch": "x"}}, Untyped, "unknown patch type: x in map: map[$patch:x]"),
        ({"containers": [{"name": "a", "$patch": "x"}]}, Untyped, "unknown patch type: x in map: "
         "map[$patch:x name:a]"),
        ({"containers": [{"$patch": "merge"}]}, Untyped, "merging lists cannot yet be specified in the patch"),
        ({"$retainKeys": "a"}, BadPatch, "invalid patch format of retainKeys"),
        ({"$retainKeys": ["a"], "hostname": "h"}, BadPatch, "invalid patch format of retainKeys"),
        ({"$setElementOrder/containers": 1}, Untyped, "expected a []interface {}, but received a int64"),
        ({"$setElementOrder/containers": [], "containers": {}}, Untyped, "expected a []interface {}, "
         "but received a map[string]interface {}"),
        ({"$retainKeys": [{}], "hostname": "h"}, BadPatch, "invalid patch format of retainKeys"),
        ({"$setElementOrder/containers": [1]}, Untyped, "map: 1 does not contain declared merge key: name"),
    ],
)  # fmt: skip
def test_a_patch_that_breaks_the_rules_is_refused(
    spec: Object, error: type[PatchError], message: str
) -> None:
    with pytest.raises(error) as caught:
        patched(pod(containers=named("a"), securityContext={}), spec)
    assert caught.value.message == message


def test_elements_of_a_type_that_cannot_be_are_left_to_validation() -> None:
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"finalizers": ["x/a"]}}
    patch = {"$setElementOrder/finalizers": [["x"], 1], "finalizers": [1]}
    assert strategic_merge_patch(obj, {"metadata": patch})["metadata"]["finalizers"] == [1, "x/a"]
    spec = patched(pod(containers=named("a")), {"containers": [{"name": {"x": 1}}]})
    assert len(spec["containers"]) == 2


def test_a_patch_that_is_no_object_is_refused() -> None:
    with pytest.raises(BadPatch):
        strategic_merge_patch(pod(), [])


elements = st.lists(st.sampled_from("abcde"), unique=True, max_size=5).map(
    lambda found: [{"name": each, "image": f"{each}:1"} for each in found]
)


@given(elements, elements)
def test_a_patch_applied_twice_changes_nothing_more(live: list[Object], patch: list[Object]) -> None:
    obj = pod(containers=live)
    before = copy.deepcopy(obj)
    once = strategic_merge_patch(obj, {"spec": {"containers": patch}})
    assert strategic_merge_patch(once, {"spec": {"containers": patch}}) == once
    assert obj == before


@given(elements, elements)
def test_merged_elements_keep_the_order_of_the_patch_and_lose_nothing(
    live: list[Object], patch: list[Object]
) -> None:
    result = names(patched(pod(containers=live), {"containers": patch})["containers"])
    assert sorted(result) == sorted({*names(live), *names(patch)})
    assert [each for each in result if each in names(patch)] == names(patch)
