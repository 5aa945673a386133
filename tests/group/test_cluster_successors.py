"""An item that takes the place of one exact object."""

import json
from typing import Any

from expander.base.errors import Position
from expander.client.client import Resource
from expander.manifests.rerun import Successor
from expander.submit.delivery import Done, Later, Onward, Task, judge, request_of
from expander.submit.dispatcher import Books
from expander.submit.options import Terms
from expander.submit.rate_limiter import Pace
from expander.submit.request import Preparation

JOBS = Resource("/apis/batch/v1", "jobs", namespaced=True)
TREE = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "a", "labels": {"jobgroup": "g"}},
    "spec": {"template": {"spec": {}}},
}


def begun() -> Task:
    """The task that the books make of a successor of the object with the uid ``old``."""
    books = Books(Pace(4), Terms())
    books.add(Preparation("ns").of(Successor(TREE, Position("job/a"), "old"), JOBS))
    task = books.take(0.0)
    assert task is not None
    return task


def status(code: int, reason: str) -> bytes:
    return json.dumps({"kind": "Status", "reason": reason, "message": "no", "code": code}).encode()


def found(uid: str, body: bytes = b"{}") -> bytes:
    tree: dict[str, Any] = json.loads(body)
    tree["metadata"] = {**tree.get("metadata", {}), "uid": uid, "resourceVersion": "1"}
    return json.dumps(tree).encode()


def test_what_it_replaces_goes_first_with_its_pods_and_only_that() -> None:
    task = begun()
    asked = request_of(task)
    assert (asked.method, asked.path) == ("DELETE", "/apis/batch/v1/namespaces/ns/jobs/a")
    options = json.loads(asked.body or b"")
    assert (options["preconditions"], options["propagationPolicy"]) == ({"uid": "old"}, "Foreground")
    assert judge(task, 200, b"{}") == Onward()
    assert isinstance(judge(task, 200, found("old")), Later)
    assert judge(task, 404, status(404, "NotFound")) == Onward()
    assert request_of(task).method == "POST"
    assert judge(task, 201, b"{}") == Done("created", "Recreated")


def test_what_is_gone_already_is_no_hindrance() -> None:
    task = begun()
    assert judge(task, 404, status(404, "NotFound")) == Onward()
    assert judge(task, 404, status(404, "NotFound")) == Onward()
    assert request_of(task).method == "POST"


def test_its_own_earlier_creation_is_recognized_and_another_object_is_spared() -> None:
    for body, outcome in ((None, "created"), (b'{"metadata": {"name": "a"}}', "exists")):
        task = begun()
        assert isinstance(judge(task, 409, status(409, "Conflict")), Later)
        assert request_of(task).method == "GET"
        verdict = judge(task, 200, found("new", body or task.prepared.body))
        assert isinstance(verdict, Done)
        assert verdict.outcome == outcome
