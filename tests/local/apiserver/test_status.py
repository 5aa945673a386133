"""Statuses beyond those that were recorded."""

from __future__ import annotations

from expander.kube.scheme import BY_KIND
from expander.local.apiserver import status as statuses
from expander.validate.finding import Finding, Reason

JOBS, PODS = BY_KIND["Job"], BY_KIND["Pod"]


def test_an_invalid_object_is_told_each_message_once_but_every_cause() -> None:
    twice = Finding("spec.a", Reason.REQUIRED, "Required value")
    status = statuses.invalid(JOBS, "j", [twice, twice])
    assert status["message"] == 'Job.batch "j" is invalid: spec.a: Required value'
    assert len(status["details"]["causes"]) == 2


def test_an_invalid_object_without_findings_has_no_causes() -> None:
    status = statuses.invalid(PODS, "", [])
    assert status["message"] == 'Pod "" is invalid'
    assert status["details"] == {"kind": "Pod"}


def test_names_are_quoted_as_go_does() -> None:
    assert statuses.not_found(PODS, 'a"b\\')["message"] == r'pods "a\"b\\" not found'


def test_an_update_of_another_object_is_a_conflict_that_names_both() -> None:
    status = statuses.precondition(JOBS, "j", "1", "2")
    why = "Precondition failed: UID in precondition: 1, UID in object meta: 2"
    assert status["message"] == f'Operation cannot be fulfilled on jobs.batch "j": {why}'
    assert (status["code"], status["reason"]) == (409, "Conflict")


def test_a_delete_of_another_object_is_a_conflict_that_names_both() -> None:
    status = statuses.deletes_another(JOBS, "j", "UID", "1", "2")
    why = "the UID in the precondition (1) does not match the UID in record (2). "
    why += "The object might have been deleted and then recreated"
    assert status["message"] == f'Operation cannot be fulfilled on Job.batch "j": {why}'
    assert (status["code"], status["reason"]) == (409, "Conflict")


def test_a_generated_name_that_is_taken_may_be_tried_again() -> None:
    status = statuses.name_taken(JOBS, "j-x")
    assert status["message"].startswith('jobs.batch "j-x" already exists, the server was not able')
    assert status["details"]["retryAfterSeconds"] == 1


def test_the_servers_own_faults_say_why() -> None:
    status = statuses.internal("disk full")
    assert status["message"] == "Internal error occurred: disk full"
    assert status["details"] == {"causes": [{"message": "disk full"}]}


def test_a_version_from_the_future_is_a_timeout() -> None:
    status = statuses.version_too_large(9, 5)
    assert status["message"] == "Timeout: Too large resource version: 9, current: 5"
    assert (status["code"], status["details"]["retryAfterSeconds"]) == (504, 1)


def test_what_is_not_there_is_told_apart() -> None:
    assert statuses.no_such_resource()["code"] == 404
    assert statuses.not_acceptable(["a/b"])["message"] == "only the following media types are accepted: a/b"
