"""Rows of the other kinds, beyond what was recorded."""

from __future__ import annotations

from typing import Any

import pytest

from expander.kube.scheme import BY_KIND
from expander.kube.time import age, human, unix
from expander.local.apiserver.printers.table import table

CREATED = "2026-11-21T01:46:43Z"
NOW = unix(CREATED) + 90
TEMPLATE: dict[str, Any] = {
    "spec": {"containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y"}]}
}


def made(name: str = "n", **metadata: Any) -> dict[str, Any]:
    return {"name": name, "creationTimestamp": CREATED, **metadata}


def cells(kind: str, obj: dict[str, Any]) -> list[Any]:
    found: list[Any] = table(BY_KIND[kind], [obj], NOW, metadata={})["rows"][0]["cells"]
    return found


def job(status: dict[str, Any] | None = None, deleted: bool = False, **spec: Any) -> dict[str, Any]:
    metadata = made(**({"deletionTimestamp": CREATED} if deleted else {}))
    return {"metadata": metadata, "spec": {"template": TEMPLATE, **spec}, "status": status or {}}


def true(*types: str) -> dict[str, Any]:
    return {"conditions": [{"type": each, "status": "True"} for each in types]}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-2.5, "<invalid>"),
        (-1.5, "0s"),
        (0.9, "0s"),
        (119, "119s"),
        (120, "2m"),
        (599, "9m59s"),
        (600, "10m"),
        (10799, "179m"),
        (10800, "3h"),
        (28799, "7h59m"),
        (28800, "8h"),
        (172799, "47h"),
        (172800, "2d"),
        (176400, "2d1h"),
        (691200, "8d"),
        (63071999, "729d"),
        (63072000, "2y"),
        (63072000 + 86400, "2y1d"),
        (252288000, "8y"),
    ],
)
def test_ages_have_at_most_two_units(seconds: float, text: str) -> None:
    assert human(seconds) == text


def test_an_object_without_a_time_has_no_age() -> None:
    assert age(None, NOW) == "<unknown>"
    assert age("2026-11-21T01:46:43.250000Z", unix(CREATED) + 1) == "0s"


@pytest.mark.parametrize(
    ("obj", "status"),
    [
        (job(), "Running"),
        (job({"conditions": [{"type": "Suspended", "status": "False"}]}), "Running"),
        (job(true("Suspended")), "Suspended"),
        (job(true("FailureTarget")), "FailureTarget"),
        (job(true("SuccessCriteriaMet")), "SuccessCriteriaMet"),
        (job(true("SuccessCriteriaMet", "Complete")), "Complete"),
        (job(true("FailureTarget", "Failed")), "Failed"),
        (job(true("Suspended"), deleted=True), "Terminating"),
        (job(true("Complete"), deleted=True), "Complete"),
    ],
)
def test_a_job_says_how_it_ended_or_what_goes_on(obj: dict[str, Any], status: str) -> None:
    assert cells("Job", obj)[1] == status


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"completions": 5, "parallelism": 2}, "1/5"),
        ({"completions": 0}, "1/0"),
        ({"parallelism": 3}, "1/1 of 3"),
        ({"parallelism": 1}, "1/1"),
        ({}, "1/1"),
    ],
)
def test_completions_of_a_work_queue_count_its_pods(spec: dict[str, Any], text: str) -> None:
    assert cells("Job", job({"succeeded": 1}, **spec))[2] == text


def test_a_job_that_was_not_started_has_no_duration() -> None:
    assert cells("Job", job())[3] == ""
    assert cells("Job", job({"startTime": CREATED}))[3] == "90s"
    ended = {"startTime": CREATED, "completionTime": "2026-11-21T01:46:50Z"}
    assert cells("Job", job(ended))[3] == "7s"


def test_wide_columns_of_a_job_show_its_containers_and_selector() -> None:
    expressions = [
        {"key": "b", "operator": "NotIn", "values": ["2", "1"]},
        {"key": "a", "operator": "DoesNotExist"},
        {"key": "d", "operator": "Exists"},
        {"key": "e", "operator": "In", "values": ["x"]},
    ]
    selector = {"matchLabels": {"c": "3"}, "matchExpressions": expressions}
    assert cells("Job", job(selector=selector))[5:] == ["a,b", "x:1,y", "!a,b notin (1,2),c=3,d,e in (x)"]


def test_a_cron_job_shows_its_schedule() -> None:
    spec = {"schedule": "@daily", "timeZone": "UTC", "suspend": True, "jobTemplate": job()}
    status = {"active": [{}, {}], "lastScheduleTime": CREATED}
    obj = {"metadata": made(), "spec": spec, "status": status}
    assert cells("CronJob", obj) == ["n", "@daily", "UTC", "True", 2, "90s", "90s", "a,b", "x:1,y", "<none>"]
    bare = {"metadata": made(), "spec": {"schedule": "* * * * *", "jobTemplate": {}}}
    assert cells("CronJob", bare)[2:6] == ["<none>", "<unset>", 0, "<none>"]


