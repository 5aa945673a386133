from __future__ import annotations

import copy
from typing import Any

import pytest

from expander.local.registry import prepare_job_for_create
from expander.validate.defaults.core import pull_policy
from expander.validate.defaults.defaults import defaults


def job(spec: dict[str, Any] | None = None, **pod: Any) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}], **pod}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"template": {"spec": pod}, **(spec or {})},
    }


def pod_of(obj: dict[str, Any]) -> Any:
    return defaults(obj)["spec"]["template"]["spec"]


def test_the_object_given_is_not_changed() -> None:
    given = job(
        {"podFailurePolicy": {"rules": [{"onPodConditions": [{"type": "X"}]}]}}, volumes=[{"name": "v"}]
    )
    before = copy.deepcopy(given)
    defaults(given)
    assert given == before


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, (1, 1)),
        ({"completions": 5}, (5, 1)),
        ({"parallelism": 3}, (None, 3)),
        ({"completions": None, "parallelism": None}, (1, 1)),
        ({"completions": 4.0}, (4, 1)),
        ({"completions": 0, "parallelism": 0}, (0, 0)),
    ],
)
def test_completions_and_parallelism_depend_on_each_other(spec: dict[str, Any], expected: Any) -> None:
    filled = defaults(job(spec))["spec"]
    assert (filled.get("completions"), filled["parallelism"]) == expected


def test_with_a_limit_per_index_the_limit_for_the_job_is_the_largest_integer() -> None:
    assert defaults(job())["spec"]["backoffLimit"] == 6
    per_index = defaults(job({"backoffLimitPerIndex": 0, "completionMode": "Indexed"}))["spec"]
    assert per_index["backoffLimit"] == 2147483647


def test_with_a_failure_policy_pods_are_replaced_when_they_have_failed() -> None:
    assert defaults(job())["spec"]["podReplacementPolicy"] == "TerminatingOrFailed"
    policy = {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]}
    filled = defaults(job({"podFailurePolicy": policy}))["spec"]
    assert filled["podReplacementPolicy"] == "Failed"
    assert filled["podFailurePolicy"]["rules"][0]["onPodConditions"][0]["status"] == "True"


def test_the_labels_of_the_pod_become_those_of_a_job_without_labels() -> None:
    unlabelled = job()
    unlabelled["spec"]["template"]["metadata"] = {"labels": {"a": "b"}}
    assert defaults(unlabelled)["metadata"]["labels"] == {"a": "b"}
    labelled = {**unlabelled, "metadata": {"name": "j", "labels": {"c": "d"}}}
    assert defaults(labelled)["metadata"]["labels"] == {"c": "d"}


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ({}, {"emptyDir": {}}),
        ({"emptyDir": None}, {"emptyDir": {}}),
        ({"emptyDir": {"sizeLimit": "1024Mi"}}, {"emptyDir": {"sizeLimit": "1Gi"}}),
        ({"secret": {"secretName": "s"}}, {"secret": {"secretName": "s", "defaultMode": 420}}),
        ({"configMap": {"name": "c", "defaultMode": 256}}, {"configMap": {"name": "c", "defaultMode": 256}}),
        ({"hostPath": {"path": "/x"}}, {"hostPath": {"path": "/x", "type": ""}}),
        (
            {"downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            {
                "downwardAPI": {
                    "items": [{"path": "p", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}],
                    "defaultMode": 420,
                }
            },
        ),
        (
            {"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            {
                "projected": {
                    "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}],
                    "defaultMode": 420,
                }
            },
        ),
        (
            {"ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}}},
            {
                "ephemeral": {
                    "volumeClaimTemplate": {
                        "metadata": {},
                        "spec": {
                            "accessModes": ["ReadWriteOnce"],
                            "resources": {},
                            "volumeMode": "Filesystem",
                        },
                    }
                }
            },
        ),
        ({"image": {"reference": "r:v1"}}, {"image": {"reference": "r:v1", "pullPolicy": "IfNotPresent"}}),
    ],
)
def test_volumes_are_filled_in(volume: dict[str, Any], expected: dict[str, Any]) -> None:
    assert pod_of(job(volumes=[{"name": "v", **volume}]))["volumes"] == [{"name": "v", **expected}]


