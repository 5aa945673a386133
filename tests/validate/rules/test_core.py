"""ConfigMaps, Secrets, Services, ResourceQuotas and other kinds that Jobs come with."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from expander.validate.rules.core import MAX_BYTES

Check = Callable[..., list[tuple[str, str]]]


def paths(found: list[tuple[str, str]]) -> list[str]:
    return [path for path, _ in found]


def test_a_config_map_has_keys_that_can_be_file_names(in_core: Check) -> None:
    assert in_core("ConfigMap", data={"a.txt": "x", "_": ""}, binaryData={"b": "AA=="}) == []
    assert paths(in_core("ConfigMap", data={"a/b": "x", "..": "x"})) == ["data[a/b]", "data[..]"]


def test_a_key_is_not_in_both_bags_of_a_config_map(in_core: Check) -> None:
    assert paths(in_core("ConfigMap", data={"a": "x"}, binaryData={"a": "AA=="})) == [
        "data[a]",
        "binaryData[a]",
    ]


def test_a_config_map_holds_a_mebibyte(in_core: Check) -> None:
    half = "x" * (MAX_BYTES // 2)
    assert in_core("ConfigMap", data={"a": half, "b": half}) == []
    assert in_core("ConfigMap", data={"a": half, "b": half, "c": "x"}) == [
        ("", "Too long: may not be more than 1048576 bytes")
    ]


def test_a_secret_is_measured_without_its_base64(in_core: Check) -> None:
    fits = b64encode(b"x" * MAX_BYTES).decode()
    assert in_core("Secret", data={"a": fits}) == []
    assert paths(in_core("Secret", data={"a": fits}, stringData={"b": "x"})) == ["data"]


@pytest.mark.parametrize(
    ("kind", "data", "missing"),
    [
        ("kubernetes.io/basic-auth", {}, ["data[username]", "data[password]"]),
        ("kubernetes.io/basic-auth", {"username": "u"}, []),
        ("kubernetes.io/ssh-auth", {}, ["data[ssh-privatekey]"]),
        ("kubernetes.io/tls", {"tls.crt": "c"}, ["data[tls.key]"]),
        ("kubernetes.io/dockerconfigjson", {}, ["data[.dockerconfigjson]"]),
        ("kubernetes.io/dockerconfigjson", {".dockerconfigjson": "{"}, ["data[.dockerconfigjson]"]),
        ("kubernetes.io/dockerconfigjson", {".dockerconfigjson": "{}"}, []),
        (
            "kubernetes.io/service-account-token",
            {},
            ["metadata.annotations[kubernetes.io/service-account.name]"],
        ),
        ("example.com/any", {}, []),
    ],
)
def test_a_secret_holds_what_its_type_is_for(
    in_core: Check, kind: str, data: dict[str, str], missing: list[str]
) -> None:
    assert paths(in_core("Secret", type=kind, stringData=data)) == missing


def test_the_services_of_the_pages_are_accepted(in_core: Check) -> None:
    assert in_core("Service", spec={"clusterIP": "None", "selector": {"job-name": "a"}}) == []
    assert in_core("Service", spec={"ports": [{"port": 6379, "targetPort": "redis"}]}) == []


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({}, ["ports"]),
        ({"ports": [{"port": 0}]}, ["ports[0].port", "ports[0].targetPort"]),
        ({"ports": [{"port": 1}, {"port": 2}]}, ["ports[0].name", "ports[1].name"]),
        ({"ports": [{"port": 1, "name": "a"}, {"port": 1, "name": "b"}]}, ["ports[1]"]),
        ({"ports": [{"port": 1, "protocol": "tcp"}]}, ["ports[0].protocol"]),
        ({"ports": [{"port": 1}], "type": "Cluster"}, ["type"]),
        ({"type": "ExternalName"}, ["externalName"]),
        ({"type": "NodePort", "clusterIP": "None", "ports": [{"port": 1}]}, ["clusterIPs[0]"]),
        ({"ports": [{"port": 1}], "sessionAffinity": "IP"}, ["sessionAffinity"]),
        ({"ports": [{"port": 1}], "clusterIP": "10.0.0.256"}, ["clusterIPs[0]"]),
        ({"ports": [{"port": 1}], "selector": {"-": "x"}}, ["selector"]),
        ({"ports": [{"port": 1, "nodePort": 30000}]}, ["ports[0].nodePort"]),
        ({"ports": [{"port": 1}], "loadBalancerClass": "a/b"}, ["loadBalancerClass"]),
    ],
)
def test_services(in_core: Check, spec: dict[str, Any], found: list[str]) -> None:
    assert paths(in_core("Service", spec=spec)) == found


def test_the_name_of_a_service_is_a_label_and_may_begin_with_a_digit(in_core: Check) -> None:
    spec = {"clusterIP": "None"}
    assert in_core("Service", metadata={"name": "1-a"}, spec=spec) == []
    assert paths(in_core("Service", metadata={"name": "a.b"}, spec=spec)) == ["metadata.name"]


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"hard": {"pods": "4", "cpu": "500m", "count/jobs.batch": "3", "requests.nvidia.com/gpu": 1}}, []),
        ({"hard": {"jobs": "4"}}, ["hard[jobs]", "hard[jobs]"]),
        ({"hard": {"pods": "1.5"}}, ["hard[pods]"]),
        ({"hard": {"cpu": "-1"}}, ["hard[cpu]"]),
        ({"scopes": ["BestEffort", "NotBestEffort"]}, ["scopes"]),
        ({"scopes": ["Other"]}, ["scopes"]),
        (
            {"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In"}]}},
            ["scopeSelector.matchExpressions.values"],
        ),
        (
            {
                "scopeSelector": {
                    "matchExpressions": [
                        {"scopeName": "Terminating", "operator": "In", "values": ["x"]},
                    ]
                }
            },
            ["scopeSelector.matchExpressions.operator"],
        ),
    ],
)
def test_resource_quotas(in_core: Check, spec: dict[str, Any], found: list[str]) -> None:
    assert paths(in_core("ResourceQuota", spec=spec)) == found


def test_a_pod_is_held_to_the_rules_of_pods_and_of_metadata(in_core: Check) -> None:
    assert paths(in_core("Pod", metadata={"name": "A"}, spec={})) == ["metadata.name", "containers"]
    assert paths(in_core("PodTemplate", template={"spec": {}})) == ["template.spec.containers"]


def test_the_namespace_of_what_is_in_none_is_dropped(in_core: Check) -> None:
    assert paths(in_core("Namespace", metadata={"name": "a.b", "namespace": "C"})) == ["metadata.name"]
    assert in_core("Namespace", metadata={"name": "a", "namespace": "a"}) == []
