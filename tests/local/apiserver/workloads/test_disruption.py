"""Endpoints of Services, and budgets that keep pods from being evicted."""

import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.local.apiserver.serving import Server
from tests.local.apiserver.test_verbs import PODS

CORE = "/api/v1/namespaces/default"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
MERGE = {"Content-Type": "application/merge-patch+json"}
SETS = "/apis/apps/v1/namespaces/default/replicasets"


def until(found: Callable[[], Any]) -> Any:
    """What ``found`` gives, once it gives something."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.02)
    raise AssertionError("it never came")


def replicas(server: Server, name: str, count: int, **spec: Any) -> list[str]:
    """A ReplicaSet of pods that run; their names."""
    port = {"name": "http", "containerPort": 8080}
    container = {"name": "main", "image": "busybox", "command": ["sleep", "600"], "ports": [port], **spec}
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
    }
    made = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name}}
    made["spec"] = {"replicas": count, "selector": {"matchLabels": labels}, "template": template}
    assert server.request("POST", SETS, made).code == 201

    def running() -> list[str]:
        items = server.request("GET", f"{PODS}?labelSelector=app%3D{name}").json["items"]
        there = [each for each in items if each["status"].get("phase") == "Running"]
        return [each["metadata"]["name"] for each in there] if len(there) == count else []

    return list(until(running))


def budget(server: Server, name: str, **spec: Any) -> dict[str, Any]:
    """The status of a new budget for the pods of that name."""
    made = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name}}
    made["spec"] = {"selector": {"matchLabels": {"app": name}}, **spec}
    answer = server.request("POST", BUDGETS, made)
    assert answer.code == 201, answer.json
    found: dict[str, Any] = until(lambda: server.request("GET", f"{BUDGETS}/{name}").json.get("status"))
    return found


def evict(server: Server, pod: str) -> Any:
    return server.request("POST", f"{PODS}/{pod}/eviction", {"kind": "Eviction", "metadata": {"name": pod}})


def test_a_service_has_the_addresses_of_its_pods_in_slices_and_endpoints(server: Server) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    service["spec"] = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]}
    server.request("POST", f"{CORE}/services", service)
    query = f"{SLICES}?labelSelector=kubernetes.io/service-name%3Dweb"
    (empty,) = until(lambda: server.request("GET", query).json["items"])
    assert empty["endpoints"] == []
    names = replicas(server, "web", 2)

    def listed() -> list[dict[str, Any]]:
        (found,) = server.request("GET", query).json["items"]
        ready = [each for each in found["endpoints"] if each["conditions"]["ready"]]
        return ready if len(ready) == 2 else []

    ready = until(listed)
    assert {each["targetRef"]["name"] for each in ready} == set(names)
    endpoints = server.request("GET", f"{CORE}/endpoints/web").json["subsets"]
    assert [each["ip"] for each in endpoints[0]["addresses"]] == [each["addresses"][0] for each in ready]
    assert endpoints[0]["ports"] == [{"port": 8080, "protocol": "TCP"}]
    server.request("DELETE", f"{SETS}/web?propagationPolicy=Background")
    until(lambda: not server.request("GET", query).json["items"][0]["endpoints"])
    assert server.request("GET", query).json["items"][0]["ports"] == [], "nobody has any"
    server.request("DELETE", f"{CORE}/services/web")
    assert server.request("GET", query).json["items"] == []
    assert server.request("GET", f"{CORE}/endpoints/web").code == 404


def test_the_service_of_the_api_leads_to_the_server(server: Server) -> None:
    (subset,) = server.request("GET", f"{CORE}/endpoints/kubernetes").json["subsets"]
    assert (subset["addresses"], subset["ports"][0]["port"]) == ([{"ip": "127.0.0.1"}], server.port)


def test_a_budget_lets_as_many_pods_go_as_it_may(server: Server) -> None:
    first, second, third = replicas(server, "kept", 3)
    status = budget(server, "kept", minAvailable=2)
    assert {key: status[key] for key in ("expectedPods", "desiredHealthy", "currentHealthy")} == {
        "expectedPods": 3,
        "desiredHealthy": 2,
        "currentHealthy": 3,
    }
    assert (status["disruptionsAllowed"], status["conditions"][0]["reason"]) == (1, "SufficientPods")
    server.request("PATCH", f"{SETS}/kept", {"spec": {"replicas": 2}}, headers=MERGE)
    until(lambda: server.request("GET", f"{BUDGETS}/kept").json["status"]["disruptionsAllowed"] == 0)
    left = [each for each in (first, second, third) if server.request("GET", f"{PODS}/{each}").code == 200]
    refused = evict(server, left[0])
    assert (refused.code, refused.json["reason"]) == (429, "TooManyRequests")
    assert refused.json["message"] == "Cannot evict pod as it would violate the pod's disruption budget."
    assert refused.json["details"]["causes"] == [
        {
            "reason": "DisruptionBudget",
            "message": "The disruption budget kept needs 2 healthy pods and has 2 currently",
        }
    ]
    server.request("PATCH", f"{BUDGETS}/kept", {"spec": {"minAvailable": "50%"}}, headers=MERGE)
    assert evict(server, left[0]).code == 201
    server.request("DELETE", f"{SETS}/kept?propagationPolicy=Background")


def test_a_pod_that_is_not_ready_may_go_if_enough_others_are_or_always(server: Server) -> None:
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1}
    (pod,) = replicas(server, "sick", 1, readinessProbe=probe)
    assert budget(server, "sick", maxUnavailable=0)["disruptionsAllowed"] == 0
    assert evict(server, pod).code == 429
    always = {"spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow"}}
    server.request("PATCH", f"{BUDGETS}/sick", always, headers=MERGE)
    assert evict(server, pod).code == 201
    server.request("DELETE", f"{SETS}/sick?propagationPolicy=Background")


def test_two_budgets_for_one_pod_are_not_supported(server: Server) -> None:
    (pod,) = replicas(server, "twice", 1)
    budget(server, "twice", maxUnavailable=1)
    again = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "again"}}
    again["spec"] = {"selector": {"matchLabels": {"app": "twice"}}}
    server.request("POST", BUDGETS, again)
    answer = evict(server, pod)
    assert (answer.code, "more than one PodDisruptionBudget" in answer.json["message"]) == (500, True)
    server.request("DELETE", f"{SETS}/twice?propagationPolicy=Background")


def test_drain_waits_for_a_budget(server: Server, kubectl: str) -> None:
    (pod,) = replicas(server, "drained", 1)
    budget(server, "drained", minAvailable=1)
    (node,) = server.request("GET", "/api/v1/nodes").json["items"]
    words = ["drain", node["metadata"]["name"], "--pod-selector=app=drained"]
    command = [kubectl, "--kubeconfig", str(server.kubeconfig), *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as drain:
        assert drain.stderr is not None
        said = drain.stderr.readline()
        drain.kill()
    assert "(will retry after 5s): Cannot evict pod as it would violate the pod's disruption budget." in said
    assert server.request("GET", f"{PODS}/{pod}").code == 200
    uncordon = {"spec": {"unschedulable": None}}
    server.request("PATCH", f"/api/v1/nodes/{node['metadata']['name']}", uncordon, headers=MERGE)
    server.request("DELETE", f"{SETS}/drained?propagationPolicy=Background")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"minAvailable": 1, "maxUnavailable": 1}, "minAvailable and maxUnavailable cannot be both set"),
        ({"minAvailable": "120%"}, "must not be greater than 100%"),
        ({"maxUnavailable": -1}, "must be greater than or equal to 0"),
        ({"unhealthyPodEvictionPolicy": "Never"}, 'supported values: "AlwaysAllow", "IfHealthyBudget"'),
    ],
)
def test_a_budget_that_cannot_be_is_refused(server: Server, spec: dict[str, Any], words: str) -> None:
    made = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "x"}, "spec": spec}
    answer = server.request("POST", BUDGETS, made)
    assert (answer.code, words in answer.json["message"]) == (422, True), answer.json
