"""The verbs of the API over HTTP, as client libraries use them."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.local.apiserver.serving import Answer, Server, job

JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def config(name: str, **data: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"set": name.partition("-")[0]}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def patch(server: Server, path: str, body: Any, kind: str = "merge-patch+json") -> Answer:
    return server.request("PATCH", path, body, headers={"Content-Type": f"application/{kind}"})


@contextmanager
def watched(server: Server, path: str) -> Iterator[Iterator[dict[str, Any]]]:
    """The events of a watch as they come."""
    connection = server.connect()
    try:
        connection.request("GET", path, headers=server.authorization)
        response = connection.getresponse()
        yield (json.loads(line) for line in iter(response.readline, b""))
    finally:
        connection.close()


def finished(server: Server, name: str) -> dict[str, Any]:
    """The pod of a Job, once it has ended."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        pods = server.request("GET", f"{PODS}?labelSelector=job-name%3D{name}").json["items"]
        if pods and pods[0]["status"]["phase"] in ("Succeeded", "Failed"):
            found: dict[str, Any] = pods[0]
            return found
        time.sleep(0.02)
    raise AssertionError(f"{name} has not ended")


def test_a_dry_run_answers_and_stores_nothing(server: Server) -> None:
    answer = server.request("POST", f"{JOBS}?dryRun=All", job("dry"))
    assert (answer.code, answer.json["metadata"]["name"]) == (201, "dry")
    assert server.request("GET", f"{JOBS}/dry").code == 404


def test_a_generated_name_begins_as_asked(server: Server) -> None:
    obj = job("", suspend=True)
    obj["metadata"] = {"generateName": "made-"}
    names = {server.request("POST", JOBS, obj).json["metadata"]["name"] for _ in range(2)}
    assert len(names) == 2
    assert all(name.startswith("made-") and len(name) == 10 for name in names)


@pytest.mark.parametrize(("level", "code"), [("Strict", 400), ("Warn", 201), ("Ignore", 201), ("Loud", 400)])
def test_unknown_fields_are_taken_as_the_client_wants(server: Server, level: str, code: int) -> None:
    obj = {**config(f"level-{level.lower()}"), "dta": {}}
    answer = server.request("POST", f"{MAPS}?fieldValidation={level}", obj)
    assert answer.code == code
    assert ("Warning" in answer.headers) is (level == "Warn")


def test_what_is_worth_a_warning_has_one_when_it_comes_and_when_its_spec_changes(server: Server) -> None:
    obj = job("dotted.name", suspend=True)
    obj["spec"]["template"]["spec"]["nodeSelector"] = {"beta.kubernetes.io/os": "linux"}
    words = server.request("POST", JOBS, obj).headers["Warning"]
    assert words.count('299 - "') == 2
    assert "metadata.name: this is used in Pod names and hostnames" in words
    old = 'deprecated since v1.14; use \\"kubernetes.io/os\\" instead'
    assert f"spec.template.spec.nodeSelector[beta.kubernetes.io/os]: {old}" in words
    changed = patch(server, f"{JOBS}/dotted.name", {"spec": {"parallelism": 2}}).headers["Warning"]
    assert (old in changed, "metadata.name" in changed) == (True, False)
    assert "Warning" not in patch(server, f"{JOBS}/dotted.name", {"metadata": {"labels": {"a": "b"}}}).headers


def test_yaml_goes_in_and_comes_out(server: Server) -> None:
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: in-yaml}\ndata: {a: '1'}\n"
    headers = {"Content-Type": "application/yaml", "Accept": "application/yaml"}
    answer = server.request("POST", MAPS, body, headers=headers)
    assert answer.code == 201
    assert b"name: in-yaml" in answer.data


def test_an_update_with_an_old_version_is_a_conflict(server: Server) -> None:
    first = server.request("POST", MAPS, config("contended", a="1")).json
    assert server.request("PUT", f"{MAPS}/contended", {**first, "data": {"a": "2"}}).code == 200
    answer = server.request("PUT", f"{MAPS}/contended", {**first, "data": {"a": "3"}})
    assert (answer.code, answer.json["reason"]) == (409, "Conflict")


