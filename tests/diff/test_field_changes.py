"""Differences of two objects are told by field: parts of lists by their names, defaults not at all."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.diff.field_changes import FieldChange, _changes, field_changes, is_path, value_changes
from expander.validate.defaults.defaults import defaults

Object = dict[str, Any]


def job(**pod: Any) -> Object:
    container = {"name": "main", "image": "busybox:1", "env": [{"name": "A", "value": "1"}]}
    spec = {"restartPolicy": "Never", "containers": [container], **pod}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"template": {"spec": spec}},
    }


def container(**fields: Any) -> Object:
    return {"name": "main", "image": "busybox:1", "env": [{"name": "A", "value": "1"}], **fields}


POD = "spec.template.spec"
MAIN = f"{POD}.containers[main]"


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        ({"restartPolicy": "OnFailure"}, [(f"{POD}.restartPolicy", "Never", "OnFailure")]),
        ({"terminationGracePeriodSeconds": 30}, []),
        ({"terminationGracePeriodSeconds": 5}, [(f"{POD}.terminationGracePeriodSeconds", 30, 5)]),
        ({"containers": [container(image="busybox")]}, [(f"{MAIN}.image", "busybox:1", "busybox")]),
        ({"containers": [container(args=[])]}, []),
        ({"containers": [container(args=["a"])]}, [(f"{MAIN}.args", None, ["a"])]),
        (
            {"containers": [container(env=[{"name": "B"}, {"name": "A", "value": "2"}])]},
            [(f"{MAIN}.env[A].value", "1", "2"), (f"{MAIN}.env[B]", None, {"name": "B"})],
        ),
        (
            {"nodeSelector": {"kubernetes.io/os": "linux"}},
            [(f"{POD}.nodeSelector", None, {"kubernetes.io/os": "linux"})],
        ),
    ],
)
def test_a_change_has_the_path_of_its_field(pod: Object, expected: list[Any]) -> None:
    assert [tuple(each) for each in field_changes(job(), job(**pod))] == expected


def test_items_of_a_list_of_the_same_length_are_told_one_by_one() -> None:
    old, new = (job(containers=[container(command=["sh", "-c", script])]) for script in ("a", "b"))
    assert field_changes(old, new) == [FieldChange(f"{MAIN}.command[2]", "a", "b")]


def test_a_change_of_order_is_told() -> None:
    steps = [{"name": name, "image": "a:1"} for name in ("one", "two")]
    old, new = job(initContainers=steps), job(initContainers=steps[::-1])
    assert field_changes(old, new) == [
        FieldChange(f"{POD}.initContainers (order)", ["one", "two"], ["two", "one"])
    ]


def test_keys_with_dots_stand_in_brackets() -> None:
    old, new = job(), job()
    new["metadata"]["labels"] = {"app.kubernetes.io/name": "x", "plain": "y"}
    old["metadata"]["labels"] = {"app.kubernetes.io/name": "w", "plain": "z"}
    assert [each.path for each in field_changes(old, new)] == [
        "metadata.labels[app.kubernetes.io/name]",
        "metadata.labels.plain",
    ]


def test_values_of_secrets_are_not_told() -> None:
    old = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"a": "c2VjcmV0", "b": "eA=="},
    }
    new = {**old, "data": {"a": "b3RoZXI=", "c": "eQ=="}}
    found = field_changes(old, new)
    assert [each.path for each in found] == ["data.a", "data.b", "data.c"]
    assert not {"c2VjcmV0", "b3RoZXI=", "eA==", "eQ=="} & {value for each in found for value in each[1:]}
    assert all(each.old != each.new for each in found)


def test_what_a_server_writes_is_no_difference() -> None:
    stored = defaults(copy.deepcopy(job()))
    stored["metadata"] |= {"uid": "1", "resourceVersion": "7", "namespace": "default", "managedFields": [{}]}
    stored["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    stored["status"] = {"succeeded": 1}
    assert field_changes(stored, job()) == []
    assert field_changes(job(), stored) == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text("ab.", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_no_object_differs_from_itself(value: Any) -> None:
    thing = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": value}
    assert field_changes(thing, copy.deepcopy(thing)) == []


@given(st.dictionaries(st.text("ab.", max_size=2), st.integers() | st.text(min_size=1)), st.data())
def test_each_changed_key_is_told_with_both_values(values: dict[str, Any], data: st.DataObject) -> None:
    other = data.draw(st.fixed_dictionaries({key: st.integers() | st.text(min_size=1) for key in values}))
    old = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": values}
    found = field_changes(old, {**old, "spec": other})
    assert [(each.old, each.new) for each in found] == [
        (values[key], other[key])
        for key in values
        if values[key] != other[key] or type(values[key]) is not type(other[key])
    ]


@pytest.mark.parametrize(
    ("old", "new", "differ"),
    [(True, 1, True), (0, False, True), (1, 1.0, False), (1, "1", True), (None, {}, False), ("", None, True)],
)
@pytest.mark.parametrize(
    "wrap", [lambda each: each, lambda each: [each], lambda each: [{"name": "x", "v": each}]]
)
def test_true_is_not_one_and_one_is_one_however_it_is_written(
    old: object, new: object, differ: bool, wrap: Callable[[object], object]
) -> None:
    def custom(value: object) -> Object:
        return {
            "apiVersion": "e.com/v1",
            "kind": "Foo",
            "metadata": {"name": "x"},
            "spec": {"v": wrap(value)},
        }

    assert bool(field_changes(custom(old), custom(new))) == differ


FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "restartPolicy": st.sampled_from(["Never", "OnFailure"]),
    "dnsPolicy": st.sampled_from(["ClusterFirst", "Default"]),
    "terminationGracePeriodSeconds": st.sampled_from([30, 5]),
    "securityContext": st.sampled_from([{}, {"runAsUser": 1}]),
    "containers": st.lists(
        st.builds(
            lambda name, fields: {"name": name, "image": "busybox:1", **fields},
            st.sampled_from(["a", "b", "c"]),
            st.dictionaries(
                st.sampled_from(["imagePullPolicy", "stdin", "terminationMessagePath"]),
                st.sampled_from([None, False, "IfNotPresent", "/dev/termination-log", 1, True]),
            ),
        ),
        min_size=1,
        unique_by=lambda each: each["name"],
    ),
    "volumes": st.lists(
        st.sampled_from([{"name": "v", "emptyDir": {}}, {"name": "w", "hostPath": {"path": "/"}}])
    ),
}


@given(*[st.fixed_dictionaries({}, optional=FIELDS)] * 2)
def test_of_what_differs_with_defaults_only_what_is_written_is_told(old: Any, new: Any) -> None:
    before, after = job(**old), job(**new)
    written = [each.path for each in _changes(before, after, "")]

    def is_written(path: str) -> bool:
        return any(path == other or is_part(path, other) or is_part(other, path) for other in written)

    def is_part(path: str, whole: str) -> bool:
        return path.startswith(whole) and path[len(whole) :][:1] in (".", "[", " ")

    everything = [*_changes(defaults(before), defaults(after), "")]
    assert field_changes(before, after) == [each for each in everything if is_written(each.path)]


def test_each_change_is_looked_for_among_the_written_ones_once() -> None:
    def data(value: str) -> Object:
        fields = {f"k{number}": value for number in range(20_000)}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": fields}

    assert len(field_changes(data("a"), data("b"))) == 20_000  # by pairs it would take minutes


PARTS = st.fixed_dictionaries({}, optional={"name": st.sampled_from("pqr"), "port": st.integers(80, 82)})
THINGS = st.recursive(
    st.integers(0, 3) | st.text("ab", min_size=1) | st.lists(PARTS, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab.", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(THINGS, THINGS)
def test_the_path_of_a_change_finds_the_value_again(before: Any, after: Any) -> None:
    old, new = (
        {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": spec}
        for spec in (before, after)
    )
    for change in field_changes(old, new):
        if "(order)" not in change.path:
            assert is_path(change.path)
            assert value_changes(new, change.path, change.new) == []
            assert value_changes(new, change.path, change.old) != []


@pytest.mark.parametrize(
    ("path", "expected", "changes"),
    [
        (f"{MAIN}.image", "busybox:1", []),
        (f"{MAIN}.image", "busybox", [(f"{MAIN}.image", "busybox", "busybox:1")]),
        (f"{POD}.containers[0].env[A].value", "1", []),
        (f"{POD}.containers[other].image", "x", [(f"{POD}.containers[other].image", "x", None)]),
        (f"{POD}.containers[7]", None, []),
        (f"{MAIN}.env", [{"name": "A", "value": "2"}], [(f"{MAIN}.env[A].value", "2", "1")]),
        ("spec.backoffLimit", 6, []),
        ("spec.backoffLimit", None, []),
        ("spec.backoffLimit", 2, [("spec.backoffLimit", 2, 6)]),
        ("metadata.name.x", None, []),
    ],
)
def test_a_value_is_compared_with_what_is_written_or_is_the_default(
    path: str, expected: Any, changes: list[Any]
) -> None:
    assert [tuple(each) for each in value_changes(job(), path, expected)] == changes


@pytest.mark.parametrize("text", ["", "a..b", "a.", ".a", "a[", "a[]", "[a]", "a[b]c", "a b (order).c.[d]"])
def test_what_is_no_path_is_told_from_one(text: str) -> None:
    assert not is_path(text)