def test_containers_of_all_kinds_are_filled_in() -> None:
    given = {
        "name": "c",
        "image": "busybox:1",
        "ports": [{"containerPort": 80}],
        "env": [
            {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "B", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        ],
        "resources": {"limits": {"cpu": 0.1, "memory": "1.5Gi"}},
        "livenessProbe": {"httpGet": {"port": "http"}, "periodSeconds": 0},
        "startupProbe": {"grpc": {"port": 1}},
        "lifecycle": {"preStop": {"httpGet": {"port": 8080, "path": "/bye"}}},
    }
    expected = {
        "name": "c",
        "image": "busybox:1",
        "imagePullPolicy": "IfNotPresent",
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "ports": [{"containerPort": 80, "protocol": "TCP"}],
        "env": [
            {"name": "A", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
            {"name": "B", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "0"}}},
        ],
        "resources": {"limits": {"cpu": "100m", "memory": "1536Mi"}},
        "livenessProbe": {
            "httpGet": {"port": "http", "path": "/", "scheme": "HTTP"},
            "timeoutSeconds": 1,
            "periodSeconds": 10,
            "successThreshold": 1,
            "failureThreshold": 3,
        },
        "startupProbe": {
            "grpc": {"port": 1, "service": ""},
            "timeoutSeconds": 1,
            "periodSeconds": 10,
            "successThreshold": 1,
            "failureThreshold": 3,
        },
        "lifecycle": {"preStop": {"httpGet": {"port": 8080, "path": "/bye", "scheme": "HTTP"}}},
    }
    filled = pod_of(job(containers=[given], initContainers=[given]))
    assert filled["containers"] == [expected]
    assert filled["initContainers"] == [expected]


def test_null_is_the_zero_value_in_lists_and_maps_and_absence_elsewhere() -> None:
    given = job(
        nodeSelector={"a": None},
        containers=[{"name": "c", "args": ["x", None], "env": [None], "command": None}],
    )
    filled = pod_of(given)
    assert filled["nodeSelector"] == {"a": ""}
    assert filled["containers"][0]["args"] == ["x", ""]
    assert filled["containers"][0]["env"] == [{}]
    assert "command" not in filled["containers"][0]


