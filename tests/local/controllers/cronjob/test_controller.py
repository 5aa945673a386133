"""The CronJob controller against what the real one did, and its rules one by one, in virtual time."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from expander.local.controllers.cronjob.sync import SCHEDULED
from expander.local.store.database import open_database
from expander.local.store.job_states import job_state
from tests.local.controllers.clockwork import Clockwork, cron_job

MIDNIGHT = 1_800_000_000.0 - 1_800_000_000 % 86_400
RACES = {"MissingJob", "FailedDelete"}
"""Reasons of events that tell of the real controller's caches being late."""

Boot = Callable[[float], Clockwork]


@pytest.fixture
def boot(tmp_path: Path) -> Iterator[Boot]:
    with closing(open_database(tmp_path / "state.db")) as database:
        yield lambda now: Clockwork(database, now)


@pytest.fixture
def world(boot: Boot) -> Clockwork:
    """Half a minute after midnight, UTC."""
    return boot(MIDNIGHT + 30)


@pytest.fixture
def played(reference: Path, boot: Boot) -> tuple[dict[str, Any], Clockwork]:
    """The recording, and a world that was given the same CronJobs for the same time."""
    recorded = json.loads((reference / "cronjobs.json").read_text())
    world = boot(recorded["start"])
    world.submit(recorded["cronjobs"], namespace="cron")
    world.play(recorded["start"] + 270)
    return recorded, world


def test_the_recorded_jobs_come_at_the_recorded_times_with_owner_and_labels(
    played: tuple[dict[str, Any], Clockwork],
) -> None:
    recorded, world = played
    seen: dict[str, dict[str, Any]] = {}
    for change in world.since(0) or ():
        if change.object["kind"] == "Job":
            metadata = change.object["metadata"]
            name = metadata["name"]
            seen.setdefault(name, {})
            seen[name] |= {
                "scheduled": metadata["annotations"][SCHEDULED],
                "created": metadata["creationTimestamp"],
                "owner": [
                    {key: owner[key] for key in ("kind", "name", "controller", "blockOwnerDeletion")}
                    for owner in metadata["ownerReferences"]
                ],
                "labels": metadata["labels"],
            }
            if change.type == "DELETED":
                seen[name]["gone"] = True
    expected = {name: {key: job[key] for key in job if key != "st"} for name, job in recorded["jobs"].items()}
    for job in (*seen.values(), *expected.values()):
        job["created"] = job["created"][: len("2026-11-21T01:50")]
    assert seen == expected


def test_the_recorded_cronjobs_end_in_the_recorded_status(played: tuple[dict[str, Any], Clockwork]) -> None:
    recorded, world = played
    found = {each["metadata"]["name"]: each["status"] for each in world.list("CronJob")}
    assert list(map(comparable, found.values())) == [
        comparable(recorded["final"][name]["status"]) for name in found
    ]
    assert found.keys() == recorded["final"].keys()


def comparable(status: dict[str, Any]) -> dict[str, Any]:
    """A status without uids and versions, and with the ends of Jobs to the minute."""
    found = dict(status)
    if "active" in found:
        found["active"] = [
            {key: each[key] for key in each if key not in ("uid", "resourceVersion")}
            for each in found["active"]
        ]
    if "lastSuccessfulTime" in found:
        found["lastSuccessfulTime"] = found["lastSuccessfulTime"][: len("2026-11-21T01:50")]
    return found


def test_the_recorded_events_come_in_the_recorded_order(played: tuple[dict[str, Any], Clockwork]) -> None:
    recorded, world = played
    for name in recorded["final"]:
        expected = [
            (event["type"], event["reason"], event["message"])
            for event in recorded["events"]
            if event["object"] == name and event["reason"] not in RACES
        ]
        assert [event[:3] for event in world.told("cron", name)] == expected, name


def test_a_job_that_blocks_the_next_is_told_of_as_often_as_recorded(
    played: tuple[dict[str, Any], Clockwork],
) -> None:
    _, world = played
    assert [event[3] for event in world.told("cron", "forbid") if event[1] == "JobAlreadyActive"] == [5]


def test_a_suspended_cronjob_starts_when_it_is_resumed(world: Clockwork) -> None:
    world.submit([cron_job(suspend=True)])
    world.play(MIDNIGHT + 200)
    assert world.named("Job") == []
    world.patch("CronJob", "default", "tick", {"spec": {"suspend": False}})
    world.play(MIDNIGHT + 201)
    assert world.named("Job") == [f"tick-{int(MIDNIGHT) // 60 + 3}"], "the last missed time counts"


def test_a_new_schedule_counts_from_its_next_time_on(world: Clockwork) -> None:
    world.submit([cron_job(schedule="0 12 * * *")])
    world.play(MIDNIGHT + 90)
    world.patch("CronJob", "default", "tick", {"spec": {"schedule": "*/2 * * * *"}})
    world.play(MIDNIGHT + 119)
    assert world.named("Job") == []
    world.play(MIDNIGHT + 121)
    assert world.named("Job") == [f"tick-{int(MIDNIGHT) // 60 + 2}"]


