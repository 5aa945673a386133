"""CronJobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from expander.kube.versions import DEFAULT
from expander.validate.rules.batch.cronjob import check_cron_job_spec, check_time_zone

Check = Callable[..., list[tuple[str, str]]]


def test_a_plain_cron_job_is_accepted(in_cron_job: Check) -> None:
    assert in_cron_job(timeZone="Europe/London", startingDeadlineSeconds=0) == []


def test_a_name_leaves_room_for_the_time(in_cron_job: Check) -> None:
    assert in_cron_job(metadata={"name": "a" * 52}) == []
    message = f'Invalid value: "{"a" * 53}": must be no more than 52 characters'
    assert in_cron_job(metadata={"name": "a" * 53}) == [("metadata.name", message)]
    assert [path for path, _ in in_cron_job(metadata={"generateName": "a" * 48})] == ["metadata.name"]


def test_a_schedule_is_there_and_can_be_read(in_cron_job: Check) -> None:
    assert in_cron_job(schedule="") == [("schedule", "Required value")]
    assert in_cron_job(schedule="* * *") == [
        ("schedule", 'Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]')
    ]


def test_a_new_schedule_names_no_time_zone(in_cron_job: Check) -> None:
    text = "TZ=UTC 0 * * * *"
    detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
    assert in_cron_job(schedule=text) == [("schedule", f'Invalid value: "{text}": {detail}')]


def test_an_old_schedule_may_keep_its_time_zone_but_not_beside_another() -> None:
    spec: dict[str, Any] = {"schedule": "TZ=UTC 0 * * * *", "concurrencyPolicy": "Allow"}

    def paths(new: dict[str, Any]) -> list[str]:
        found = check_cron_job_spec(new, DEFAULT, spec)
        return [finding.path for finding in found if "jobTemplate" not in finding.path]

    assert paths(spec) == []
    assert paths({**spec, "timeZone": "UTC"}) == ["spec.schedule"]


@pytest.mark.parametrize(
    ("name", "details"),
    [
        ("Etc/UTC", []),
        ("America/Argentina/Buenos_Aires", []),
        ("Etc/GMT+5", []),
        ("", ["timeZone must be nil or non-empty string"]),
        ("Mars/Olympus", ["unknown time zone Mars/Olympus"]),
        ("Europe/", ["unknown time zone Europe/"]),
        ("-lead", ["unknown time zone -lead"]),
        ("Europe", ["unknown time zone Europe"]),
        ("a/../b", ["unknown time zone a/../b"]),
        ("a..b", ["time: invalid location name"]),
        (
            "Local",
            ["timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"],
        ),
        (
            "LOCAL",
            [
                "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones",
                "unknown time zone LOCAL",
            ],
        ),
    ],
)
def test_time_zones(name: str, details: list[str]) -> None:
    assert [finding.message for finding in check_time_zone(name, "t")] == [
        f'Invalid value: "{name}": {detail}' for detail in details
    ]


@pytest.mark.parametrize(
    "field", ["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"]
)
def test_a_count_is_not_negative(in_cron_job: Check, field: str) -> None:
    assert in_cron_job(**{field: -1}) == [(field, "Invalid value: -1: must be greater than or equal to 0")]


def test_a_concurrency_policy_is_one_of_three(in_cron_job: Check) -> None:
    message = 'Unsupported value: "allow": supported values: "Allow", "Forbid", "Replace"'
    assert in_cron_job(concurrencyPolicy="allow") == [("concurrencyPolicy", message)]


def test_the_job_of_a_cron_job_is_held_to_the_rules_of_jobs(in_cron_job: Check) -> None:
    assert in_cron_job(job={"completionMode": "Indexed"}) == [
        ("jobTemplate.spec.completions", "Required value: when completion mode is Indexed")
    ]


def test_the_selector_of_its_jobs_is_generated(in_cron_job: Check) -> None:
    assert in_cron_job(job={"selector": {}, "manualSelector": True}) == [
        ("jobTemplate.spec.selector", "Invalid value: {}: `selector` will be auto-generated"),
        ("jobTemplate.spec.manualSelector", 'Unsupported value: true: supported values: "nil", "false"'),
    ]
