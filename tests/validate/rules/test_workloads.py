"""What the API server refuses in StatefulSets, Deployments, ReplicaSets, and in what they are stored on."""

import copy
from typing import Any

import pytest

from expander.local.registry import RELEASE
from expander.validate.check import check
from expander.validate.defaults.defaults import defaults
from expander.validate.updates import check_update

POD = {"containers": [{"name": "c", "image": "busybox"}]}


def workload(kind: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "a"},
        "spec": {
            "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}}, "spec": POD},
            **spec,
        },
    }


def volume(**spec: Any) -> dict[str, Any]:
    whole = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/a"}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "a"},
        "spec": {key: value for key, value in {**whole, **spec}.items() if value is not None},
    }


NEVER = {"metadata": {"labels": {"app": "a"}}, "spec": {**POD, "restartPolicy": "Never"}}
OTHER = {"metadata": {"labels": {"app": "b"}}, "spec": POD}


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "StatefulSet"])
def test_a_workload_with_its_selector_and_pods_is_taken(kind: str) -> None:
    assert check(workload(kind)) == []


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "StatefulSet"])
@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        ({"replicas": -1}, "spec.replicas", "must be greater than or equal to 0"),
        ({"selector": None}, "spec.selector", "Required value"),
        ({"selector": {}}, "spec.selector", "empty selector is invalid for"),
        ({"template": OTHER}, "spec.template.metadata.labels", "`selector` does not match template `labels`"),
        ({"template": NEVER}, "spec.template.spec.restartPolicy", 'supported values: "Always"'),
        ({"minReadySeconds": -1}, "spec.minReadySeconds", "must be greater than or equal to 0"),
    ],
)
def test_what_all_workloads_have_in_common_is_checked(
    kind: str, spec: dict[str, Any], path: str, message: str
) -> None:
    found = check(workload(kind, **spec)) or []
    assert [each.path for each in found if message in each.message] == [path], found


@pytest.mark.parametrize(
    ("kind", "spec", "path", "message"),
    [
        ("Deployment", {"strategy": {"type": "Blue"}}, "spec.strategy", 'supported values: "Recreate"'),
        (
            "Deployment",
            {"strategy": {"type": "Recreate", "rollingUpdate": {}}},
            "spec.strategy.rollingUpdate",
            "may not be specified when strategy `type` is 'Recreate'",
        ),
        (
            "Deployment",
            {"strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": "0%"}}},
            "spec.strategy.rollingUpdate.maxUnavailable",
            "may not be 0 when `maxSurge` is 0",
        ),
        (
            "Deployment",
            {"progressDeadlineSeconds": 5, "minReadySeconds": 5},
            "spec.progressDeadlineSeconds",
            "must be",
        ),
        (
            "StatefulSet",
            {"podManagementPolicy": "All"},
            "spec.podManagementPolicy",
            "must be 'OrderedReady' or",
        ),
        (
            "StatefulSet",
            {"updateStrategy": {"type": "Recreate"}},
            "spec.updateStrategy",
            "must be 'RollingUpdate'",
        ),
        ("StatefulSet", {"ordinals": {"start": -1}}, "spec.ordinals.start", "greater than or equal to 0"),
    ],
)
def test_what_one_workload_has_for_itself_is_checked(
    kind: str, spec: dict[str, Any], path: str, message: str
) -> None:
    found = check(workload(kind, **spec)) or []
    assert [each.path for each in found if message in each.message] == [path], found


def test_a_claim_template_is_a_volume_that_containers_may_mount() -> None:
    mounted = {
        "containers": [{"name": "c", "image": "i", "volumeMounts": [{"name": "d", "mountPath": "/d"}]}]
    }
    made = workload("StatefulSet", template={"metadata": {"labels": {"app": "a"}}, "spec": mounted})
    assert [each.path for each in check(made) or ()] == [
        "spec.template.spec.containers[0].volumeMounts[0].name"
    ]
    made["spec"]["volumeClaimTemplates"] = [
        {"metadata": {"name": "d"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    ]
    assert check(made) == []


@pytest.mark.parametrize(
    ("kind", "path"),
    [("Deployment", "spec.selector"), ("ReplicaSet", "spec.selector"), ("StatefulSet", "spec")],
)
def test_the_selector_of_a_workload_stays(kind: str, path: str) -> None:
    old = defaults(workload(kind), release=RELEASE)
    new = copy.deepcopy(old)
    new["spec"]["replicas"] = 5
    assert check_update(new, old, RELEASE) == []
    new["spec"]["selector"]["matchLabels"]["more"] = "x"
    new["spec"]["template"]["metadata"]["labels"]["more"] = "x"
    assert [each.path for each in check_update(new, old, RELEASE)] == [path]


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"accessModes": None}, "spec.accessModes"),
        ({"accessModes": ["Often"]}, "spec.accessModes"),
        ({"capacity": None}, "spec.capacity"),
        ({"capacity": {"storage": "0"}}, "spec.capacity[storage]"),
        ({"hostPath": None}, "spec"),
        ({"nfs": {"server": "a", "path": "/b"}}, "spec.nfs"),
        ({"local": {"path": "/a"}, "hostPath": None}, "spec.nodeAffinity"),
        ({"persistentVolumeReclaimPolicy": "Keep"}, "spec.persistentVolumeReclaimPolicy"),
    ],
)
def test_a_persistent_volume_has_modes_a_size_and_one_source(spec: dict[str, Any], path: str) -> None:
    assert check(volume()) == []
    assert path in [each.path for each in check(volume(**spec)) or ()]


def test_a_storage_class_has_a_provisioner_and_known_policies() -> None:
    made = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "a"}}
    assert check({**made, "provisioner": "x"}) == []
    odd = {**made, "provisioner": "", "reclaimPolicy": "Keep", "volumeBindingMode": "Late"}
    assert [each.path for each in check(odd) or ()] == ["provisioner", "reclaimPolicy", "volumeBindingMode"]
