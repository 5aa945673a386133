"""RuntimeClasses: served, and what pods get of theirs."""

from typing import Any

import pytest

from tests.local.apiserver.serving import Server

CLASSES = "/apis/node.k8s.io/v1/runtimeclasses"
PODS = "/api/v1/namespaces/default/pods"
MERGE = {"Content-Type": "application/merge-patch+json"}


def runtime_class(name: str, **fields: Any) -> dict[str, Any]:
    metadata = {"name": name}
    return {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": metadata, **fields}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "busybox", "command": ["true"]}
    spec = {"restartPolicy": "Never", "containers": [container], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


@pytest.fixture(scope="module", autouse=True)
def heavy(server: Server) -> None:
    made = runtime_class(
        "heavy",
        handler="kata",
        overhead={"podFixed": {"cpu": "250m"}},
        scheduling={"nodeSelector": {"fast": "yes"}, "tolerations": [{"key": "a", "operator": "Exists"}]},
    )
    assert server.request("POST", CLASSES, made).code == 201


def test_a_pod_gets_what_its_class_says(server: Server) -> None:
    made = server.request("POST", PODS, pod("heavy", runtimeClassName="heavy", nodeSelector={"b": "c"}))
    spec = made.json["spec"]
    assert spec["overhead"] == {"cpu": "250m"}
    assert spec["nodeSelector"] == {"b": "c", "fast": "yes"}
    assert {"key": "a", "operator": "Exists"} in spec["tolerations"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"runtimeClassName": "none"}, 'pod rejected: RuntimeClass "none" not found'),
        (
            {"runtimeClassName": "heavy", "overhead": {"cpu": "1"}},
            "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
        ),
        (
            {"overhead": {"cpu": "1"}},
            "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
        ),
        (
            {"runtimeClassName": "heavy", "nodeSelector": {"fast": "no"}},
            "conflict: runtimeClass.scheduling.nodeSelector[fast] = yes; pod.spec.nodeSelector[fast] = no",
        ),
    ],
)
def test_a_pod_that_contradicts_its_class_is_refused(
    server: Server, spec: dict[str, Any], words: str
) -> None:
    answer = server.request("POST", PODS, pod("refused", **spec))
    assert (answer.code, answer.json["message"]) == (403, f'pods "refused" is forbidden: {words}')


def test_the_handler_of_a_class_stays(server: Server) -> None:
    server.request("POST", CLASSES, runtime_class("fixed", handler="runc"))
    answer = server.request("PATCH", f"{CLASSES}/fixed", {"handler": "other"}, headers=MERGE)
    assert answer.code == 422
    assert 'handler: Invalid value: "other": field is immutable' in answer.json["message"]
    assert server.request("DELETE", f"{CLASSES}/fixed").json["status"] == "Success"
