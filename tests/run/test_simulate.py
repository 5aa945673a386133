"""CronJobs on a virtual clock: what would start, what is held up, and until when."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from expander.base.errors import InputError, UsageError
from expander.run.simulate import Occurrence, parse_until, simulate

MIDNIGHT = 1_800_000_000.0 - 1_800_000_000 % 86_400
MINUTE, HOUR, DAY = 60, 3600, 86_400


def cron_job(schedule: str = "* * * * *", **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "busybox"}
    job = {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "tick"},
        "spec": {"schedule": schedule, "jobTemplate": job, **spec},
    }


def told(found: list[Occurrence]) -> list[tuple[float, int, str]]:
    """Minutes after midnight at which something happens and for which they are scheduled, and what happens."""
    return [
        (round((each.at - MIDNIGHT) // MINUTE), int(each.scheduled - MIDNIGHT) // MINUTE, each.outcome)
        for each in found
    ]


def test_every_time_of_the_schedule_up_to_the_end_starts_a_job() -> None:
    found = list(simulate(cron_job("*/30 * * * *"), since=MIDNIGHT + 1, until=MIDNIGHT + 2 * HOUR))
    assert told(found) == [(30, 30, "starts"), (60, 60, "starts"), (90, 90, "starts")]
    assert [each.name for each in found] == [f"tick-{int(MIDNIGHT) // 60 + each}" for each in (30, 60, 90)]


def test_the_recorded_schedules_start_jobs_at_the_recorded_times(reference: Path) -> None:
    lines = (reference / "cron-schedules.jsonl").read_text().splitlines()
    for case in map(json.loads, lines[::5]):
        if not case["valid"] or not case["next"]:
            continue
        since = datetime.fromisoformat(case["after"]).replace(tzinfo=ZoneInfo(case["timeZone"])).timestamp()
        whole = cron_job(case["schedule"], timeZone=case["timeZone"])
        found = simulate(whole, since=since, until=case["next"][-1] + 1)
        assert [each.scheduled for each in islice(found, len(case["next"]))] == case["next"], case


def test_times_are_told_in_the_zone_of_the_cronjob() -> None:
    whole = cron_job("0 9 * * *", timeZone="Asia/Kolkata")
    (found,) = simulate(whole, since=MIDNIGHT, until=MIDNIGHT + DAY)
    assert found.local.endswith("T09:00:00+05:30")
    assert found.scheduled == MIDNIGHT + 3 * HOUR + 30 * MINUTE


def test_forbid_holds_a_time_up_until_the_job_before_has_ended() -> None:
    whole = cron_job(concurrencyPolicy="Forbid")
    found = list(simulate(whole, since=MIDNIGHT, until=MIDNIGHT + 5 * MINUTE, takes=150))
    assert told(found) == [
        (1, 1, "starts"),
        (2, 2, "held"),
        (3, 3, "held"),
        (3, 3, "starts"),
        (4, 4, "held"),
    ]


def test_a_deadline_lets_a_time_that_was_held_up_go() -> None:
    whole = cron_job(concurrencyPolicy="Forbid", startingDeadlineSeconds=20)
    found = list(simulate(whole, since=MIDNIGHT, until=MIDNIGHT + 5 * MINUTE, takes=150))
    assert told(found) == [(1, 1, "starts"), (2, 2, "held"), (3, 3, "held"), (4, 4, "starts")]


def test_replace_says_which_job_goes() -> None:
    whole = cron_job(concurrencyPolicy="Replace")
    found = list(simulate(whole, since=MIDNIGHT, until=MIDNIGHT + 150, takes=90))
    assert [each.replaces for each in found] == [(), (found[0].name,)]
    assert told(found) == [(1, 1, "starts"), (2, 2, "starts")]


def test_a_suspended_cronjob_starts_nothing() -> None:
    assert list(simulate(cron_job(suspend=True), since=MIDNIGHT, until=MIDNIGHT + DAY)) == []


def test_what_is_not_asked_for_is_not_computed() -> None:
    found = islice(simulate(cron_job(), since=MIDNIGHT, until=MIDNIGHT + 1000 * 365 * DAY), 3)
    assert told(list(found)) == [(1, 1, "starts"), (2, 2, "starts"), (3, 3, "starts")]


def test_a_schedule_that_never_comes_is_an_error() -> None:
    with pytest.raises(InputError, match="invalid schedule: 0 0 30 2"):
        list(simulate(cron_job("0 0 30 2 *"), since=MIDNIGHT, until=MIDNIGHT + DAY))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("36h", 36 * HOUR), ("1d12h", 36 * HOUR), ("+2w", 14 * DAY), ("90m30s", 90 * MINUTE + 30)],
)
def test_a_time_span_counts_from_the_start(text: str, seconds: int) -> None:
    assert parse_until(text, MIDNIGHT) == MIDNIGHT + seconds


def test_a_date_is_in_the_given_zone_unless_it_says_otherwise() -> None:
    assert parse_until("2027-01-01", 0.0) == 1_798_761_600
    assert parse_until("2027-01-01T05:30", 0.0, "Asia/Kolkata") == 1_798_761_600
    assert parse_until("2027-01-01T01:00:00+01:00", 0.0, "Asia/Kolkata") == 1_798_761_600


def test_anything_else_is_wrong_usage_with_a_hint() -> None:
    for text in ("soon", "9999999999999w"):
        with pytest.raises(UsageError, match="expected a duration such as"):
            parse_until(text, MIDNIGHT)