def test_an_update_that_changes_nothing_keeps_the_version(server: Server) -> None:
    first = server.request("POST", MAPS, config("same", a="1")).json
    second = server.request("PUT", f"{MAPS}/same", first).json
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_an_unknown_field_of_a_patch_is_a_warning_or_the_patch_is_invalid(server: Server) -> None:
    server.request("POST", MAPS, config("strict", a="1"))
    change = {"dat": {"b": "2"}}
    lax = patch(server, f"{MAPS}/strict", change)
    assert (lax.code, "dat" in lax.json) == (200, False)
    for kind, shown in (
        ("merge-patch+json", 'dat\\":{\\"b'),
        ("strategic-merge-patch+json", "map[dat:map[b:2]]"),
    ):
        refused = patch(server, f"{MAPS}/strict?fieldValidation=Strict", change, kind)
        assert (refused.code, refused.json["reason"]) == (422, "Invalid")
        assert refused.json["message"].startswith(' "" is invalid: patch: Invalid value: ')
        assert refused.json["message"].endswith('strict decoding error: unknown field "dat"')
        assert shown in refused.json["message"]
        assert refused.json["details"]["causes"][0]["field"] == "patch"


def test_every_kind_of_patch_changes_an_object(server: Server) -> None:
    server.request("POST", MAPS, config("patched", a="1"))
    path = f"{MAPS}/patched"
    assert patch(server, path, {"data": {"b": "2"}}).json["data"] == {"a": "1", "b": "2"}
    operations = [{"op": "remove", "path": "/data/a"}]
    assert patch(server, path, operations, "json-patch+json").json["data"] == {"b": "2"}
    strategic = {"metadata": {"labels": {"x": "y"}}}
    assert patch(server, path, strategic, "strategic-merge-patch+json").json["metadata"]["labels"]["x"] == "y"
    assert patch(server, path, {}, "unknown-patch+json").code == 415


def test_an_apply_creates_then_owns_then_conflicts(server: Server) -> None:
    path = f"{MAPS}/applied?fieldManager="
    applied = config("applied", a="1")
    assert patch(server, f"{path}one", applied, "apply-patch+yaml").code in (200, 201)
    other = config("applied", a="2")
    refused = patch(server, f"{path}two", other, "apply-patch+yaml")
    assert (refused.code, refused.json["reason"]) == (409, "Conflict")
    assert patch(server, f"{path}two&force=true", other, "apply-patch+yaml").json["data"] == {"a": "2"}


def test_a_list_comes_in_portions(server: Server) -> None:
    for number in range(5):
        server.request("POST", MAPS, config(f"portion-{number}"))
    path = f"{MAPS}?labelSelector=set%3Dportion&limit=2"
    names, token = [], ""
    for _ in range(3):
        page = server.request("GET", f"{path}&continue={quote(token)}").json
        names += [each["metadata"]["name"] for each in page["items"]]
        token = page["metadata"].get("continue", "")
    assert names == [f"portion-{number}" for number in range(5)]
    assert token == ""


def test_a_table_has_a_row_for_every_object(server: Server) -> None:
    server.request("POST", MAPS, config("in-a-table"))
    path = f"{MAPS}?fieldSelector=metadata.name%3Din-a-table"
    table = server.request("GET", path, headers={"Accept": TABLE}).json
    assert (table["kind"], len(table["rows"])) == ("Table", 1)


def test_a_watch_tells_what_happens_after_its_version(server: Server) -> None:
    version = server.request("GET", MAPS).json["metadata"]["resourceVersion"]
    with watched(server, f"{MAPS}?watch=true&resourceVersion={version}") as events:
        server.request("POST", MAPS, config("seen", a="1"))
        patch(server, f"{MAPS}/seen", {"data": {"a": "2"}})
        server.request("DELETE", f"{MAPS}/seen")
        told = [next(events) for _ in range(3)]
    assert [each["type"] for each in told] == ["ADDED", "MODIFIED", "DELETED"]
    assert {each["object"]["metadata"]["name"] for each in told} == {"seen"}


def test_a_watch_with_a_selector_sees_objects_come_and_go(server: Server) -> None:
    server.request("POST", MAPS, config("moving"))
    with watched(server, f"{MAPS}?watch=true&labelSelector=picked") as events:
        patch(server, f"{MAPS}/moving", {"metadata": {"labels": {"picked": "yes"}}})
        patch(server, f"{MAPS}/moving", {"data": {"a": "1"}})
        patch(server, f"{MAPS}/moving", {"metadata": {"labels": {"picked": None}}})
        assert [next(events)["type"] for _ in range(3)] == ["ADDED", "MODIFIED", "DELETED"]


