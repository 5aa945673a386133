"""The whole verdict on one object."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from expander.validate.check import check
from expander.validate.finding import Reason

JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "a"},
    "spec": {
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]}}
    },
}


def test_a_job_that_the_server_takes_has_no_findings_and_is_not_changed() -> None:
    given = copy.deepcopy(JOB)
    assert check(given) == []
    assert given == JOB


def test_rules_are_not_looked_at_before_the_object_can_be_decoded() -> None:
    job = {**JOB, "metadata": {"name": "A"}, "spce": {}}
    found = check(job)
    assert found is not None
    assert [(finding.path, finding.reason) for finding in found] == [("spce", Reason.UNKNOWN_FIELD)]
    del job["spce"]
    assert [finding.path for finding in check(job) or ()] == ["metadata.name"]


def test_a_kind_without_a_schema_has_no_verdict() -> None:
    assert check({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {}}) is None


def test_a_kind_can_be_assumed_as_from_an_url() -> None:
    job = {field: value for field, value in JOB.items() if field not in ("apiVersion", "kind")}
    assert check(job, assume=("batch/v1", "Job")) == []
    assert [finding.path for finding in check(job) or ()] == ["apiVersion", "kind"]


def test_the_objects_of_a_list_are_looked_at_one_by_one() -> None:
    bad = {**JOB, "metadata": {"name": "A"}}
    other = {"apiVersion": "example.com/v1", "kind": "Thing"}
    mixed = {"apiVersion": "v1", "kind": "List", "items": [JOB, bad, other]}
    assert [finding.path for finding in check(mixed) or ()] == ["items[1].metadata.name"]


def test_the_objects_of_a_job_list_are_jobs_without_saying_so() -> None:
    bare = {"metadata": {"name": "A"}, "spec": JOB["spec"]}
    listed = {"apiVersion": "batch/v1", "kind": "JobList", "items": [bare]}
    assert [finding.path for finding in check(listed) or ()] == ["items[0].metadata.name"]


@pytest.mark.parametrize("obj", [None, 5, "text", [JOB]])
def test_what_is_no_object_is_a_finding(obj: Any) -> None:
    assert check(obj)
