"""What Kubernetes' own conformance tests ask of the API, as far as batch work meets it."""

import time
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

import pytest

from tests.local.apiserver.serving import Answer, Server

T = TypeVar("T")
_numbers = count()


def until(look: Callable[[], T | None]) -> T:
    """What ``look`` gives, once that is something."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come")


class Namespace:
    """A namespace of its own for a test."""

    def __init__(self, server: Server) -> None:
        self.server, self.name = server, f"conformance-{next(_numbers)}"
        self.post("/api/v1/namespaces", {"metadata": {"name": self.name}})

    def path(self, plural: str, group: str = "/api/v1") -> str:
        return f"{group}/namespaces/{self.name}/{plural}"

    def post(self, path: str, body: dict[str, Any]) -> Answer:
        return self.server.request("POST", path, body)

    def create(self, plural: str, name: str, **body: Any) -> dict[str, Any]:
        metadata = {"name": name, **body.pop("metadata", {})}
        answer = self.post(self.path(plural), {"metadata": metadata, **body})
        assert answer.code == 201, answer.data
        return answer.json

    def get(self, path: str) -> Answer:
        return self.server.request("GET", self.path(path))

    def delete(self, path: str, **options: Any) -> Answer:
        return self.server.request("DELETE", self.path(path), options)

    def patch(self, path: str, body: dict[str, Any], kind: str = "merge-patch+json") -> Answer:
        headers = {"Content-Type": f"application/{kind}"}
        return self.server.request("PATCH", self.path(path), body, headers=headers)

    def pod(
        self, name: str, script: str, container: dict[str, Any] | None = None, **spec: Any
    ) -> dict[str, Any]:
        main = {"name": "main", "image": "busybox", "command": ["sh", "-c", script], **(container or {})}
        return self.create("pods", name, spec={"restartPolicy": "Never", "containers": [main], **spec})

    def phase(self, name: str, phase: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.get(f"pods/{name}").json
            return found if found["status"]["phase"] == phase else None

        return until(look)


@pytest.fixture
def place(server: Server) -> Namespace:
    return Namespace(server)


def test_a_changed_deadline_ends_a_pod_and_never_grows(place: Namespace) -> None:
    place.pod("slow", "sleep 1000", terminationGracePeriodSeconds=0)
    place.phase("slow", "Running")
    assert (
        place.patch("pods/slow", {"spec": {"activeDeadlineSeconds": 1}}).json["metadata"]["generation"] == 2
    )
    ended = place.phase("slow", "Failed")["status"]
    assert (ended["reason"], ended["observedGeneration"]) == ("DeadlineExceeded", 2)
    later = place.patch("pods/slow", {"spec": {"activeDeadlineSeconds": 9}})
    assert "must be less than or equal to previous value" in later.json["message"]


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1m"}}, "Burstable"),
        ({"limits": {"cpu": "1m", "memory": "1Mi"}}, "Guaranteed"),
    ],
)
def test_a_new_pod_has_its_quality_of_service_class(
    place: Namespace, resources: dict[str, Any], expected: str
) -> None:
    assert place.pod("one", "true", {"resources": resources})["status"]["qosClass"] == expected


def test_a_pod_with_gates_says_so_and_goes_on_without_them(place: Namespace) -> None:
    (condition,) = place.pod("held", "true", schedulingGates=[{"name": "example.com/g"}])["status"][
        "conditions"
    ]
    assert (condition["type"], condition["reason"]) == ("PodScheduled", "SchedulingGated")
    place.patch("pods/held", {"spec": {"schedulingGates": None}})
    place.phase("held", "Succeeded")


def test_a_dependent_of_two_owners_stays_as_long_as_one_is_there(place: Namespace) -> None:
    def owned(name: str, *owners: str) -> str:
        references = [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": uid, "blockOwnerDeletion": True}
            for uid in owners
        ]
        made = place.create("configmaps", name, metadata={"ownerReferences": references})
        return str(made["metadata"]["uid"])

    first, second = owned("first"), owned("second")
    owned("both", first, second)
    place.delete("configmaps/first", propagationPolicy="Foreground")
    until(lambda: place.get("configmaps/first").code == 404)
    (left,) = place.get("configmaps/both").json["metadata"]["ownerReferences"]
    assert left["uid"] == second
    place.delete("configmaps/second")
    until(lambda: place.get("configmaps/both").code == 404)
    owned("stray", first)
    until(lambda: place.get("configmaps/stray").code == 404)


def test_a_circle_of_owners_is_no_hindrance(place: Namespace) -> None:
    def reference(uid: str) -> dict[str, Any]:
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": uid, "blockOwnerDeletion": True}
        return {"ownerReferences": [owner]}

    one = place.create("configmaps", "one")["metadata"]["uid"]
    two = place.create("configmaps", "two", metadata=reference(one))["metadata"]["uid"]
    place.patch("configmaps/one", {"metadata": reference(two)})
    place.delete("configmaps/one", propagationPolicy="Foreground")
    until(lambda: {place.get(f"configmaps/{each}").code for each in ("one", "two")} == {404})


def test_an_ending_namespace_says_what_holds_it(place: Namespace) -> None:
    place.create("configmaps", "held", metadata={"finalizers": ["example.com/f"]})
    place.server.request("DELETE", f"/api/v1/namespaces/{place.name}")

    def conditions() -> dict[str, Any]:
        status = place.server.request("GET", f"/api/v1/namespaces/{place.name}").json["status"]
        return {each["type"]: each for each in status.get("conditions", ())}

    told = until(conditions)
    assert told["NamespaceFinalizersRemaining"]["message"] == (
        "Some content in the namespace has finalizers remaining: example.com/f in 1 resource instances"
    )
    assert told["NamespaceContentRemaining"]["message"] == (
        "Some resources are remaining: configmaps. has 1 resource instances"
    )
    place.patch("configmaps/held", {"metadata": {"finalizers": None}})
    until(lambda: place.server.request("GET", f"/api/v1/namespaces/{place.name}").code == 404)


def test_a_replica_set_tells_of_pods_that_are_refused(place: Namespace) -> None:
    place.create("resourcequotas", "none", spec={"hard": {"pods": "0"}})
    labels = {"app": "refused"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "busybox"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    sets = place.path("replicasets", "/apis/apps/v1")
    place.post(sets, {"metadata": {"name": "refused"}, "spec": spec})

    def conditions() -> list[dict[str, Any]]:
        found: list[dict[str, Any]]
        found = place.server.request("GET", f"{sets}/refused").json["status"].get("conditions", [])
        return found

    (told,) = until(conditions)
    assert (told["type"], told["reason"]) == ("ReplicaFailure", "FailedCreate")
    headers = {"Content-Type": "application/merge-patch+json"}
    place.server.request("PATCH", f"{sets}/refused", {"spec": {"replicas": 0}}, headers=headers)
    until(lambda: not conditions())


def test_events_of_both_groups_are_the_same_objects(place: Namespace) -> None:
    events = place.path("events", "/apis/events.k8s.io/v1")
    event = {
        "metadata": {"name": "e"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "regarding": {"kind": "Pod", "name": "p", "namespace": place.name},
        **{"reportingController": "c", "reportingInstance": "i", "action": "Do", "reason": "Why"},
        **{"type": "Normal", "note": "words"},
    }
    assert place.post(events, event).code == 201
    core = place.get("events/e").json
    assert (core["message"], core["involvedObject"]["name"], core["reportingComponent"]) == (
        "words",
        "p",
        "c",
    )
    listed = place.server.request("GET", f"{events}?fieldSelector=regarding.name%3Dp").json
    assert [each["note"] for each in listed["items"]] == ["words"]
    table = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    (row,) = place.server.request("GET", events, headers=table).json["rows"]
    assert "words" in row["cells"]
    assert place.post(events, {**event, "metadata": {"name": "f"}, "eventTime": None}).code == 422
    assert place.server.request("DELETE", events).code == 200
    assert place.get("events/e").code == 404


def test_what_components_say_shows_in_the_new_group_too(place: Namespace) -> None:
    place.pod("one", "true")
    place.phase("one", "Succeeded")
    listed = place.server.request("GET", place.path("events", "/apis/events.k8s.io/v1")).json["items"]
    assert {"Scheduled", "Started"} <= {
        each["reason"] for each in listed if each["regarding"]["name"] == "one"
    }


@pytest.mark.parametrize("query", ["tailLines=-1", "sinceSeconds=0", "limitBytes=0"])
def test_numbers_of_logs_are_checked(place: Namespace, query: str) -> None:
    place.pod("one", "true")
    assert place.get(f"pods/one/log?{query}").code == 422


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("watch=true&sendInitialEvents=true", 422),
        ("watch=true&resourceVersionMatch=NotOlderThan&resourceVersion=1", 422),
        ("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=1", 422),
    ],
)
def test_lists_and_watches_want_options_that_fit(place: Namespace, query: str, code: int) -> None:
    assert place.get(f"configmaps?{query}&timeoutSeconds=1").code == code


def test_a_form_that_nobody_speaks_is_not_acceptable(place: Namespace) -> None:
    accept = {"Accept": "application/json;as=Table;v=v9;g=meta.k8s.io"}
    assert place.server.request("GET", place.path("pods"), headers=accept).code == 406
    review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert place.server.request("POST", path, review, headers=accept).code == 406