@pytest.mark.parametrize(
    ("spec", "ingress", "outside"),
    [
        ({"type": "ClusterIP"}, [], "<none>"),
        ({"type": "NodePort", "externalIPs": ["1.1.1.1", "2.2.2.2"]}, [], "1.1.1.1,2.2.2.2"),
        ({"type": "LoadBalancer"}, [], "<pending>"),
        ({"type": "LoadBalancer"}, [{"ip": "9.9.9.9"}, {"hostname": "lb"}], "9.9.9.9,lb"),
        ({"type": "LoadBalancer", "externalIPs": ["1.1.1.1"]}, [{"ip": "9.9.9.9"}], "9.9.9.9,1.1.1.1"),
        ({"type": "ExternalName", "externalName": "example.org"}, [], "example.org"),
        ({}, [], "<unknown>"),
    ],
)
def test_a_service_shows_where_it_is_reached(
    spec: dict[str, Any], ingress: list[dict[str, str]], outside: str
) -> None:
    obj = {"metadata": made(), "spec": spec, "status": {"loadBalancer": {"ingress": ingress}}}
    assert cells("Service", obj)[3] == outside


def test_a_service_shows_the_ports_of_nodes() -> None:
    ports = [{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]
    obj = {"metadata": made(), "spec": {"ports": ports, "clusterIPs": ["10.0.0.7", "fd00::7"]}}
    assert [cells("Service", obj)[place] for place in (2, 4)] == ["10.0.0.7", "80:30080/TCP,53/UDP"]


@pytest.mark.parametrize(
    ("conditions", "spec", "status"),
    [
        ([], {}, "Unknown"),
        ([{"type": "Ready", "status": "Unknown"}], {}, "NotReady"),
        ([{"type": "Ready", "status": "True"}], {"unschedulable": True}, "Ready,SchedulingDisabled"),
    ],
)
def test_a_node_shows_whether_it_takes_pods(
    conditions: list[dict[str, str]], spec: dict[str, Any], status: str
) -> None:
    assert (
        cells("Node", {"metadata": made(), "spec": spec, "status": {"conditions": conditions}})[1] == status
    )


def test_a_node_shows_its_roles_and_addresses() -> None:
    labels = {
        "node-role.kubernetes.io/worker": "",
        "node-role.kubernetes.io/": "",
        "kubernetes.io/role": "edge",
    }
    addresses = [{"type": "Hostname", "address": "h"}, {"type": "InternalIP", "address": "10.0.0.1"}]
    info = {"kubeletVersion": "v1.36.2", "osImage": "Linux"}
    obj = {"metadata": made(labels=labels), "status": {"addresses": addresses, "nodeInfo": info}}
    shown = ["edge,worker", "90s", "v1.36.2", "10.0.0.1", "<none>", "Linux", "<unknown>", "<unknown>"]
    assert cells("Node", obj)[2:] == shown


def test_a_quota_keeps_limits_apart() -> None:
    hard = {"pods": "4", "limits.cpu": "2", "count/jobs.batch": "10", "limits.memory": "1Gi"}
    obj = {"metadata": made(), "status": {"hard": hard, "used": {"pods": "1", "limits.cpu": "500m"}}}
    requests = "count/jobs.batch: 0/10, pods: 1/4"
    assert cells("ResourceQuota", obj)[1:3] == [requests, "limits.cpu: 500m/2, limits.memory: 0/1Gi"]
    assert cells("ResourceQuota", {"metadata": made()})[1:3] == ["", ""]


def test_small_kinds_show_what_they_hold() -> None:
    config = {"metadata": made(), "data": {"a": "1"}, "binaryData": {"b": "Mg=="}}
    assert cells("ConfigMap", config) == ["n", 2, "90s"]
    secret = {"metadata": made(), "type": "Opaque", "data": {"a": "MQ=="}}
    assert cells("Secret", secret) == ["n", "Opaque", 1, "90s"]
    assert cells("ServiceAccount", {"metadata": made(), "secrets": [{}]}) == ["n", "90s"]
    assert cells("LimitRange", {"metadata": made()}) == ["n", CREATED]
    assert cells("Namespace", {"metadata": made(), "status": {"phase": "Active"}}) == ["n", "Active", "90s"]


def test_a_row_carries_as_much_of_the_object_as_is_asked_for() -> None:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": made(resourceVersion="7")}
    rows = {
        include: table(BY_KIND["ConfigMap"], [obj], NOW, include=include)["rows"][0]["object"]
        for include in WAYS
    }
    partial = {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj["metadata"],
    }
    assert rows == {"": partial, "Metadata": partial, "Object": obj, "None": None}
    with pytest.raises(ValueError, match='unrecognized includeObject value: "All"'):
        table(BY_KIND["ConfigMap"], [obj], NOW, include="All")


WAYS = ("", "Metadata", "Object", "None")