def test_the_pod_of_a_template_gets_no_requests_from_its_limits_but_a_pod_does() -> None:
    container = {
        "name": "c",
        "image": "i",
        "resources": {"limits": {"cpu": 1, "memory": "1Gi"}, "requests": {"cpu": "500m"}},
    }
    assert pod_of(job(containers=[container]))["containers"][0]["resources"]["requests"] == {"cpu": "500m"}
    pod = defaults(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container]}}
    )
    assert pod["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "500m", "memory": "1Gi"}
    assert pod["spec"]["enableServiceLinks"] is True
    assert pod["spec"]["restartPolicy"] == "Always"


def test_ports_of_a_pod_on_the_host_network_are_host_ports() -> None:
    container = {"name": "c", "ports": [{"containerPort": 80}]}
    pod = {"kind": "Pod", "spec": {"hostNetwork": True, "containers": [container]}}
    assert defaults(pod)["spec"]["containers"][0]["ports"] == [
        {"containerPort": 80, "protocol": "TCP", "hostPort": 80}
    ]


def test_of_a_cron_jobs_job_template_only_the_pod_is_filled_in() -> None:
    spec = {"schedule": "@daily", "jobTemplate": {"spec": job()["spec"]}}
    filled = defaults({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"}, "spec": spec})[
        "spec"
    ]
    assert (filled["concurrencyPolicy"], filled["suspend"]) == ("Allow", False)
    assert (filled["successfulJobsHistoryLimit"], filled["failedJobsHistoryLimit"]) == (3, 1)
    assert "backoffLimit" not in filled["jobTemplate"]["spec"]
    assert filled["jobTemplate"]["spec"]["template"]["spec"]["dnsPolicy"] == "ClusterFirst"


def test_a_bare_object_has_the_structs_rules_rely_on() -> None:
    bare = defaults({"apiVersion": "batch/v1", "kind": "Job"})
    assert bare["metadata"] == {}
    assert bare["spec"]["template"]["metadata"] == {}
    assert bare["spec"]["template"]["spec"]["restartPolicy"] == "Always"


def test_what_jobs_come_with_is_filled_in() -> None:
    service = defaults({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}]}})["spec"]
    assert service["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert (service["type"], service["sessionAffinity"]) == ("ClusterIP", "None")
    assert defaults({"kind": "Secret"})["type"] == "Opaque"
    assert defaults({"kind": "Namespace", "metadata": {"name": "n"}})["metadata"]["labels"] == {
        "kubernetes.io/metadata.name": "n"
    }
    assert defaults({"kind": "PersistentVolumeClaim", "spec": {}})["spec"]["volumeMode"] == "Filesystem"
    limits = {"limits": [{"type": "Container", "max": {"cpu": "2"}, "min": {"cpu": "100m", "memory": "1Mi"}}]}
    item = defaults({"kind": "LimitRange", "spec": limits})["spec"]["limits"][0]
    assert item["default"] == {"cpu": "2"}
    assert item["defaultRequest"] == {"cpu": "2", "memory": "1Mi"}


def test_a_kind_without_defaults_comes_back_as_it_is() -> None:
    queue = {"apiVersion": "kueue.x-k8s.io/v1beta1", "kind": "LocalQueue", "spec": {"clusterQueue": None}}
    assert defaults(queue) == queue
    foreign = {"apiVersion": "batch.example.org/v1alpha1", "kind": "Job", "spec": {"x": None}}
    assert defaults(foreign) == foreign


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("busybox", "Always"),
        ("busybox:latest", "Always"),
        ("localhost:5000/busybox", "Always"),
        ("registry.example.com/Team/x", "IfNotPresent"),
        ("busybox:1.28", "IfNotPresent"),
        ("gcr.io/a/b:v1", "IfNotPresent"),
        ("busybox@sha256:" + "0" * 64, "IfNotPresent"),
        ("busybox:latest@sha256:" + "0" * 64, "Always"),
        ("", "IfNotPresent"),
        ("Busybox", "IfNotPresent"),
        ("a b", "IfNotPresent"),
        ("0" * 64, "IfNotPresent"),
        ("a" * 300_000, "IfNotPresent"),
    ],
)
def test_an_image_is_always_pulled_when_its_tag_is_latest(image: str, policy: str) -> None:
    assert pull_policy(image) == policy


def test_a_created_job_is_labelled_and_selected_by_its_uid() -> None:
    created = prepare_job_for_create(job(), "u-1", namespace="n")
    labels = created["spec"]["template"]["metadata"]["labels"]
    assert labels["batch.kubernetes.io/controller-uid"] == labels["controller-uid"] == "u-1"
    assert labels["batch.kubernetes.io/job-name"] == labels["job-name"] == "j"
    assert created["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": "u-1"}}
    assert created["metadata"]["namespace"] == "n"
    assert created["status"] == {}


def test_a_job_with_its_own_selector_keeps_it() -> None:
    given = job({"manualSelector": True, "selector": {"matchLabels": {"a": "b"}}})
    created = prepare_job_for_create(given, "u-1")
    assert created["spec"]["selector"] == {"matchLabels": {"a": "b"}}
    assert "labels" not in created["spec"]["template"]["metadata"]