def test_a_watch_can_begin_with_what_is_there_and_marks_its_end(server: Server) -> None:
    server.request("POST", MAPS, config("there-0"))
    query = "watch=true&labelSelector=set%3Dthere&sendInitialEvents=true&allowWatchBookmarks=true"
    with watched(server, f"{MAPS}?{query}&resourceVersionMatch=NotOlderThan") as events:
        first, mark = next(events), next(events)
    assert (first["type"], mark["type"]) == ("ADDED", "BOOKMARK")
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_watch_ends_when_its_time_is_over(server: Server) -> None:
    with watched(server, f"{MAPS}?watch=true&timeoutSeconds=1&labelSelector=nothing") as events:
        assert list(events) == []


def test_a_version_of_the_future_is_refused(server: Server) -> None:
    for query in ("resourceVersion=999999999", "watch=true&resourceVersion=999999999"):
        assert server.request("GET", f"{MAPS}?{query}").code == 504


def test_a_deletion_of_another_object_is_a_conflict(server: Server) -> None:
    server.request("POST", MAPS, config("guarded"))
    options = {"preconditions": {"uid": "another"}}
    assert server.request("DELETE", f"{MAPS}/guarded", options).code == 409
    assert server.request("DELETE", f"{MAPS}/guarded").json["status"] == "Success"


def test_a_collection_is_deleted_by_its_labels(server: Server) -> None:
    for name in ("doomed-0", "doomed-1", "spared-0"):
        server.request("POST", MAPS, config(name))
    gone = server.request("DELETE", f"{MAPS}?labelSelector=set%3Ddoomed").json["items"]
    assert [each["metadata"]["name"] for each in gone] == ["doomed-0", "doomed-1"]
    assert server.request("GET", f"{MAPS}/spared-0").code == 200


def test_a_collection_is_deleted_in_portions_where_that_is_asked(server: Server) -> None:
    for number in range(5):
        labels = {"metadata": {"name": f"part-{number}", "labels": {"part": "x"}}}
        assert server.request("POST", "/api/v1/namespaces/default/configmaps", labels).code == 201
    path = "/api/v1/namespaces/default/configmaps?labelSelector=part%3Dx"
    first = server.request("DELETE", f"{path}&limit=2").json
    assert [each["metadata"]["name"] for each in first["items"]] == ["part-0", "part-1"]
    rest = server.request("DELETE", f"{path}&continue={first['metadata']['continue']}").json
    assert [each["metadata"]["name"] for each in rest["items"]] == ["part-2", "part-3", "part-4"]
    assert server.request("GET", path).json["items"] == []


def test_a_job_that_is_deleted_without_a_policy_leaves_its_pods_and_warns(server: Server) -> None:
    server.request("POST", JOBS, job("orphans"))
    finished(server, "orphans")
    answer = server.request("DELETE", f"{JOBS}/orphans")
    assert "child pods are preserved" in answer.headers["Warning"]
    assert len(server.request("GET", f"{PODS}?labelSelector=job-name%3Dorphans").json["items"]) == 1


def test_a_log_can_be_cut_at_both_ends(server: Server) -> None:
    server.request("POST", JOBS, job("talker", "seq 1 5"))
    path = f"{PODS}/{finished(server, 'talker')['metadata']['name']}/log"
    assert server.request("GET", path).data == b"1\n2\n3\n4\n5\n"
    assert server.request("GET", f"{path}?tailLines=2").data == b"4\n5\n"
    assert server.request("GET", f"{path}?tailLines=0").data == b""
    assert server.request("GET", f"{path}?limitBytes=3").data == b"1\n2"
    assert server.request("GET", f"{path}?sinceTime=2200-01-01T00:00:00Z").data == b""
    assert server.request("GET", f"{path}?timestamps=true").data.count(b"Z ") == 5
    assert server.request("GET", f"{path}?container=other").code == 400
    assert server.request("GET", f"{path}?previous=true").code == 400


