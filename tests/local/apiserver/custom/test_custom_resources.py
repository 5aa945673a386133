"""Custom resources as clients write and read them: checked by their schema, stored in one version."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.local.apiserver.custom.definitions import (
    APPLY_PATCH,
    CRDS,
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_PATCH,
    TABLE,
    definition,
    widget,
)
from tests.local.apiserver.serving import Answer, Server

GROUP = "shop.example.com"
PATH = f"/apis/{GROUP}/v1/namespaces/default/widgets"
OLD_PATH = f"/apis/{GROUP}/v1beta1/namespaces/default/widgets"


@pytest.fixture(scope="module", autouse=True)
def defined(server: Server) -> None:
    assert server.request("POST", CRDS, definition(GROUP)).code == 201


@pytest.fixture
def make(server: Server) -> Iterator[Callable[..., dict[str, Any]]]:
    """Creates a widget, which is deleted after the test."""
    made: list[str] = []

    def create(name: str, **spec: Any) -> dict[str, Any]:
        answer = server.request("POST", PATH, widget(GROUP, name, **spec))
        assert answer.code == 201, answer.json
        made.append(name)
        return answer.json

    yield create
    for name in made:
        server.request("DELETE", f"{PATH}/{name}")


def causes(answer: Answer) -> list[tuple[str, str]]:
    assert answer.code == 422, answer.json
    return [(each["field"], each["message"]) for each in answer.json["details"]["causes"]]


def test_a_new_object_gets_its_defaults_and_no_status(server: Server, make: Any) -> None:
    made = make("one", parts=[{"name": "a", "size": 1}])
    assert made["spec"] == {"color": "red", "parts": [{"name": "a", "size": 1}], "replicas": 1}
    assert made["metadata"]["generation"] == 1
    with_status = {**widget(GROUP, "two"), "status": {"replicas": 9}}
    assert "status" not in server.request("POST", f"{PATH}?dryRun=All", with_status).json
    assert server.request("GET", f"{PATH}/one").json == made
    assert server.request("GET", f"{PATH}/two").code == 404


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ({"color": "green"}, "spec.color", 'Unsupported value: "green": supported values: "red", "blue"'),
        ({"replicas": -1}, "spec.replicas", "greater than or equal to 0"),
        ({"replicas": 6}, "spec", "too many for its color"),
        ({"parts": [{"size": 1}]}, "spec.parts[0].name", "Required value"),
        ({"parts": [{"name": "a"}, {"name": "a"}]}, "spec.parts[1]", 'Duplicate value: {"name":"a"}'),
    ],
)
def test_what_the_schema_or_a_rule_refuses_is_a_cause(
    server: Server, spec: dict[str, Any], field: str, message: str
) -> None:
    found = causes(server.request("POST", PATH, widget(GROUP, "bad", **spec)))
    assert any(each == field and message in words for each, words in found), found


def test_fields_that_the_schema_does_not_have_are_refused_dropped_or_kept(server: Server) -> None:
    odd = widget(GROUP, "odd", shade="dark", extra={"any": ["thing"]})
    odd["metadata"]["zone"] = "x"
    refused = server.request("POST", f"{PATH}?fieldValidation=Strict&dryRun=All", odd)
    assert refused.json["message"] == (
        'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field '
        '"metadata.zone", unknown field "spec.shade"'
    )
    warned = server.request("POST", f"{PATH}?dryRun=All", odd)
    assert warned.json["spec"] == {"color": "red", "extra": {"any": ["thing"]}, "replicas": 1}
    assert "zone" not in warned.json["metadata"]
    assert 'unknown field \\"spec.shade\\"' in warned.headers["Warning"]
    ignored = server.request("POST", f"{PATH}?fieldValidation=Ignore&dryRun=All", odd)
    assert (ignored.code, "Warning" in ignored.headers) == (201, False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metadata": []}, "json: cannot unmarshal array into Go value of type v1.ObjectMeta"),
        (
            {"metadata": {"name": "x", "labels": {"a": 1}}},
            "json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string",
        ),
        (
            {"apiVersion": "other.io/v1"},
            "the API version in the data (other.io/v1) does not match the expected",
        ),
        ({"kind": None}, "Object 'Kind' is missing in"),
        ({"metadata": {"name": "x", "namespace": "other"}}, "the namespace of the provided object does not"),
    ],
)
def test_what_is_no_widget_is_a_bad_request(server: Server, change: dict[str, Any], message: str) -> None:
    answer = server.request("POST", PATH, {**widget(GROUP, "x"), **change})
    assert answer.code == 400
    assert message in answer.json["message"]


def test_an_update_is_held_against_what_was_there(server: Server, make: Any) -> None:
    made = make("held")
    blue = {**made, "spec": {"color": "blue"}}
    assert causes(server.request("PUT", f"{PATH}/held", blue)) == [
        ("spec.color", "Invalid value: color is immutable")
    ]
    stale = {**made, "metadata": {**made["metadata"], "resourceVersion": "1"}}
    assert server.request("PUT", f"{PATH}/held", stale).code == 409
    more = server.request("PUT", f"{PATH}/held", {**made, "spec": {**made["spec"], "replicas": 2}})
    assert more.json["metadata"]["generation"] == 2
    labelled = {**more.json, "metadata": {**more.json["metadata"], "labels": {"a": "b"}}}
    assert server.request("PUT", f"{PATH}/held", labelled).json["metadata"]["generation"] == 2


def test_patches_are_merge_json_and_apply_but_not_strategic(server: Server, make: Any) -> None:
    make("patched")
    merge = server.request("PATCH", f"{PATH}/patched", {"spec": {"replicas": 3}}, headers=MERGE_PATCH)
    assert merge.json["spec"]["replicas"] == 3
    steps = [{"op": "add", "path": "/spec/parts", "value": [{"name": "a"}]}]
    assert server.request("PATCH", f"{PATH}/patched", steps, headers=JSON_PATCH).json["spec"]["parts"]
    refused = server.request("PATCH", f"{PATH}/patched", {"spec": {}}, headers=STRATEGIC_PATCH)
    assert refused.code == 415
    assert "strategic" not in refused.json["message"]


def test_server_side_apply_owns_entries_of_a_map_and_finds_conflicts(server: Server, make: Any) -> None:
    make("applied", parts=[{"name": "a", "size": 1}])
    given = widget(GROUP, "applied", parts=[{"name": "b", "size": 2}])
    place = f"{PATH}/applied?fieldManager=one"
    body = json.dumps(given).encode()
    done = server.request("PATCH", place, body, headers=APPLY_PATCH)
    assert [each["name"] for each in done.json["spec"]["parts"]] == ["a", "b"]
    owned = next(each for each in done.json["metadata"]["managedFields"] if each["manager"] == "one")
    assert 'k:{"name":"b"}' in owned["fieldsV1"]["f:spec"]["f:parts"]
    other = json.dumps(widget(GROUP, "applied", parts=[{"name": "b", "size": 3}])).encode()
    conflict = server.request("PATCH", f"{PATH}/applied?fieldManager=two", other, headers=APPLY_PATCH)
    assert conflict.code == 409
    assert '.spec.parts[name="b"].size' in conflict.json["message"]


def test_status_and_scale_are_written_by_themselves(server: Server, make: Any) -> None:
    make("scaled")
    status = {"status": {"replicas": 1, "selector": "app=scaled"}, "spec": {"replicas": 5}}
    written = server.request("PATCH", f"{PATH}/scaled/status", status, headers=MERGE_PATCH).json
    assert (written["status"]["replicas"], written["spec"]["replicas"]) == (1, 1)
    assert written["metadata"]["generation"] == 1
    scale = server.request("GET", f"{PATH}/scaled/scale").json
    assert (scale["spec"], scale["status"]) == ({"replicas": 1}, {"replicas": 1, "selector": "app=scaled"})
    grown = server.request("PATCH", f"{PATH}/scaled/scale", {"spec": {"replicas": 4}}, headers=MERGE_PATCH)
    assert grown.json["spec"] == {"replicas": 4}
    after = server.request("GET", f"{PATH}/scaled").json
    assert (after["spec"]["replicas"], after["status"]) == (4, written["status"])
    many = server.request("PATCH", f"{PATH}/scaled/scale", {"spec": {"replicas": 6}}, headers=MERGE_PATCH)
    assert many.code == 422


def test_every_version_shows_the_one_object_that_is_stored(server: Server) -> None:
    made = server.request("POST", OLD_PATH, widget(GROUP, "aged", "v1beta1", shade="dark"))
    assert made.code == 201
    assert f"{GROUP}/v1beta1 Widget is deprecated" in made.headers["Warning"]
    assert (made.json["apiVersion"], "shade" in made.json["spec"]) == (f"{GROUP}/v1beta1", False)
    newer = server.request("GET", f"{PATH}/aged").json
    assert (newer["apiVersion"], newer["spec"]) == (f"{GROUP}/v1", {"color": "red", "replicas": 1})
    assert server.request("DELETE", f"{OLD_PATH}/aged").json["status"] == "Success"
    assert server.request("GET", f"{PATH}/aged").code == 404


def test_objects_are_selected_by_labels_names_and_selectable_fields(server: Server, make: Any) -> None:
    make("rose"), make("sky", color="blue")

    def names(query: str) -> list[str]:
        found = server.request("GET", f"{PATH}?{query}").json
        assert found["kind"] == "WidgetList"
        return [each["metadata"]["name"] for each in found["items"]]

    assert names("labelSelector=app%3Drose") == ["rose"]
    assert names("fieldSelector=metadata.name%3Dsky") == ["sky"]
    assert names("fieldSelector=spec.color%3Dblue") == ["sky"]
    wrong = server.request("GET", f"{PATH}?fieldSelector=spec.replicas%3D1")
    assert (wrong.code, wrong.json["message"].endswith("field label not supported: spec.replicas")) == (
        400,
        True,
    )


def test_a_watch_tells_what_a_selector_means_in_the_version_of_the_request(server: Server, make: Any) -> None:
    version = server.request("GET", PATH).json["metadata"]["resourceVersion"]
    make("seen"), make("unseen", color="blue")
    query = f"watch=1&resourceVersion={version}&fieldSelector=spec.color%3Dred&timeoutSeconds=1"
    lines = server.request("GET", f"{PATH}?{query}").data.splitlines()
    events = [json.loads(line) for line in lines]
    assert [(each["type"], each["object"]["metadata"]["name"]) for each in events] == [("ADDED", "seen")]
    assert (events[0]["object"]["apiVersion"], events[0]["object"]["kind"]) == (f"{GROUP}/v1", "Widget")


def test_tables_have_the_columns_of_the_definition(server: Server, make: Any) -> None:
    make("shown")
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    server.request("PATCH", f"{PATH}/shown/status", ready, headers=MERGE_PATCH)
    table = server.request("GET", f"{PATH}/shown", headers=TABLE).json
    columns = [(each["name"], each["type"], each["priority"]) for each in table["columnDefinitions"]]
    assert columns == [
        ("Name", "string", 0),
        ("Color", "string", 0),
        ("Replicas", "integer", 1),
        ("Ready", "string", 0),
        ("Age", "date", 0),
    ]
    *cells, age = table["rows"][0]["cells"]
    assert (cells, age.endswith("s")) == (["shown", "red", 1, "True"], True)


def test_finalizers_hold_an_object_that_is_deleted(server: Server, make: Any) -> None:
    made = make("kept")
    held = {"metadata": {"finalizers": ["example.com/hold"]}}
    server.request("PATCH", f"{PATH}/kept", held, headers=MERGE_PATCH)
    left = server.request("DELETE", f"{PATH}/kept").json
    assert (left["kind"], bool(left["metadata"]["deletionTimestamp"])) == ("Widget", True)
    assert server.request("GET", f"{PATH}/kept").json["metadata"]["uid"] == made["metadata"]["uid"]
    server.request("PATCH", f"{PATH}/kept", {"metadata": {"finalizers": None}}, headers=MERGE_PATCH)
    assert server.request("GET", f"{PATH}/kept").code == 404


def test_a_collection_is_deleted_and_a_namespace_takes_its_objects_along(server: Server) -> None:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}
    server.request("POST", "/api/v1/namespaces", space)
    place = f"/apis/{GROUP}/v1/namespaces/team/widgets"
    for name in ("a", "b"):
        assert server.request("POST", place, widget(GROUP, name)).code == 201
    gone = server.request("DELETE", f"{place}?labelSelector=app%3Da").json
    assert [each["metadata"]["name"] for each in gone["items"]] == ["a"]
    server.request("DELETE", "/api/v1/namespaces/team")
    for _ in range(200):
        if server.request("GET", "/api/v1/namespaces/team").code == 404:
            break
    assert server.request("GET", f"{place}/b").code == 404
    refused = server.request("POST", place, widget(GROUP, "late"))
    assert (refused.code, refused.json["message"]) == (404, 'namespaces "team" not found')


def test_a_quota_counts_custom_resources(server: Server) -> None:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "small"}}
    server.request("POST", "/api/v1/namespaces", space)
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {f"count/widgets.{GROUP}": "1"}}}
    server.request("POST", "/api/v1/namespaces/small/resourcequotas", quota)
    place = f"/apis/{GROUP}/v1/namespaces/small/widgets"
    assert server.request("POST", place, widget(GROUP, "a")).code == 201
    refused = server.request("POST", place, widget(GROUP, "b"))
    assert refused.code == 403
    assert f"exceeded quota: few, requested: count/widgets.{GROUP}=1" in refused.json["message"]
