"""What a pod may ask about itself."""

from typing import Any

import pytest

from expander.kube.gofmt import quoted
from expander.local.kubelet.env import field_value, formatted_map, resource_value
from expander.local.kubelet.node import ConfigError, NodeInfo
from tests.local.kubelet.world import NODE, container, pod

PLACE = NodeInfo(NODE, "127.1.0.9")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.namespace", "team"),
        ("metadata.labels['app']", "demo"),
        ("metadata.labels['gone']", ""),
        ("metadata.annotations['note']", 'say "hi"'),
        ("metadata.labels", 'app="demo"'),
        ("metadata.annotations", 'note="say \\"hi\\""'),
        ("spec.nodeName", "node-1"),
        ("spec.serviceAccountName", "default"),
        ("status.hostIP", "127.0.0.1"),
        ("status.podIP", "127.1.0.9"),
        ("status.podIPs", "127.1.0.9"),
    ],
)
def test_fields_are_texts(path: str, expected: str) -> None:
    assert field_value(pod(), path, PLACE) == expected


def test_a_pod_knows_its_name_and_uid() -> None:
    one = pod()
    assert field_value(one, "metadata.name", PLACE) == one["metadata"]["name"]
    assert field_value(one, "metadata.uid", PLACE) == one["metadata"]["uid"]


def test_another_field_cannot_be_asked_for() -> None:
    with pytest.raises(ConfigError, match="unsupported fieldPath: spec"):
        field_value(pod(), "spec.priority", PLACE)


def test_labels_come_sorted_a_line_each() -> None:
    assert formatted_map({"b": "2", "a": "one\ntwo"}) == 'a="one\\ntwo"\nb="2"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b", '"a b"'),
        ("\x00\x7f", '"\\x00\\x7f"'),
        ("é☃", '"é☃"'),
        ("\u200b", '"\\u200b"'),
        ("\t\\", '"\\t\\\\"'),
    ],
)
def test_texts_are_quoted_as_in_go(text: str, expected: str) -> None:
    assert quoted(text) == expected


LIMITED = {"limits": {"cpu": "1500m", "memory": "100Mi"}, "requests": {"cpu": "250m"}}


@pytest.mark.parametrize(
    ("resource", "divisor", "expected"),
    [
        ("limits.cpu", "0", "2"),
        ("limits.cpu", "1m", "1500"),
        ("requests.cpu", "1", "1"),
        ("requests.cpu", "1m", "250"),
        ("limits.memory", "1Mi", "100"),
        ("limits.memory", "1", str(100 << 20)),
        ("limits.memory", "1Gi", "1"),
        ("requests.memory", "1Mi", "100"),
        ("limits.ephemeral-storage", "1Gi", "100"),
        ("requests.ephemeral-storage", "1", "0"),
    ],
)
def test_resources_are_whole_divisors_rounded_up(resource: str, divisor: str, expected: str) -> None:
    part = container(resources=LIMITED)
    reference = {"resource": resource, "divisor": divisor}
    assert resource_value(pod(part)["spec"], part, reference, NODE) == expected


def test_a_limit_that_is_not_set_is_what_the_node_has() -> None:
    part = container()
    asked: dict[str, Any] = {"resource": "limits.cpu"}
    assert resource_value(pod(part)["spec"], part, asked, NODE) == "4"
    asked = {"resource": "limits.memory", "divisor": "1Gi"}
    assert resource_value(pod(part)["spec"], part, asked, NODE) == "8"


def test_the_resources_of_another_container_can_be_asked_for() -> None:
    spec = pod(container(), container("other", resources=LIMITED))["spec"]
    asked = {"containerName": "other", "resource": "requests.cpu", "divisor": "1m"}
    assert resource_value(spec, {}, asked, NODE) == "250"
    with pytest.raises(ConfigError, match="container gone not found"):
        resource_value(spec, {}, asked | {"containerName": "gone"}, NODE)
