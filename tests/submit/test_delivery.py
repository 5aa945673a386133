"""What answers mean for an item."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import SourceLocation, UsageError
from expander.client.client import MAX_FOREIGN_ERRORS, Resource
from expander.client.transport import Response
from expander.manifests.edits import DIGEST_ANNOTATION
from expander.manifests.manifest import Manifest
from expander.manifests.rerun import SUBMITTED_ANNOTATION
from expander.submit.delivery import (
    Action,
    Continue,
    Delivery,
    Finished,
    QuotaExceeded,
    Request,
    RetryAfter,
    Unauthorized,
    next_request,
)
from expander.submit.options import SubmitOptions
from expander.submit.request import PreparedRequest
from expander.submit.request_builder import RequestBuilder
from expander.submit.responses import interpret_response

JOBS = Resource("/apis/batch/v1", "jobs", namespaced=True)


MANIFEST = Manifest(
    {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a", "labels": {"jobgroup": "g"}}},
    SourceLocation("job.yaml", 1),
)


def prepared(name: str = "a", group: str = "g", image: str = "x", **metadata: Any) -> PreparedRequest:
    tree = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**({"name": name} if name else {}), "labels": {"jobgroup": group}, **metadata},
        "spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}},
    }
    return RequestBuilder("ns").prepare(Manifest(tree, SourceLocation("job.yaml", 1)), JOBS)


def status(code: int, reason: str, message: str = "no") -> bytes:
    return json.dumps({"kind": "Status", "reason": reason, "message": message, "code": code}).encode()


def answer(task: Delivery, code: int, body: bytes, **options: Any) -> Action:
    """What a response leads to."""
    return interpret_response(task, Response(code, {}, body), SubmitOptions(**options))


def asked(task: Delivery, **options: Any) -> Request:
    return next_request(task, SubmitOptions(**options))


def kept(item: PreparedRequest, **metadata: Any) -> bytes:
    """The object as the server keeps it."""
    tree = json.loads(item.body)
    tree["metadata"] |= {"uid": "u", "resourceVersion": "7", **metadata}
    return json.dumps(tree).encode()


def taken(
    task: Delivery, by: PreparedRequest | None, state: Mapping[str, Any] | None = None, **options: Any
) -> Any:
    """The action when the name is taken by ``by``, or by something that is not of this program."""
    assert answer(task, 409, status(409, "AlreadyExists"), **options) == Continue()
    found = json.loads(kept(by or task.prepared)) | {"status": dict(state or {})}
    if by is None:
        del found["metadata"]["annotations"]
    return answer(task, 200, json.dumps(found).encode(), **options)


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
        "not-found-404",
        "too-large-413",
    ]
    created = json.loads(answers["create-201"]["body"])["metadata"]
    for name in [*expected, *final]:
        task = Delivery(prepared(created["name"], namespace=created["namespace"]))
        action = answer(task, answers[name]["status"], answers[name]["body"].encode())
        assert isinstance(action, expected.get(name, Finished)), name
        if name in final:
            assert isinstance(action, Finished)
            assert (action.outcome, action.passed) == ("refused", False)


def test_an_error_that_no_api_server_wrote_is_final_only_when_it_stays_and_nothing_was_created() -> None:
    page = b"<html>413 Request Entity Too Large</html>"
    task = Delivery(prepared())
    for _ in range(MAX_FOREIGN_ERRORS - 1):
        assert isinstance(answer(task, 413, page), RetryAfter)
    assert answer(task, 413, page) == Continue()
    assert asked(task).method == "GET"
    assert isinstance(task.if_absent, Finished)
    assert (task.if_absent.outcome, task.if_absent.reason) == ("refused", "HTTP413")
    assert answer(task, 200, kept(task.prepared)) == Finished("created", "AnswerLost")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"<html><body>Sign in</body></html>",
        b'{"kind": "Status", "status": "Success"}',
        kept(prepared("b")),
        kept(prepared(), namespace="other"),
        kept(prepared(), uid=""),
        kept(prepared(), uid=7),
        kept(prepared()).replace(b'"Job"', b'"JobList"'),
        kept(prepared())[:-1],
    ],
)
@pytest.mark.parametrize("code", [200, 201, 202, 204, 302])
def test_a_success_without_the_object_is_a_lost_answer(code: int, body: bytes) -> None:
    task = Delivery(prepared())
    assert isinstance(answer(task, code, body), RetryAfter)
    assert task.maybe_created
    assert taken(task, prepared()) == Finished("created", "AnswerLost")


def test_an_object_that_the_cluster_renames_is_refused_and_told() -> None:
    """Sent again, it would be created under that name, and never be found, without end."""
    task = Delivery(prepared())
    told = answer(task, 201, kept(task.prepared, name="a-x"))
    assert isinstance(told, Finished)
    assert (told.outcome, told.reason, told.passed) == ("refused", "Renamed", False)
    assert told.message.startswith("the cluster named it 'a-x': an admission webhook renames it")


def test_a_renamed_object_that_is_there_already_is_refused_once_its_own_name_was_looked_for() -> None:
    exists = json.loads(status(409, "AlreadyExists")) | {"details": {"name": "a-x"}}
    task = Delivery(prepared())
    assert answer(task, 409, json.dumps(exists).encode()) == Continue()
    assert isinstance(answer(task, 404, status(404, "NotFound")), RetryAfter)
    told = answer(task, 409, json.dumps(exists).encode())
    assert isinstance(told, Finished)
    assert (told.outcome, told.reason) == ("refused", "Renamed")


def test_the_request_is_strict_and_has_the_digest() -> None:
    request = asked(Delivery(prepared()))
    assert request.method == "POST"
    assert request.path.startswith("/apis/batch/v1/namespaces/ns/jobs?fieldValidation=Strict")
    assert json.loads(request.body or b"")["metadata"]["annotations"][DIGEST_ANNOTATION] == prepared().digest


@pytest.mark.parametrize("end", ["Complete", "Failed", ""])
def test_an_unchanged_job_that_has_failed_is_told(end: str) -> None:
    there = json.loads(kept(prepared())) | {"status": {"conditions": [{"type": end, "status": "True"}]}}
    task = Delivery(prepared())
    answer(task, 409, status(409, "AlreadyExists"))
    told = answer(task, 200, json.dumps(there).encode())
    assert told == Finished("unchanged", "Failed" if end == "Failed" else "")


def test_each_job_notes_when_its_item_was_read_and_is_the_same_item_all_the_same() -> None:
    builder = RequestBuilder("ns", stamps=True)
    made = [builder.prepare(MANIFEST, JOBS) for _ in range(50)]
    stamps = [json.loads(each.body)["metadata"]["annotations"][SUBMITTED_ANNOTATION] for each in made]
    assert len(set(stamps)) == 50
    assert stamps == sorted(stamps)
    assert {each.digest for each in made} == {RequestBuilder("ns").prepare(MANIFEST, JOBS).digest}


@pytest.mark.parametrize(
    "options", [{"rerun": "changed"}, {"on_exists": "recreate"}, {"on_exists": "replace"}]
)
def test_what_comes_in_the_place_of_a_job_keeps_its_place(options: dict[str, Any]) -> None:
    old, note = prepared(image="old"), {SUBMITTED_ANNOTATION: "2020-01-01T00:00:00.000007Z"}
    there = json.loads(kept(old))
    there["metadata"]["annotations"] |= note
    task = Delivery(RequestBuilder("ns", stamps=True).prepare(MANIFEST, JOBS))
    answer(task, 409, status(409, "AlreadyExists"), **options)
    answer(task, 200, json.dumps(there).encode(), **options)
    if task.stage == "delete":
        answer(task, 200, b"{}", **options)
        answer(task, 404, status(404, "NotFound"), **options)
    body = json.loads(asked(task, **options).body or b"")
    assert body["metadata"]["annotations"].items() >= note.items()


def test_digests_tell_content_apart_and_not_the_order_of_keys() -> None:
    assert prepared().digest == prepared().digest
    assert prepared(image="y").digest != prepared().digest
    one = Manifest({"kind": "Job", "metadata": {"name": "a", "namespace": "n"}}, SourceLocation("f", 1))
    two = Manifest({"metadata": {"namespace": "n", "name": "a"}, "kind": "Job"}, SourceLocation("f", 1))
    assert RequestBuilder("ns").prepare(one, JOBS).digest == RequestBuilder("ns").prepare(two, JOBS).digest


def test_a_generated_name_is_the_same_in_every_run_and_differs_for_equal_manifests() -> None:
    manifest = Manifest({"kind": "Job", "metadata": {"generateName": "run-"}}, SourceLocation("f", 1))
    first, second = RequestBuilder("ns"), RequestBuilder("ns")
    names = [first.prepare(manifest, JOBS).name, first.prepare(manifest, JOBS).name]
    assert names == [second.prepare(manifest, JOBS).name, second.prepare(manifest, JOBS).name]
    assert len(set(names)) == 2


def test_the_same_item_in_the_cluster_is_unchanged() -> None:
    assert taken(Delivery(prepared()), prepared()) == Finished("unchanged")


@pytest.mark.parametrize("code", [500, 504])
def test_an_item_whose_answer_was_lost_is_found_as_created(code: int) -> None:
    task = Delivery(prepared())
    assert isinstance(answer(task, code, b"oops"), RetryAfter)
    assert taken(task, prepared()) == Finished("created", "AnswerLost")


def test_a_quota_that_a_lost_request_may_have_used_up_is_no_refusal_yet() -> None:
    task = Delivery(prepared(), maybe_created=True)
    full = "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"
    assert answer(task, 403, status(403, "Forbidden", full)) == Continue()
    assert isinstance(answer(task, 404, status(404, "NotFound")), RetryAfter)
    assert isinstance(answer(task, 403, status(403, "Forbidden", full)), QuotaExceeded)


def test_each_way_a_name_can_be_taken_has_its_own_message() -> None:
    other = taken(Delivery(prepared()), prepared(group="h"))
    changed = taken(Delivery(prepared()), prepared(image="y"), {"active": 1})
    foreign = taken(Delivery(prepared()), None)
    assert [each.reason for each in (other, changed, foreign)] == ["AnotherGroup", "Changed", "NotOurs"]
    assert len({each.message for each in (other, changed, foreign)}) == 3
    assert not any(each.passed for each in (other, changed, foreign))


def test_another_group_is_told_by_its_label_alone() -> None:
    other = prepared(group="h", annotations={"team": "g"})
    tree = json.loads(other.body)
    tree["metadata"]["labels"]["team"] = "g"
    changed = replace(other, source=json.dumps(tree).encode())
    assert taken(Delivery(prepared()), changed).reason == "AnotherGroup"
    assert "group 'h'" in taken(Delivery(prepared()), other).message


def test_skip_passes_over_what_exists() -> None:
    assert taken(Delivery(prepared()), None, on_exists="skip").passed


def test_what_may_be_created_and_not_read_exists_and_cannot_be_compared() -> None:
    task = Delivery(prepared())
    assert answer(task, 409, status(409, "AlreadyExists")) == Continue()
    action = answer(task, 403, status(403, "Forbidden", "jobs.batch is forbidden"))
    assert isinstance(action, Finished)
    assert (action.outcome, action.reason, action.passed) == ("exists", "CannotCompare", False)
    assert action.message == (
        "job.batch 'a' exists, cannot be compared: jobs.batch is forbidden; "
        "submit needs the verbs get and list to know what it has sent before"
    )


def test_replace_sends_what_it_read_of_the_version_the_selector_and_generated_labels() -> None:
    generated = {"batch.kubernetes.io/job-name": "a", "controller-uid": "u", "job-name": "a"}
    found = json.loads(kept(prepared(image="y")))
    found["spec"]["selector"] = {"matchLabels": {"controller-uid": "u"}}
    found["spec"]["template"]["metadata"] = {"labels": {**generated, "old": "x"}}
    task = Delivery(prepared())
    answer(task, 409, status(409, "AlreadyExists"))
    assert answer(task, 200, json.dumps(found).encode(), on_exists="replace") == Continue()
    request = next_request(task, SubmitOptions(on_exists="replace"))
    assert request.method == "PUT"
    sent = json.loads(request.body or b"")
    assert sent["metadata"]["resourceVersion"] == "7"
    assert sent["spec"]["selector"] == found["spec"]["selector"]
    assert sent["spec"]["template"]["metadata"]["labels"] == generated
    assert answer(task, 200, kept(prepared()), on_exists="replace") == Finished("created", "Replaced")


def test_a_field_that_cannot_be_replaced_is_named_without_its_value() -> None:
    task = Delivery(prepared(), stage="replace")
    value = 'core.PodTemplateSpec{ObjectMeta:v1.ObjectMeta{Name:""}, ' + "Spec:core.PodSpec{}, " * 50 + "}"
    cause = f"Invalid value: {value}: field is immutable"
    tree = {
        "kind": "Status",
        "reason": "Invalid",
        "message": f'Job.batch "a" is invalid: spec.template: {cause}',
        "details": {"causes": [{"field": "spec.template", "message": cause}]},
    }
    action = answer(task, 422, json.dumps(tree).encode(), on_exists="replace")
    assert isinstance(action, Finished)
    assert action.message == (
        "Job.batch \"a\" is invalid: spec.template: field is immutable; on_exists='recreate' deletes it first"
    )


def test_a_text_that_a_custom_resource_takes_as_a_number_is_told_with_the_ways_to_type_it() -> None:
    words = 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'
    found = answer(Delivery(prepared()), 422, status(422, "Invalid", words))
    assert isinstance(found, Finished)
    assert found.message == f"{words}; without crds items are text in custom resources: ${{ITEM|json}} is not"


def test_recreate_deletes_that_very_object_and_waits_until_it_is_gone() -> None:
    task = Delivery(prepared())
    assert taken(task, prepared(image="y"), on_exists="recreate") == Continue()
    request = asked(task)
    assert request.method == "DELETE"
    assert json.loads(request.body or b"")["preconditions"] == {"uid": "u"}
    assert answer(task, 200, b"{}", on_exists="recreate") == Continue()
    old = answer(task, 200, kept(prepared(image="y")), on_exists="recreate")
    assert isinstance(old, RetryAfter)
    assert answer(task, 404, status(404, "NotFound"), on_exists="recreate") == Continue()
    assert asked(task).method == "POST"
    again = answer(task, 201, kept(prepared(), uid="v"), on_exists="recreate")
    assert again == Finished("created", "Recreated")


def test_server_side_apply_tells_created_changed_and_unchanged_apart() -> None:
    for code, known, outcome in ((201, "", "created"), (200, "7", "unchanged"), (200, "6", "changed")):
        task = Delivery(prepared(), known_version=known)
        action = answer(task, code, kept(prepared()), server_side=True)
        assert isinstance(action, Finished)
        assert action.outcome == outcome


def test_an_apply_that_nobody_may_read_says_that_it_may_have_changed_nothing() -> None:
    task = Delivery(prepared(), "compare")
    forbidden = status(403, "Forbidden", "jobs.batch is forbidden")
    assert isinstance(answer(task, 403, forbidden, server_side=True), RetryAfter)
    assert asked(task, server_side=True).method == "PATCH"
    action = answer(task, 200, kept(prepared()), server_side=True)
    assert action == Finished("changed", "CannotCompare")


def test_a_missing_namespace_comes_with_what_creates_it() -> None:
    action = answer(Delivery(prepared()), 404, status(404, "NotFound", 'namespaces "ns" not found'))
    assert isinstance(action, Finished)
    assert action.message == 'namespaces "ns" not found; `kubectl create namespace ns` creates it'


COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}]}
FAILED = {"conditions": [{"type": "Failed", "status": "True"}]}
RUNNING = {"active": 1}


@pytest.mark.parametrize(
    ("state", "changed", "anew", "kept_by"),
    [
        (COMPLETE, False, "all", "-failed changed"),
        (COMPLETE, True, "changed all", "-failed"),
        (FAILED, False, "failed changed all", "-"),
        (FAILED, True, "-failed changed all", ""),
        ({}, False, "", "-failed changed all"),
        ({}, True, "-failed changed all", ""),
        (RUNNING, False, "", "-failed changed all"),
        (RUNNING, True, "changed all", ""),
    ],
)
def test_jobs_of_an_earlier_submission_are_made_anew_or_kept(
    state: Mapping[str, Any], changed: bool, anew: str, kept_by: str
) -> None:
    """``-`` stands for no --rerun; what is neither is an error."""
    for rerun in (None, "failed", "changed", "all"):
        task = Delivery(prepared(image="new") if changed else prepared())
        action = taken(task, prepared(), state, rerun=rerun)
        word = rerun or "-"
        if word in anew:
            assert action == Continue(), rerun
            assert (task.stage, task.attempt) == ("delete", 1 if state == {} else 2)
        else:
            assert action.passed == (word in kept_by), rerun
            assert action.outcome == ("unchanged" if word in kept_by else "exists")


def test_another_attempt_says_so_and_keeps_the_digest() -> None:
    task = Delivery(prepared(image="new"))
    assert taken(task, prepared(), FAILED) == Continue()
    assert answer(task, 200, b"{}") == Continue()
    assert answer(task, 404, status(404, "NotFound")) == Continue()
    body = json.loads(next_request(task, SubmitOptions()).body or b"")
    assert body["metadata"]["annotations"]["expander/attempt"] == "2"
    assert body["metadata"]["annotations"][DIGEST_ANNOTATION] == prepared(image="new").digest
    assert answer(task, 201, kept(task.prepared)) == Finished("created", "Rerun")


def test_an_indexed_job_with_complete_indexes_stays_and_is_handed_on() -> None:
    spec = {"completionMode": "Indexed", "completions": 3}
    old = prepared()
    tree = json.loads(old.body)
    tree["spec"] = {**tree["spec"], **spec}
    some = replace(old, source=json.dumps(tree).encode())
    state = {**FAILED, "completedIndexes": "0,2"}
    task = Delivery(prepared(image="new"))
    assert taken(task, some, state) == Finished("unchanged", "IndexesRerun")
    assert task.found is not None
    assert taken(Delivery(prepared()), some, state) == Finished("unchanged", "Failed")
    assert taken(Delivery(prepared()), some, state, rerun="failed").reason == "IndexesRerun"
    assert taken(Delivery(prepared(image="new")), some, state, rerun="all") == Continue()


def test_rules_for_taken_names_come_first_when_they_are_given() -> None:
    skipped = taken(Delivery(prepared(image="new")), prepared(), FAILED, on_exists="skip")
    assert (skipped.outcome, skipped.reason, skipped.passed) == ("exists", "Changed", True)
    with pytest.raises(UsageError, match="rerun cannot be used with on_exists"):
        SubmitOptions(rerun="all", on_exists="skip").check()
    with pytest.raises(UsageError, match="expected failed, changed or all"):
        SubmitOptions(rerun="some").check()  # type: ignore[arg-type]
