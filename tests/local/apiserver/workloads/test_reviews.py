"""Who asks, what they may do, tokens of service accounts, and what a node and its pods tell of themselves."""

import json
import time
from typing import Any

import pytest

from expander.local.apiserver.access.authentication import OWNER
from tests.local.apiserver.conftest import Kubectl
from tests.local.apiserver.serving import Server, job
from tests.local.apiserver.test_verbs import JOBS, finished

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
REVIEWS = "/apis/authorization.k8s.io/v1"


def test_kubectl_says_who_it_is_and_what_it_may_do(run: Kubectl) -> None:
    assert OWNER.name in run("auth", "whoami").stdout
    assert run("auth", "can-i", "create", "jobs").stdout == "yes\n"
    assert "*.*" in run("auth", "can-i", "--list").stdout


def test_a_token_of_a_service_account_stands_for_it(server: Server, run: Kubectl) -> None:
    token = run("create", "token", "default", "--duration=20m").stdout.strip()
    assert "system:serviceaccount:default:default" in run("--token", token, "auth", "whoami").stdout
    assert run("--token", token, "get", "jobs").returncode == 0
    asked = {"kind": "TokenReview", "spec": {"token": token}}
    told = server.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", asked).json["status"]
    assert told["authenticated"]
    assert "system:serviceaccounts:default" in told["user"]["groups"]


def test_a_token_ends_with_its_time_its_account_and_any_change(server: Server) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "short"}}
    server.request("POST", ACCOUNTS, account)
    token = server.request("POST", f"{ACCOUNTS}/short/token", {"spec": {}}).json["status"]["token"]

    def code(text: str) -> int:
        return server.request("GET", JOBS, headers={"Authorization": f"Bearer {text}"}).code

    assert code(token) == 200
    for place in range(0, len(token), 7):
        other = "A" if token[place] != "A" else "B"
        assert code(token[:place] + other + token[place + 1 :]) == 401
    server.request("DELETE", f"{ACCOUNTS}/short")
    assert code(token) == 401
    server.request("POST", ACCOUNTS, account)  # the same name is another account
    assert code(token) == 401
    server.request("DELETE", f"{ACCOUNTS}/short")


@pytest.mark.parametrize("seconds", [1, -5, "long"])
def test_a_token_for_too_short_a_time_is_refused(server: Server, seconds: Any) -> None:
    told = server.request("POST", f"{ACCOUNTS}/default/token", {"spec": {"expirationSeconds": seconds}})
    assert (told.code, told.json["reason"]) == (422, "Invalid")
    assert server.request("POST", f"{ACCOUNTS}/nobody/token", {"spec": {}}).code == 404


def test_an_access_review_asks_about_exactly_one_thing(server: Server) -> None:
    path = f"{REVIEWS}/selfsubjectaccessreviews"
    one = {"resourceAttributes": {"verb": "get", "resource": "pods"}}
    assert server.request("POST", path, {"spec": one}).json["status"] == {"allowed": True}
    both = {**one, "nonResourceAttributes": {"path": "/", "verb": "get"}}
    for spec in ({}, both):
        assert server.request("POST", path, {"spec": spec}).code == 422
    assert server.request("POST", path, {"kind": "Pod", "spec": one}).code == 400


def test_a_pod_tells_its_start_by_events_with_their_times(server: Server, run: Kubectl) -> None:
    server.request("POST", JOBS, job("told", "true"))
    pod = finished(server, "told")["metadata"]["name"]
    end = time.monotonic() + 60
    found: dict[str, str] = {}
    while "Started" not in found and time.monotonic() < end:
        query = f"?fieldSelector=involvedObject.name%3D{pod}"
        items = server.request("GET", f"/api/v1/namespaces/default/events{query}").json["items"]
        found = {each["reason"]: each["message"] for each in items}
        assert all(each["lastTimestamp"] or each["eventTime"] for each in items)
    assert set(found) >= {"Scheduled", "Pulled", "Created", "Started"}
    assert "<unknown>" not in run("get", "events", f"--field-selector=involvedObject.name={pod}").stdout
    assert "Container started" in run("describe", "pod", pod).stdout


def test_the_node_tells_what_machine_it_is(server: Server, run: Kubectl) -> None:
    (node,) = server.request("GET", "/api/v1/nodes").json["items"]
    info = node["status"]["nodeInfo"]
    assert info["kubeletVersion"] == "v1.36.2"
    assert info["operatingSystem"] == "linux"
    assert info["architecture"]
    assert info["kernelVersion"]
    assert {each["type"] for each in node["status"]["addresses"]} == {"InternalIP", "Hostname"}
    conditions = {each["type"]: each["status"] for each in node["status"]["conditions"]}
    assert conditions == {
        "MemoryPressure": "False",
        "DiskPressure": "False",
        "PIDPressure": "False",
        "Ready": "True",
    }
    assert "Ready" in run("get", "nodes").stdout
    assert "HolderIdentity:  " in run("describe", "nodes").stdout


def test_what_kubectl_creates_as_protobuf_arrives_whole(server: Server, run: Kubectl) -> None:
    done = run("create", "deployment", "proto", "--image=busybox", "--replicas=2", "--", "sleep", "600")
    assert done.returncode == 0, done.stderr
    made = server.request("GET", "/apis/apps/v1/namespaces/default/deployments/proto").json["spec"]
    assert (made["replicas"], made["selector"]) == (2, {"matchLabels": {"app": "proto"}})
    assert made["template"]["spec"]["containers"][0]["command"] == ["sleep", "600"]
    assert run("scale", "deployment/proto", "--replicas=0").returncode == 0
    assert json.loads(run("get", "deployment", "proto", "-o", "json").stdout)["spec"]["replicas"] == 0
    run("delete", "deployment", "proto")