def test_a_job_made_by_hand_is_unexpected_until_it_has_ended(world: Clockwork) -> None:
    world.submit([cron_job(schedule="0 12 * * *")])
    world.play(MIDNIGHT + 31)
    owner = world.get("CronJob", "default", "tick")
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "manual-1",
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "CronJob",
                    "name": "tick",
                    "uid": owner["metadata"]["uid"],
                    "controller": True,
                }
            ],
        },
        "spec": owner["spec"]["jobTemplate"]["spec"],
    }
    world.submit([job])
    world.play(MIDNIGHT + 40)
    words = "Saw a job that the controller did not create or forgot: manual-1"
    assert world.told("default", "tick") == [("Warning", "UnexpectedJob", words, 3)]
    assert "lastSuccessfulTime" in world.get("CronJob", "default", "tick")["status"]


def test_jobs_go_with_their_cronjob(world: Clockwork) -> None:
    world.submit([cron_job(command="sleep 300")])
    world.play(MIDNIGHT + 130)
    assert len(world.named("Job")) == 2
    world.delete("CronJob", "default", "tick")
    world.play(MIDNIGHT + 300)
    assert (world.named("CronJob"), world.named("Job"), world.named("Pod")) == ([], [], [])


def test_a_job_that_vanishes_is_struck_off_the_active_ones(world: Clockwork) -> None:
    world.submit([cron_job(command="sleep 300", schedule="1 0 * * *")])
    world.play(MIDNIGHT + 61)
    (name,) = world.named("Job")
    world.delete("Job", "default", name)
    world.play(MIDNIGHT + 62)
    assert "active" not in world.get("CronJob", "default", "tick")["status"]
    assert world.told("default", "tick")[-1][1:3] == ("MissingJob", f"Active job went missing: {name}")


def test_a_cronjob_goes_on_in_the_next_life_of_the_program(boot: Boot) -> None:
    world = boot(MIDNIGHT + 30)
    world.submit([cron_job()])
    world.play(MIDNIGHT + 100)
    world.control.commit()
    later = boot(MIDNIGHT + 290)
    later.control.restore()
    later.play(MIDNIGHT + 291)
    first, last = int(MIDNIGHT) // 60 + 1, int(MIDNIGHT) // 60 + 4
    assert later.named("Job") == [f"tick-{first}", f"tick-{last}"]


def test_a_job_of_that_name_which_is_anothers_is_left_alone(world: Clockwork) -> None:
    name = f"tick-{int(MIDNIGHT) // 60 + 1}"
    spec = cron_job()["spec"]["jobTemplate"]["spec"]
    world.submit([{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}])
    world.submit([cron_job(schedule="1 0 * * *")])
    world.play(MIDNIGHT + 70)
    assert world.get("CronJob", "default", "tick")["status"] == {}


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_schedule_policies_and_limits_hold(world: Clockwork, seed: int) -> None:
    """Each time starts at most once, Forbid and Replace never run two Jobs, history stays within limits."""
    chance = random.Random(seed)
    policy = chance.choice(["Allow", "Forbid", "Replace"])
    limits: dict[str, Any] = {
        "successfulJobsHistoryLimit": chance.randint(0, 3),
        "failedJobsHistoryLimit": chance.randint(0, 2),
    }
    schedule = chance.choice(["* * * * *", "*/3 * * * *", "@every 40s", "1-59/7,3 * * * *"])
    command = f"sleep {chance.choice([0, 20, 75, 400])}; exit {chance.choice([0, 0, 1])}"
    world.submit([cron_job(command=command, schedule=schedule, concurrencyPolicy=policy, **limits)])
    for moment in range(30, 1800, chance.choice([7, 61, 200])):
        world.play(MIDNIGHT + 30 + moment)
        jobs = list(world.list("Job"))
        ends = [job_state(job) for job in jobs]
        assert ends.count("succeeded") <= limits["successfulJobsHistoryLimit"]
        assert ends.count("failed") <= limits["failedJobsHistoryLimit"]
        running = [job for job, end in zip(jobs, ends, strict=True) if end not in ("succeeded", "failed")]
        assert policy == "Allow" or len(running) <= 1
        status = world.get("CronJob", "default", "tick")["status"]
        active = {each["uid"] for each in status.get("active", ())}
        assert active == {job["metadata"]["uid"] for job in running}
    changes = [change for change in world.since(0) or () if change.object["kind"] == "Job"]
    times = {change.object["metadata"]["annotations"][SCHEDULED] for change in changes}
    made = sum(change.type == "ADDED" for change in changes)
    assert made == len(times) > 0
