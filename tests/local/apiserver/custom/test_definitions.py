"""CustomResourceDefinitions: checked, accepted, shown by discovery and OpenAPI, and deleted with all of theirs."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.local.apiserver.custom.definitions import CRDS, MERGE_PATCH, definition, schema, widget
from tests.local.apiserver.serving import Answer, Server, job

DISCOVERY = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}


def conditions(server: Server, name: str) -> dict[str, tuple[str, str]]:
    found = server.request("GET", f"{CRDS}/{name}").json["status"]["conditions"]
    return {each["type"]: (each["status"], each["reason"]) for each in found}


def until(check: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


def test_a_definition_is_accepted_and_its_resources_are_served_at_once(server: Server) -> None:
    group = "one.example.com"
    made = server.request("POST", CRDS, definition(group)).json
    assert made["spec"]["names"]["listKind"] == "WidgetList"
    assert made["spec"]["conversion"] == {"strategy": "None"}
    assert (
        server.request("POST", f"/apis/{group}/v1/namespaces/default/widgets", widget(group, "a")).code == 201
    )
    assert conditions(server, f"widgets.{group}") == {
        "NamesAccepted": ("True", "NoConflicts"),
        "Established": ("True", "InitialNamesAccepted"),
    }
    status = server.request("GET", f"{CRDS}/widgets.{group}").json["status"]
    assert status["acceptedNames"]["shortNames"] == ["wd"]
    assert status["storedVersions"] == ["v1"]


def test_discovery_and_openapi_show_the_versions_of_a_definition(server: Server) -> None:
    group = "two.example.com"
    assert server.request("GET", f"/apis/{group}").code == 404
    server.request("POST", CRDS, definition(group))
    versions = server.request("GET", f"/apis/{group}").json
    assert [each["version"] for each in versions["versions"]] == ["v1", "v1beta1"]
    assert versions["preferredVersion"]["version"] == "v1"
    listed = server.request("GET", f"/apis/{group}/v1").json["resources"]
    assert [each["name"] for each in listed] == ["widgets", "widgets/status", "widgets/scale"]
    assert (listed[0]["shortNames"], listed[0]["categories"]) == (["wd"], ["all"])
    groups = server.request("GET", "/apis", headers=DISCOVERY).json["items"]
    ours = next(each for each in groups if each["metadata"]["name"] == group)
    assert [each["version"] for each in ours["versions"]] == ["v1", "v1beta1"]
    address = server.request("GET", "/openapi/v3").json["paths"][f"apis/{group}/v1"]["serverRelativeURL"]
    document = server.request("GET", address).json
    kind = document["components"]["schemas"]["com.example.two.v1.Widget"]
    assert kind["properties"]["spec"]["description"] == "What the widget is."
    assert kind["x-kubernetes-group-version-kind"] == [{"group": group, "kind": "Widget", "version": "v1"}]
    patch = document["paths"][f"/apis/{group}/v1/namespaces/{{namespace}}/widgets/{{name}}"]["patch"]
    assert "application/strategic-merge-patch+json" not in patch["requestBody"]["content"]


def test_names_that_are_taken_are_not_accepted(server: Server) -> None:
    group = "taken.example.com"
    server.request("POST", CRDS, definition(group))
    server.request("POST", CRDS, definition(group, plural="gadgets"))
    found = conditions(server, f"gadgets.{group}")
    assert found["NamesAccepted"] == ("False", "ListKindConflict")
    assert found["Established"] == ("False", "NotAccepted")
    assert server.request("GET", f"/apis/{group}/v1/gadgets").code == 404


def invalid(answer: Answer) -> str:
    assert answer.code == 422, answer.json
    return str(answer.json["message"])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"scope": "World"}, 'spec.scope: Unsupported value: "World": supported values: "Cluster"'),
        ({"group": "bare"}, 'spec.group: Invalid value: "bare": should be a domain with at least one dot'),
        ({"versions": []}, "spec.versions: Required value"),
        ({"versions": 3}, "spec.versions: Invalid value: must be of type array"),
        ({"versions": [{"name": "v1", "served": True, "storage": True}]}, "openAPIV3Schema: Required value"),
        ({"names": {"plural": "widgets"}}, "spec.names.kind: Required value"),
        (
            {"versions": [{"name": "v1", "served": True, "storage": False, "schema": schema({})}]},
            "must have exactly one version marked as storage version",
        ),
        (
            {"versions": [{"name": "v1", "served": True, "storage": True, "schema": schema({"spec": {}})}]},
            "properties[spec].type: Required value: must not be empty for specified object fields",
        ),
    ],
)
def test_a_definition_that_is_none_is_refused(server: Server, spec: dict[str, Any], message: str) -> None:
    made = definition("bad.example.com")
    made["spec"] |= spec
    assert message in invalid(server.request("POST", CRDS, made))


RULES = ("spec", "versions", 0, "schema", "openAPIV3Schema", "properties", "spec", "x-kubernetes-validations")


@pytest.mark.parametrize(
    ("place", "value", "code"),
    [
        ((*RULES, 0), "x", 422),
        ((*RULES, 0, "rule"), ["x"], 422),
        ((*RULES[:-1], "required"), -1, 422),
        ((*RULES[:-1], "required", 0), None, 422),
        ((*RULES[:-1], "properties", "replicas", "minimum"), "..", 422),
        ((*RULES[:-1], "properties", "replicas", "minimum"), None, 201),
        (("spec", "versions", 0, "name"), {"a": None}, 422),
        (("spec", "versions", 0, "additionalPrinterColumns", 0, "jsonPath"), 3, 422),
        (("spec", "versions", 0, "subresources", "scale", "specReplicasPath"), [], 422),
        (("metadata",), True, 400),
        (("metadata", "name"), 3, 400),
    ],
)
def test_a_value_of_another_type_is_refused_and_stops_nothing(
    server: Server, place: tuple[Any, ...], value: Any, code: int
) -> None:
    made = definition("odd.example.com")
    *above, last = place
    target: Any = made
    for step in above:
        target = target[step]
    target[last] = value
    assert server.request("POST", f"{CRDS}?dryRun=All", made).code == code


def test_a_status_of_another_type_is_refused_and_the_definition_can_be_deleted(server: Server) -> None:
    place = f"{CRDS}/widgets.status.example.com"
    server.request("POST", CRDS, definition("status.example.com"))
    wrong: list[dict[str, Any]] = [
        *({"conditions": 7}, {"conditions": ["x"]}, {"conditions": [{}]}, {"conditions": [{"type": 1}]}),
        *({"storedVersions": 7}, {"storedVersions": [{}]}, {"acceptedNames": 7}),
        *({"acceptedNames": {"plural": 7}}, {"acceptedNames": {"shortNames": [7]}}),
    ]
    for status in wrong:
        answer = server.request("PATCH", f"{place}/status", {"status": status}, headers=MERGE_PATCH)
        assert answer.code == 422, status
    for empty in ({"status": None}, {"status": {"conditions": None, "acceptedNames": None}}):
        assert server.request("PATCH", f"{place}/status", empty, headers=MERGE_PATCH).code == 200
    assert server.request("DELETE", place).code == 200
    until(lambda: server.request("GET", place).code == 404)


def test_names_scope_and_stored_versions_stay(server: Server) -> None:
    group = "fixed.example.com"
    server.request("POST", CRDS, definition(group))
    place = f"{CRDS}/widgets.{group}"
    scope = server.request("PATCH", place, {"spec": {"scope": "Cluster"}}, headers=MERGE_PATCH)
    assert 'spec.scope: Invalid value: "Cluster": field is immutable' in invalid(scope)
    there = server.request("GET", place).json
    older = [{**each, "storage": True} for each in there["spec"]["versions"][1:]]
    left = server.request("PATCH", place, {"spec": {"versions": older}}, headers=MERGE_PATCH)
    assert "missing from spec.versions" in invalid(left)


def test_a_changed_schema_counts_from_the_next_request_on(server: Server) -> None:
    group = "grows.example.com"
    made = server.request("POST", CRDS, definition(group)).json
    place = f"/apis/{group}/v1/namespaces/default/widgets"
    assert server.request("POST", f"{place}?dryRun=All", widget(group, "a", color="green")).code == 422
    versions = made["spec"]["versions"]
    del versions[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["color"]["enum"]
    change = {"spec": {"versions": versions}}
    changed = server.request("PATCH", f"{CRDS}/widgets.{group}", change, headers=MERGE_PATCH)
    assert changed.json["metadata"]["generation"] == 2
    assert server.request("POST", f"{place}?dryRun=All", widget(group, "a", color="green")).code == 201


def test_a_definition_goes_when_the_last_of_its_resources_has(server: Server) -> None:
    group = "ends.example.com"
    server.request("POST", CRDS, definition(group))
    place = f"/apis/{group}/v1/namespaces/default/widgets"
    held = widget(group, "held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    server.request("POST", place, held), server.request("POST", place, widget(group, "free"))
    server.request("DELETE", f"{CRDS}/widgets.{group}")
    until(lambda: server.request("GET", f"{place}/free").code == 404)
    assert conditions(server, f"widgets.{group}")["Terminating"] == ("True", "InstanceDeletionInProgress")
    assert server.request("POST", place, widget(group, "late")).code == 405
    server.request("PATCH", f"{place}/held", {"metadata": {"finalizers": None}}, headers=MERGE_PATCH)
    until(lambda: server.request("GET", f"{CRDS}/widgets.{group}").code == 404)
    assert server.request("GET", place).code == 404
    server.request("POST", CRDS, definition(group))
    assert server.request("GET", place).json["items"] == []


@pytest.mark.parametrize("kind", ["Job", "Pod", "Service", "Namespace", "Event"])
def test_a_custom_kind_may_have_the_name_of_one_of_kubernetes(server: Server, kind: str) -> None:
    group, plural = "names.example.com", f"{kind.lower()}s"
    server.request("POST", CRDS, definition(group, kind, plural))
    place = f"/apis/{group}/v1/namespaces/default/{plural}"
    made = server.request("POST", place, {**widget(group, "same"), "kind": kind})
    assert made.code == 201, made.json
    assert "status" not in made.json
    more = server.request("PATCH", f"{place}/same", {"spec": {"replicas": 2}}, headers=MERGE_PATCH)
    assert more.json["spec"]["replicas"] == 2
    assert [each["metadata"]["name"] for each in server.request("GET", place).json["items"]] == ["same"]
    builtin = "/api/v1/namespaces/default/pods" if kind == "Pod" else "/apis/batch/v1/namespaces/default/jobs"
    assert "same" not in json.dumps(server.request("GET", builtin).json)
    assert server.request("DELETE", f"{place}/same").json["kind"] in ("Status", kind)
    assert server.request("GET", f"{place}/same").code == 404


def test_what_a_custom_resource_owns_goes_with_it(server: Server) -> None:
    group = "owner.example.com"
    server.request("POST", CRDS, definition(group))
    place = f"/apis/{group}/v1/namespaces/default/widgets"
    owner = server.request("POST", place, widget(group, "a")).json
    owned = job("of-widget", suspend=True)
    owned["metadata"]["ownerReferences"] = [
        {"apiVersion": f"{group}/v1", "kind": "Widget", "name": "a", "uid": owner["metadata"]["uid"]}
    ]
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    assert server.request("POST", jobs, owned).code == 201
    server.request("DELETE", f"{place}/a")
    until(lambda: server.request("GET", f"{jobs}/of-widget").code == 404)


def test_definitions_and_resources_survive_kill_9(state: Path) -> None:
    group = "lasts.example.com"
    server = Server(state).start()
    place = f"/apis/{group}/v1/namespaces/default/widgets"
    server.request("POST", CRDS, definition(group))
    made = server.request("POST", place, widget(group, "a")).json
    server.request("POST", CRDS, definition("going.example.com"))
    held = widget("going.example.com", "held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    server.request("POST", "/apis/going.example.com/v1/namespaces/default/widgets", held)
    server.request("DELETE", f"{CRDS}/widgets.going.example.com")
    server.stop(signal.SIGKILL)
    server = Server(state).start()
    try:
        assert server.request("GET", f"{place}/a").json == made
        assert server.request("GET", f"/apis/{group}/v1").code == 200
        assert "Terminating" in conditions(server, "widgets.going.example.com")
        going = "/apis/going.example.com/v1/namespaces/default/widgets/held"
        server.request("PATCH", going, {"metadata": {"finalizers": None}}, headers=MERGE_PATCH)
        until(lambda: server.request("GET", f"{CRDS}/widgets.going.example.com").code == 404)
    finally:
        assert server.stop() == 0


def test_definitions_of_files_are_there_from_the_start_as_the_files_have_them(tmp_path: Path) -> None:
    file = tmp_path / "crds" / "widgets.json"
    file.parent.mkdir()
    file.write_text(json.dumps(definition("files.example.com")))
    flags = ("--runtime", "process", "--crds", str(file.parent))
    server = Server(tmp_path / "state", flags).start()
    assert server.request("GET", "/apis/files.example.com/v1").code == 200
    assert server.stop() == 0
    changed = definition("files.example.com")
    changed["spec"]["names"]["shortNames"] = ["wdg"]
    file.write_text(json.dumps(changed))
    server = Server(tmp_path / "state", flags).start()
    listed = server.request("GET", "/apis/files.example.com/v1").json["resources"]
    assert listed[0]["shortNames"] == ["wdg"]
    assert server.stop() == 0
    changed["spec"]["scope"] = "World"
    file.write_text(json.dumps(changed))
    with pytest.raises(AssertionError, match=f'error: {file}:1: .*spec.scope: Unsupported value: "World"'):
        Server(tmp_path / "state", flags).start()
