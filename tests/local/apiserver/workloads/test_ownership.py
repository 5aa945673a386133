"""Whose a pod is, what a status update may touch, and what a watch or list of an earlier version shows."""

import copy
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.local.apiserver.serving import Server, job
from tests.local.apiserver.test_verbs import JOBS, MAPS, PODS, config, patch, watched

FINALIZER = "batch.kubernetes.io/job-tracking"


def pods_of(server: Server, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.request("GET", f"{PODS}?labelSelector=set%3D{name}").json["items"]
    return found


def eventually(looked_at: Callable[[], Any]) -> Any:
    """What is found once it is anything at all."""
    end = time.monotonic() + 60
    while not (found := looked_at()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def running_pod(server: Server, name: str) -> dict[str, Any]:
    made = job(name, "sleep 600")
    made["spec"]["template"]["metadata"] = {"labels": {"set": name}}
    assert server.request("POST", JOBS, made).code == 201
    (pod,) = eventually(lambda: [each for each in pods_of(server, name) if "nodeName" in each["spec"]])
    found: dict[str, Any] = pod
    return found


def test_a_pod_that_loses_its_owner_is_adopted_again(server: Server) -> None:
    pod = running_pod(server, "adopted")
    place = f"{PODS}/{pod['metadata']['name']}"
    assert patch(server, place, {"metadata": {"ownerReferences": None}}).code == 200
    eventually(lambda: server.request("GET", place).json["metadata"].get("ownerReferences"))
    (left,) = pods_of(server, "adopted")
    assert left["metadata"]["uid"] == pod["metadata"]["uid"]
    assert left["metadata"]["ownerReferences"] == pod["metadata"]["ownerReferences"]
    assert left["metadata"]["finalizers"] == [FINALIZER]
    server.request("DELETE", f"{JOBS}/adopted")


def test_a_pod_that_the_selector_means_no_more_is_released_and_replaced(server: Server) -> None:
    pod = running_pod(server, "released")
    name, place = pod["metadata"]["name"], f"{PODS}/{pod['metadata']['name']}"
    labels = {"batch.kubernetes.io/controller-uid": "another", "set": "let-go"}
    assert patch(server, place, {"metadata": {"labels": labels}}).code == 200
    eventually(lambda: pods_of(server, "released"))
    metadata = server.request("GET", place).json["metadata"]
    assert not metadata.get("ownerReferences")
    assert not metadata.get("finalizers")
    server.request("DELETE", f"{place}?gracePeriodSeconds=0")
    eventually(lambda: name not in {each["metadata"]["name"] for each in pods_of(server, "let-go")})
    server.request("DELETE", f"{JOBS}/released")


def test_a_pod_of_nobody_loses_the_finalizer_of_jobs(server: Server) -> None:
    spec = {"containers": [{"name": "c", "image": "busybox", "command": ["true"]}], "restartPolicy": "Never"}
    metadata = {"name": "stray", "finalizers": [FINALIZER]}
    server.request("POST", PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    server.request("DELETE", f"{PODS}/stray?gracePeriodSeconds=0")
    eventually(lambda: server.request("GET", f"{PODS}/stray").code == 404)


STATUSES = {
    f"{JOBS}/held": job("held", suspend=True),
    "/apis/batch/v1/namespaces/default/cronjobs/held": {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "held"},
        "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job("x")["spec"]}},
    },
    "/api/v1/namespaces/held": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "held"}},
    "/api/v1/namespaces/default/resourcequotas/held": {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "held"},
        "spec": {"hard": {"pods": "500"}},
    },
}


@pytest.mark.parametrize("place", STATUSES)
def test_an_update_of_the_status_keeps_labels_and_annotations(server: Server, place: str) -> None:
    assert server.request("POST", place.rpartition("/")[0], STATUSES[place]).code == 201
    told = patch(server, f"{place}/status", {"metadata": {"annotations": {"by": "patch"}}})
    assert (told.code, told.json["metadata"]["annotations"]["by"]) == (200, "patch")
    whole = server.request("GET", place).json
    whole["metadata"]["labels"] = {"by": "put"}
    assert server.request("PUT", f"{place}/status", whole).code == 200
    found = server.request("GET", place).json
    assert found["metadata"]["annotations"]["by"] == "patch"
    assert found["metadata"]["labels"]["by"] == "put"
    assert found["spec"] == whole["spec"]
    server.request("DELETE", place)


def test_an_update_of_the_status_refuses_labels_that_are_none(server: Server) -> None:
    assert server.request("POST", JOBS, job("odd-label", suspend=True)).code == 201
    told = patch(server, f"{JOBS}/odd-label/status", {"metadata": {"labels": {"a": "b c"}}})
    assert (told.code, told.json["details"]["causes"][0]["field"]) == (422, "metadata.labels")


def test_a_watcher_sees_the_quota_status_that_a_client_wrote(server: Server) -> None:
    """The quota controller counts anew afterwards."""
    quotas = "/api/v1/namespaces/default/resourcequotas"
    quota = copy.deepcopy(STATUSES[f"{quotas}/held"])
    quota["metadata"]["name"] = "written"
    server.request("POST", quotas, quota)
    with watched(server, f"{quotas}?watch=true&fieldSelector=metadata.name%3Dwritten") as events:
        told = patch(server, f"{quotas}/written/status", {"status": {"hard": {"pods": "7"}}})
        assert told.json["status"]["hard"] == {"pods": "7"}
        seen = [next(events)["object"]["status"]["hard"]["pods"] for _ in range(3)]
    assert seen == ["500", "7", "500"]
    server.request("DELETE", f"{quotas}/written")


