"""One look of the CronJob controller: what it decides, rule by rule."""

from __future__ import annotations

from typing import Any

from expander.kube.time import api_time
from expander.local.controllers.cronjob.sync import (
    SCHEDULED,
    CronDecision,
    next_schedule_time,
    status_after_start,
    sync_cron_job,
)

Object = dict[str, Any]
DAY = 1_800_000_000.0 - 1_800_000_000 % 86_400
"""A midnight, UTC."""
HOUR, MINUTE = 3600, 60


def cron_job(status: Object | None = None, created: float = DAY - 1, **spec: Any) -> Object:
    """A CronJob of every hour unless ``spec`` says otherwise."""
    template = {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": []}}}}
    metadata = {"name": "tick", "namespace": "n", "uid": "cron", "creationTimestamp": api_time(created)}
    whole = {"schedule": "0 * * * *", "concurrencyPolicy": "Allow", "jobTemplate": template, **spec}
    return {"kind": "CronJob", "metadata": metadata, "spec": whole, "status": status or {}}


def job(name: str, end: str | None = None, *, start: float = DAY, completed: float | None = None) -> Object:
    """A Job of the CronJob, ended as the condition ``end`` says."""
    status: Object = {"startTime": api_time(start)}
    if end is not None:
        status["conditions"] = [{"type": end, "status": "True"}]
    if completed is not None:
        status["completionTime"] = api_time(completed)
    return {"kind": "Job", "metadata": {"name": name, "namespace": "n", "uid": name}, "status": status}


def active(*names: str, last: float | None = None) -> Object:
    """A status with these Jobs active."""
    status: Object = {
        "active": [{"kind": "Job", "namespace": "n", "name": name, "uid": name} for name in names]
    }
    return status | ({} if last is None else {"lastScheduleTime": api_time(last)})


def told(decision: CronDecision) -> list[str]:
    return [event.reason for event in decision.events]


def name_of(decision: CronDecision) -> str | None:
    return None if decision.create is None else decision.create["metadata"]["name"]


def test_nothing_starts_before_the_first_time_and_the_next_look_is_a_tenth_after_it() -> None:
    decision = sync_cron_job(cron_job(), [], DAY - 0.5)
    assert (decision.create, decision.changed, decision.again_at) == (None, False, DAY + 0.1)


def test_a_job_is_named_by_the_minutes_of_its_scheduled_time() -> None:
    decision = sync_cron_job(cron_job(), [], DAY + 0.1)
    assert name_of(decision) == f"tick-{int(DAY) // 60}"
    assert decision.scheduled == DAY
    assert decision.again_at == DAY + HOUR + 0.1


def test_the_scheduled_time_is_noted_in_the_zone_of_the_cronjob() -> None:
    def noted(**spec: Any) -> str:
        made = sync_cron_job(cron_job(**spec), [], DAY + 0.1).create
        assert made is not None
        text: str = made["metadata"]["annotations"][SCHEDULED]
        return text

    date = api_time(DAY)[:10]
    assert noted() == f"{date}T00:00:00Z"
    assert noted(timeZone="Asia/Kolkata", schedule="30 * * * *") == f"{date}T05:30:00+05:30"


def test_the_template_gives_the_job_its_labels_annotations_and_spec() -> None:
    whole = cron_job()
    whole["spec"]["jobTemplate"]["metadata"] = {"labels": {"a": "b"}, "annotations": {"c": "d"}}
    made = sync_cron_job(whole, [], DAY + 0.1).create
    assert made is not None
    assert made["metadata"]["labels"] == {"a": "b"}
    assert made["metadata"]["annotations"]["c"] == "d"
    assert made["spec"] == whole["spec"]["jobTemplate"]["spec"]
    assert made["metadata"]["ownerReferences"][0]["uid"] == "cron"


def test_of_many_missed_times_only_the_last_starts_with_a_warning() -> None:
    decision = sync_cron_job(cron_job(created=DAY - 101 * HOUR), [], DAY + MINUTE)
    assert (name_of(decision), told(decision)) == (f"tick-{int(DAY) // 60}", ["TooManyMissedTimes"])
    assert told(sync_cron_job(cron_job(created=DAY - 50 * HOUR), [], DAY + MINUTE)) == []


def test_a_deadline_makes_missed_times_few() -> None:
    decision = sync_cron_job(
        cron_job(created=DAY - 500 * HOUR, startingDeadlineSeconds=200), [], DAY + MINUTE
    )
    assert (name_of(decision), told(decision)) == (f"tick-{int(DAY) // 60}", [])


def test_a_time_past_its_deadline_is_not_seen_to() -> None:
    decision = sync_cron_job(cron_job(startingDeadlineSeconds=10), [], DAY + MINUTE)
    assert (decision.create, decision.again_at) == (None, DAY + HOUR + 0.1)


def test_missed_times_of_an_uneven_schedule_are_found_while_it_is_day() -> None:
    """At night the estimate of missed times points behind the last one, as in Kubernetes."""
    whole = cron_job(schedule="30 6-16/4 * * *", created=DAY - 9 * 24 * HOUR)
    assert sync_cron_job(whole, [], DAY - 7 * HOUR).scheduled == DAY - 24 * HOUR + 14 * HOUR + 30 * MINUTE
    night = sync_cron_job(whole, [], DAY)
    assert (night.create, night.again_at) == (None, DAY + 6 * HOUR + 30 * MINUTE + 0.1)


def test_an_interval_counts_from_the_last_scheduled_time() -> None:
    status = {"lastScheduleTime": api_time(DAY + 7)}
    decision = sync_cron_job(cron_job(status, schedule="@every 90s"), [], DAY + 7 + 200)
    assert decision.scheduled == DAY + 7 + 180
    assert decision.again_at == DAY + 7 + 270 + 0.1


def test_a_time_that_was_seen_to_does_not_start_again() -> None:
    assert sync_cron_job(cron_job({"lastScheduleTime": api_time(DAY)}), [], DAY + 0.1).create is None


def test_forbid_waits_for_the_job_that_runs() -> None:
    whole = cron_job(active("old", last=DAY - HOUR), concurrencyPolicy="Forbid")
    decision = sync_cron_job(whole, [job("old")], DAY + 0.1)
    assert (decision.create, told(decision), decision.changed) == (None, ["JobAlreadyActive"], False)
    after = sync_cron_job(whole, [job("old", "Failed")], DAY + 30)
    assert told(after) == ["SawCompletedJob"]
    assert name_of(after) is not None, "the time is still seen to when the Job has ended"


def test_replace_deletes_the_jobs_that_run() -> None:
    whole = cron_job(active("old", last=DAY - HOUR), concurrencyPolicy="Replace")
    decision = sync_cron_job(whole, [job("old")], DAY + 0.1)
    assert (decision.delete, told(decision)) == (["old"], ["SuccessfulDelete"])
    assert name_of(decision) is not None
    assert "active" not in decision.status


def test_allow_starts_beside_what_runs_and_lists_both() -> None:
    whole = cron_job(active("old", last=DAY - HOUR))
    decision = sync_cron_job(whole, [job("old")], DAY + 0.1)
    new = {"metadata": {"name": "new", "namespace": "n", "uid": "new", "resourceVersion": "7"}}
    status = status_after_start(decision.status, new, decision.scheduled)
    assert [each["name"] for each in status["active"]] == ["old", "new"]
    assert status["lastScheduleTime"] == api_time(DAY)


def test_a_finished_job_is_struck_off_and_its_success_noted_in_the_next_look() -> None:
    jobs = [job("old", "Complete", completed=DAY + 5)]
    first = sync_cron_job(cron_job(active("old", last=DAY)), jobs, DAY + 6)
    assert (told(first), first.status) == (["SawCompletedJob"], {"lastScheduleTime": api_time(DAY)})
    assert first.events[0].message == "Saw completed job: old, condition: Complete"
    second = sync_cron_job(cron_job(first.status), jobs, DAY + 6)
    assert second.status["lastSuccessfulTime"] == api_time(DAY + 5)
    assert not sync_cron_job(cron_job(second.status), jobs, DAY + 6).changed


def test_history_keeps_those_that_started_last() -> None:
    jobs = [job(f"c{number}", "Complete", start=DAY - number * HOUR) for number in range(4)]
    jobs += [job(f"f{number}", "Failed", start=DAY - number * HOUR) for number in range(3)]
    whole = cron_job(successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1, suspend=True)
    assert sync_cron_job(whole, jobs, DAY).delete == ["c3", "f2", "f1"]


def test_history_without_limits_or_on_its_way_out_is_left_alone() -> None:
    jobs = [job("a", "Complete"), job("b", "Complete")]
    assert sync_cron_job(cron_job(suspend=True), jobs, DAY).delete == []
    jobs[0]["metadata"]["deletionTimestamp"] = api_time(DAY)
    assert sync_cron_job(cron_job(suspend=True, successfulJobsHistoryLimit=1), jobs, DAY).delete == []


def test_a_job_that_is_deleted_from_history_at_once_counts_as_a_success_at_once() -> None:
    whole = cron_job(active("old", last=DAY), successfulJobsHistoryLimit=0)
    decision = sync_cron_job(whole, [job("old", "Complete", completed=DAY + 5)], DAY + 6)
    assert told(decision) == ["SuccessfulDelete"]
    assert decision.status["lastSuccessfulTime"] == api_time(DAY + 5)
    assert "active" not in decision.status


def test_missing_and_unexpected_jobs_are_told_of() -> None:
    decision = sync_cron_job(cron_job(active("gone", last=DAY)), [job("new")], DAY + 6)
    assert told(decision) == ["UnexpectedJob", "MissingJob"]
    assert "active" not in decision.status


def test_a_suspended_cronjob_is_not_looked_at_again() -> None:
    decision = sync_cron_job(cron_job(suspend=True), [], DAY + 0.1)
    assert (decision.create, decision.again_at) == (None, None)


def test_schedules_that_never_come_and_zones_that_are_not_there_are_told_of_once() -> None:
    never = sync_cron_job(cron_job(schedule="0 0 30 2 *"), [], DAY)
    assert never.events[0].message == (
        "invalid schedule: 0 0 30 2 * : time difference between two schedules is less than 1 second"
    )
    assert never.again_at is None
    assert told(sync_cron_job(cron_job(timeZone="Nowhere/Land"), [], DAY)) == ["UnknownTimeZone"]
    assert told(sync_cron_job(cron_job(schedule="nonsense"), [], DAY)) == ["UnparseableSchedule"]


def test_a_zone_in_the_schedule_works_and_is_told_of() -> None:
    decision = sync_cron_job(cron_job(schedule="CRON_TZ=Asia/Tokyo 0 9 * * *"), [], DAY + 0.1)
    assert (decision.scheduled, told(decision)) == (DAY, ["UnsupportedSchedule"])


def test_a_cronjob_on_its_way_out_starts_nothing() -> None:
    whole = cron_job(active("old", last=DAY - HOUR))
    whole["metadata"]["deletionTimestamp"] = api_time(DAY)
    decision = sync_cron_job(whole, [job("old", "Complete")], DAY + 0.1)
    assert (decision.create, decision.changed) == (None, True)


def test_a_changed_schedule_is_looked_at_when_its_next_time_comes() -> None:
    assert next_schedule_time(cron_job(), DAY + 5 * MINUTE) == DAY + HOUR + 0.1
    assert next_schedule_time(cron_job(schedule="nonsense"), DAY) is None


def test_a_clock_change_skips_and_repeats_times_as_the_schedule_does() -> None:
    spring = 1_772_953_200.0  # 2026-03-08 07:00 UTC: clocks in New York have just gone from 2 to 3
    whole = cron_job(schedule="30 2 * * *", timeZone="America/New_York", created=spring - 12 * HOUR)
    assert sync_cron_job(whole, [], spring + 12 * HOUR).create is None