def test_a_log_is_followed_to_the_end_of_its_container(server: Server) -> None:
    server.request("POST", JOBS, job("slow-talker", "echo one; sleep 0.5; echo two"))
    end = time.monotonic() + 120
    while time.monotonic() < end:
        pods = server.request("GET", f"{PODS}?labelSelector=job-name%3Dslow-talker").json["items"]
        if pods and pods[0]["status"]["phase"] != "Pending":
            break
        time.sleep(0.02)
    path = f"{PODS}/{pods[0]['metadata']['name']}/log?follow=true"
    assert server.request("GET", path).data == b"one\ntwo\n"


def test_methods_that_a_path_has_not_are_refused(server: Server) -> None:
    assert server.request("PUT", MAPS, config("x")).code == 405
    assert server.request("POST", f"{MAPS}/x", config("x")).code == 405
    assert server.request("DELETE", "/api/v1/namespaces").code == 405


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/livez", "/version", "/", "/api", "/apis", "/openapi/v3"]
)
def test_what_clients_ask_first_is_answered(server: Server, path: str) -> None:
    assert server.request("GET", path).code == 200


def test_events_are_listed_by_their_names_and_watched_as_they_come(server: Server) -> None:
    with watched(server, "/api/v1/namespaces/default/events?watch=true") as events:
        server.request("POST", JOBS, job("eventful"))
        while next(events)["object"]["involvedObject"]["name"] != "eventful":
            pass
    finished(server, "eventful")
    path = "/api/v1/namespaces/default/events?limit=3"
    first = server.request("GET", path).json
    rest = server.request("GET", f"{path}00&continue={quote(first['metadata']['continue'])}").json
    names = [each["metadata"]["name"] for each in (*first["items"], *rest["items"])]
    assert names == sorted(names)
    assert any(name.startswith("eventful.") for name in names)


def test_a_watch_of_events_goes_on_from_a_list(state: Path) -> None:
    """Also with what was recorded between the list and the watch, and only what the selector means."""
    server = Server(state).start()
    try:
        events = "/api/v1/namespaces/default/events"
        version = server.request("GET", events).json["metadata"]["resourceVersion"]
        template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
        job = {"metadata": {"name": "j"}, "spec": {"suspend": True, "template": template}}
        assert server.request("POST", "/apis/batch/v1/namespaces/default/jobs", job).code == 201
        while not server.request("GET", events).json["items"]:
            pass
        for fields, count in (("reason=Suspended", 1), ("reason=FailedCreate", 0)):
            query = f"?watch=1&timeoutSeconds=1&resourceVersion={version}&fieldSelector={fields}"
            lines = server.request("GET", events + query).data.splitlines()
            assert len(lines) == count
    finally:
        server.stop()


def test_who_reads_a_kind_that_has_another_now_is_told(server: Server) -> None:
    words = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
    for path in ("endpoints", "endpoints/kubernetes"):
        assert words in server.request("GET", f"/api/v1/namespaces/default/{path}").headers["Warning"]
    assert "Warning" not in server.request("GET", "/api/v1/namespaces/default/services").headers


@pytest.mark.parametrize(
    "metadata", [{"labels": [1]}, {"labels": "x"}, {"ownerReferences": "x"}, {"name": 1}, "x", [1]]
)
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/default/events",
        "/apis/events.k8s.io/v1/namespaces/default/events",
        "/api/v1/nodes",
        "/apis/bus.volcano.sh/v1alpha1/namespaces/default/commands",
    ],
)
def test_metadata_of_a_wrong_type_are_a_bad_request_for_every_kind(
    server: Server, path: str, metadata: Any
) -> None:
    answer = server.request("POST", path, {"metadata": metadata})
    assert (answer.code, answer.json["reason"]) == (400, "BadRequest")
    assert "json: cannot unmarshal" in answer.json["message"]


def test_a_status_of_a_job_that_cannot_be_is_refused(server: Server) -> None:
    server.request("POST", JOBS, job("status-of", suspend=True))
    path = f"{JOBS}/status-of/status"
    assert patch(server, path, {"status": {"failed": 2}}).code == 200
    answer = patch(server, path, {"status": {"failed": 1}})
    words = "status.failed: Invalid value: 1: cannot decrease the failed counter"
    assert (answer.code, answer.json["message"]) == (422, f'Job.batch "status-of" is invalid: {words}')
