"""An item that takes the place of one exact object."""

import json
from typing import Any

from expander.base.errors import SourceLocation
from expander.client.client import Resource
from expander.client.transport import Response
from expander.manifests.rerun import Successor
from expander.submit.delivery import Action, Continue, Delivery, Finished, RetryAfter, next_request
from expander.submit.dispatcher import Dispatcher
from expander.submit.options import SubmitOptions
from expander.submit.rate_limiter import AdaptiveRateLimiter
from expander.submit.request_builder import RequestBuilder
from expander.submit.responses import interpret_response

JOBS = Resource("/apis/batch/v1", "jobs", namespaced=True)
TREE = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "a", "labels": {"jobgroup": "g"}},
    "spec": {"template": {"spec": {"containers": [{"name": "c"}]}}},
}


def begun() -> Delivery:
    """The delivery that the dispatcher makes of a successor of the object with the uid ``old``."""
    dispatcher = Dispatcher(AdaptiveRateLimiter(4), SubmitOptions())
    dispatcher.add(RequestBuilder("ns").prepare(Successor(TREE, SourceLocation("job/a"), "old"), JOBS))
    task = dispatcher.take(0.0)
    assert task is not None
    return task


OPTIONS = SubmitOptions()


def answer(task: Delivery, code: int, body: bytes) -> Action:
    return interpret_response(task, Response(code, {}, body), OPTIONS)


def status(code: int, reason: str) -> bytes:
    return json.dumps({"kind": "Status", "reason": reason, "message": "no", "code": code}).encode()


def found(uid: str, body: bytes = b"{}") -> bytes:
    tree: dict[str, Any] = {**TREE, "metadata": {}, **json.loads(body)}
    metadata = {"name": "a", "namespace": "ns", "uid": uid, "resourceVersion": "1"}
    metadata["creationTimestamp"] = "2026-11-29T12:00:00Z"
    tree["metadata"] = {**tree.get("metadata", {}), **metadata}
    return json.dumps(tree).encode()


def test_what_it_replaces_goes_first_with_its_pods_and_only_that() -> None:
    task = begun()
    asked = next_request(task, OPTIONS)
    assert (asked.method, asked.path) == ("DELETE", "/apis/batch/v1/namespaces/ns/jobs/a")
    options = json.loads(asked.body or b"")
    assert (options["preconditions"], options["propagationPolicy"]) == ({"uid": "old"}, "Foreground")
    assert answer(task, 200, b"{}") == Continue()
    assert isinstance(answer(task, 200, found("old")), RetryAfter)
    assert answer(task, 404, status(404, "NotFound")) == Continue()
    assert next_request(task, OPTIONS).method == "POST"
    assert answer(task, 201, found("new")) == Finished("created", "Recreated")


def test_what_is_gone_already_is_no_hindrance() -> None:
    task = begun()
    assert answer(task, 404, status(404, "NotFound")) == Continue()
    assert answer(task, 404, status(404, "NotFound")) == Continue()
    assert next_request(task, OPTIONS).method == "POST"


def test_its_own_earlier_creation_is_recognized_and_another_object_is_spared() -> None:
    for body, outcome in ((None, "created"), (b'{"metadata": {"name": "a"}}', "exists")):
        task = begun()
        assert isinstance(answer(task, 409, status(409, "Conflict")), RetryAfter)
        assert next_request(task, OPTIONS).method == "GET"
        verdict = answer(task, 200, found("new", body or task.prepared.body))
        assert isinstance(verdict, Finished)
        assert verdict.outcome == outcome