def test_a_pod_without_its_empty_fields_is_the_same_pod(server: Server) -> None:
    """As typed clients and `kubectl replace` send it."""
    pod = running_pod(server, "same")
    place = f"{PODS}/{pod['metadata']['name']}"
    pod = server.request("GET", place).json
    del pod["spec"]["containers"][0]["resources"]
    pod["spec"]["containers"][0] |= {"stdin": False, "env": []}
    pod["spec"]["hostNetwork"] = False
    del pod["spec"]["securityContext"]
    pod["metadata"]["labels"]["more"] = "yes"
    del pod["metadata"]["resourceVersion"]
    told = server.request("PUT", place, pod)
    assert (told.code, told.json["metadata"]["labels"]["more"]) == (200, "yes")
    server.request("DELETE", f"{JOBS}/same")


def test_a_watch_from_an_earlier_version_tells_by_what_an_object_was(server: Server) -> None:
    """ADDED and DELETED only where the selector begins or ceases to mean it; shown as it was last then."""
    for name in ("was-in", "was-out"):
        server.request("POST", MAPS, config(name, step="1"))
    patch(server, f"{MAPS}/was-in", {"metadata": {"labels": {"picked": "yes"}}})
    version = server.request("GET", MAPS).json["metadata"]["resourceVersion"]
    patch(server, f"{MAPS}/was-in", {"data": {"step": "2"}})
    patch(server, f"{MAPS}/was-out", {"metadata": {"labels": {"picked": "yes"}}})
    patch(server, f"{MAPS}/was-in", {"metadata": {"labels": {"picked": None}}})
    patch(server, f"{MAPS}/was-out", {"data": {"step": "3"}})
    server.request("DELETE", f"{MAPS}/was-out")
    query = f"watch=true&labelSelector=picked&resourceVersion={version}"
    with watched(server, f"{MAPS}?{query}") as events:
        told = [next(events) for _ in range(5)]
    found = [(each["type"], each["object"]["metadata"]["name"], each["object"]["data"]) for each in told]
    assert found == [
        ("MODIFIED", "was-in", {"step": "2"}),
        ("ADDED", "was-out", {"step": "1"}),
        ("DELETED", "was-in", {"step": "2"}),
        ("MODIFIED", "was-out", {"step": "3"}),
        ("DELETED", "was-out", {"step": "3"}),
    ]
    assert told[2]["object"]["metadata"]["labels"]["picked"] == "yes"
    versions = [int(each["object"]["metadata"]["resourceVersion"]) for each in told]
    assert versions == sorted(versions)
    server.request("DELETE", f"{MAPS}/was-in")


def test_a_list_of_an_exact_version_is_what_was_there(server: Server) -> None:
    query = "labelSelector=set%3Dexact"
    for name in ("exact-b", "exact-c", "exact-d"):
        server.request("POST", MAPS, config(name, step="1"))
    first = server.request("GET", f"{MAPS}?{query}&limit=1").json["metadata"]
    server.request("POST", MAPS, config("exact-a"))
    server.request("POST", MAPS, config("exact-e"))
    server.request("DELETE", f"{MAPS}/exact-c")
    patch(server, f"{MAPS}/exact-d", {"data": {"step": "2"}})
    exact = f"{query}&resourceVersion={first['resourceVersion']}&resourceVersionMatch=Exact"
    whole = server.request("GET", f"{MAPS}?{exact}").json
    rest = server.request("GET", f"{MAPS}?{query}&continue={first['continue']}").json
    assert [each["metadata"]["name"] for each in whole["items"]] == ["exact-b", "exact-c", "exact-d"]
    assert rest["items"] == whole["items"][1:]
    assert whole["items"][2]["data"] == {"step": "1"}
    assert rest["metadata"] == whole["metadata"] == {"resourceVersion": first["resourceVersion"]}
    now = server.request("GET", f"{MAPS}?{query}&resourceVersion={first['resourceVersion']}").json["items"]
    assert [each["metadata"]["name"] for each in now] == ["exact-a", "exact-b", "exact-d", "exact-e"]


def test_a_list_that_is_not_kept_any_more_is_gone_and_says_how_to_go_on(state: Path) -> None:
    with_server = Server(state).start()
    for name in ("old-a", "old-b"):
        with_server.request("POST", MAPS, config(name))
    first = with_server.request("GET", f"{MAPS}?limit=1&labelSelector=set%3Dold").json["metadata"]
    with_server.stop()
    server = Server(state).start()
    try:
        exact = f"resourceVersion={first['resourceVersion']}&resourceVersionMatch=Exact"
        assert server.request("GET", f"{MAPS}?{exact}").json["reason"] == "Expired"
        gone = server.request("GET", f"{MAPS}?labelSelector=set%3Dold&continue={first['continue']}")
        assert (gone.code, gone.json["reason"]) == (410, "Expired")
        again = gone.json["metadata"]["continue"]
        rest = server.request("GET", f"{MAPS}?labelSelector=set%3Dold&continue={again}").json["items"]
        assert [each["metadata"]["name"] for each in rest] == ["old-b"]
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "resourceVersionMatch=Exact",
            "resourceVersionMatch is forbidden unless resourceVersion is provided",
        ),
        ("resourceVersionMatch=Exact&resourceVersion=0", 'is forbidden for resourceVersion "0"'),
        ("resourceVersionMatch=Exact&resourceVersion=1&continue=x", "forbidden when continue is provided"),
        ("resourceVersionMatch=Newest&resourceVersion=1", 'Unsupported value: "Newest"'),
    ],
)
def test_versions_that_cannot_be_asked_for_so_are_refused(server: Server, query: str, message: str) -> None:
    told = server.request("GET", f"{MAPS}?{query}")
    assert (told.code, told.json["reason"]) == (422, "Invalid")
    assert message in json.dumps(told.json["message"]).replace('\\"', '"')
