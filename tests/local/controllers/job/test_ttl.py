"""When finished Jobs are deleted."""

from __future__ import annotations

from expander.local.controllers.job import conditions
from tests.local.controllers.job.objects import NOW, condition, make_job


def test_a_finished_job_expires_after_its_ttl() -> None:
    for end in ("Complete", "Failed"):
        job = make_job({"conditions": [condition(end)]}, ttlSecondsAfterFinished=30)
        assert conditions.expires_at(job) == NOW + 30


def test_a_job_that_runs_or_has_no_ttl_stays() -> None:
    assert conditions.expires_at(make_job({}, ttlSecondsAfterFinished=0)) is None
    announced = {"conditions": [condition("SuccessCriteriaMet")]}
    assert conditions.expires_at(make_job(announced, ttlSecondsAfterFinished=0)) is None
    assert conditions.expires_at(make_job({"conditions": [condition("Complete")]})) is None


def test_a_job_that_is_being_deleted_does_not_expire() -> None:
    job = make_job({"conditions": [condition("Complete")]}, ttlSecondsAfterFinished=0)
    job["metadata"]["deletionTimestamp"] = "2027-01-15T08:00:00Z"
    assert conditions.expires_at(job) is None
