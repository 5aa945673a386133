"""What answers mean for an item."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import SourceLocation
from expander.client.client import Resource
from expander.manifests.edits import DIGEST_ANNOTATION
from expander.manifests.manifest import Manifest
from expander.submit.delivery import (
    Continue,
    Delivery,
    Finished,
    QuotaExceeded,
    RetryAfter,
    Unauthorized,
    interpret_response,
    next_request,
)
from expander.submit.request import PreparedRequest, RequestBuilder

JOBS = Resource("/apis/batch/v1", "jobs", namespaced=True)


def prepared(name: str = "a", group: str = "g", image: str = "x", **metadata: Any) -> PreparedRequest:
    tree = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**({"name": name} if name else {}), "labels": {"jobgroup": group}, **metadata},
        "spec": {"template": {"spec": {"containers": [{"image": image}]}}},
    }
    return RequestBuilder("ns").of(Manifest(tree, SourceLocation("job.yaml", 1)), JOBS)


def status(code: int, reason: str, message: str = "no") -> bytes:
    return json.dumps({"kind": "Status", "reason": reason, "message": message, "code": code}).encode()


def taken(task: Delivery, by: PreparedRequest | None, on_exists: Any = "fail", **metadata: Any) -> Any:
    """The verdict when the name is taken by ``by``, or by something that is not of this program."""
    assert interpret_response(task, 409, status(409, "AlreadyExists")) == Continue()
    found = json.loads(by.body) if by else {"metadata": {"name": "a"}}
    found["metadata"].update({"uid": "u", "resourceVersion": "7", **metadata})
    return interpret_response(task, 200, json.dumps(found).encode(), on_exists)


def test_recorded_answers_are_understood(reference: Path) -> None:
    answers = json.loads((reference / "http-responses.json").read_text())
    expected = {
        "create-201": Finished,
        "flow-control-429": RetryAfter,
        "already-exists-409": Continue,
        "conflict-409": RetryAfter,
        "quota-403": QuotaExceeded,
        "unauthorized-401": Unauthorized,
    }
    final = [
        "invalid-422",
        "unknown-field-strict-400",
        "rbac-forbidden-403",
        "too-large-413",
        "not-found-404",
    ]
    for name, kind in expected.items():
        answer = answers[name]
        verdict = interpret_response(Delivery(prepared()), answer["status"], answer["body"].encode())
        assert isinstance(verdict, kind), name
    for name in final:
        verdict = interpret_response(
            Delivery(prepared()), answers[name]["status"], answers[name]["body"].encode()
        )
        assert isinstance(verdict, Finished)
        assert verdict.outcome == "refused"
        assert not verdict.passed


def test_the_request_is_strict_and_has_the_digest() -> None:
    asked = next_request(Delivery(prepared()))
    assert asked.method == "POST"
    assert asked.path.startswith("/apis/batch/v1/namespaces/ns/jobs?fieldValidation=Strict")
    assert json.loads(asked.body or b"")["metadata"]["annotations"][DIGEST_ANNOTATION] == prepared().digest


def test_digests_tell_content_apart_and_not_the_order_of_keys() -> None:
    assert prepared().digest == prepared().digest
    assert prepared(image="y").digest != prepared().digest
    one = Manifest({"kind": "Job", "metadata": {"name": "a", "namespace": "n"}}, SourceLocation("f", 1))
    two = Manifest({"metadata": {"namespace": "n", "name": "a"}, "kind": "Job"}, SourceLocation("f", 1))
    assert RequestBuilder("ns").of(one, JOBS).digest == RequestBuilder("ns").of(two, JOBS).digest


def test_a_generated_name_is_the_same_in_every_run_and_differs_for_equal_manifests() -> None:
    manifest = Manifest({"kind": "Job", "metadata": {"generateName": "run-"}}, SourceLocation("f", 1))
    first, second = RequestBuilder("ns"), RequestBuilder("ns")
    names = [first.of(manifest, JOBS).name, first.of(manifest, JOBS).name]
    assert names == [second.of(manifest, JOBS).name, second.of(manifest, JOBS).name]
    assert len(set(names)) == 2


def test_the_same_item_in_the_cluster_is_unchanged() -> None:
    assert taken(Delivery(prepared()), prepared()) == Finished("unchanged")


@pytest.mark.parametrize("code", [500, 504])
def test_an_item_whose_answer_was_lost_is_found_as_created(code: int) -> None:
    task = Delivery(prepared())
    assert isinstance(interpret_response(task, code, b"oops"), RetryAfter)
    assert taken(task, prepared()) == Finished("created", "AnswerLost")


def test_a_quota_that_a_lost_request_may_have_used_up_is_no_refusal_yet() -> None:
    task = Delivery(prepared(), unsure=True)
    full = "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"
    assert interpret_response(task, 403, status(403, "Forbidden", full)) == Continue()
    assert isinstance(interpret_response(task, 404, status(404, "NotFound")), RetryAfter)
    assert isinstance(interpret_response(task, 403, status(403, "Forbidden", full)), QuotaExceeded)


def test_each_way_a_name_can_be_taken_has_its_own_message() -> None:
    other = taken(Delivery(prepared()), prepared(group="h"))
    changed = taken(Delivery(prepared()), prepared(image="y"))
    foreign = taken(Delivery(prepared()), None)
    assert [each.reason for each in (other, changed, foreign)] == ["AnotherGroup", "Changed", "NotOurs"]
    assert len({each.message for each in (other, changed, foreign)}) == 3
    assert not any(each.passed for each in (other, changed, foreign))


def test_another_group_is_told_by_its_label_alone() -> None:
    other = prepared(group="h", annotations={"team": "g"})
    tree = json.loads(other.body)
    tree["metadata"]["labels"]["team"] = "g"
    assert (
        taken(Delivery(prepared()), replace(other, body=json.dumps(tree).encode())).reason == "AnotherGroup"
    )
    assert "group 'h'" in taken(Delivery(prepared()), other).message


def test_skip_passes_over_what_exists() -> None:
    assert taken(Delivery(prepared()), None, "skip").passed


def test_replace_sends_the_version_it_read() -> None:
    task = Delivery(prepared())
    assert taken(task, prepared(image="y"), "replace") == Continue()
    asked = next_request(task)
    assert asked.method == "PUT"
    assert json.loads(asked.body or b"")["metadata"]["resourceVersion"] == "7"
    verdict = interpret_response(
        task, 422, status(422, "Invalid", "spec.template: field is immutable"), "replace"
    )
    assert isinstance(verdict, Finished)
    assert "recreate" in verdict.message


def test_recreate_deletes_that_very_object_and_waits_until_it_is_gone() -> None:
    task = Delivery(prepared())
    assert taken(task, prepared(image="y"), "recreate") == Continue()
    asked = next_request(task)
    assert asked.method == "DELETE"
    assert json.loads(asked.body or b"")["preconditions"] == {"uid": "u"}
    assert interpret_response(task, 200, b"{}", "recreate") == Continue()
    assert isinstance(interpret_response(task, 200, b'{"metadata": {"uid": "u"}}', "recreate"), RetryAfter)
    assert interpret_response(task, 404, status(404, "NotFound"), "recreate") == Continue()
    assert next_request(task).method == "POST"
    assert interpret_response(task, 201, b"{}", "recreate") == Finished("created", "Recreated")
