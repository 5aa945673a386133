"""``submit`` and ResourceQuotas: items wait for room, and few requests are refused."""

import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.cli.cluster import cluster, jobs, size, submitted, submitting, template, until
from tests.local.apiserver.serving import Server

JOBS = size("EXPANDER_QUOTA_JOBS", 60)
ROOM = size("EXPANDER_QUOTA_ROOM", 10)
"""2,000 and 100 are the size of the issue."""

IN_FLIGHT = 64
"""Requests that may be under way when a quota turns out to be full."""


def limit(server: Server, **hard: str) -> None:
    """Make a ResourceQuota, and wait until it is counted."""
    path = "/api/v1/namespaces/default/resourcequotas"
    spec = {"hard": {name.replace("__", "/").replace("_", "."): value for name, value in hard.items()}}
    assert server.request("POST", path, {"metadata": {"name": "few"}, "spec": spec}).code == 201
    until(lambda: "hard" in server.request("GET", f"{path}/few").json.get("status", {}))


def outcomes(out: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    *lines, last = map(json.loads, out.splitlines())
    return lines, last


@pytest.mark.parametrize("room_by", ["deleting", "ttl"])
def test_all_arrive_as_earlier_ones_finish_and_hardly_a_request_is_refused(
    tmp_path: Path, room_by: str
) -> None:
    """An item that waits costs two requests, one to ask whether it is there and one to make it."""
    path = template(tmp_path, suspend=False)
    options = {"deleting": ["--delete-finished"], "ttl": ["--ttl", "0s"]}[room_by]
    with cluster(tmp_path) as server:
        limit(server, count__jobs_batch=str(ROOM))
        answer = submitted(tmp_path, server, path, "-i", f"1-{JOBS}", *options)
        lines, last = outcomes(answer.out)
        assert last["summary"] == {"created": JOBS}, answer.err
        refused = sum(max(0, line["attempts"] - 2) for line in lines)
        assert refused <= IN_FLIGHT + JOBS / 10


def test_what_is_there_already_is_not_held_by_a_full_quota(tmp_path: Path) -> None:
    path = template(tmp_path)
    with cluster(tmp_path) as server:
        limit(server, count__jobs_batch="10")
        assert submitted(tmp_path, server, path, "-i", "1-10").code == 0
        for options in ((), ("--on-quota", "fail"), ("--on-quota", "skip")):
            answer = submitted(tmp_path, server, path, "-i", "1-10", *options)
            assert outcomes(answer.out)[1]["summary"] == {"unchanged": 10}, answer.err


def test_a_changed_job_that_has_not_begun_is_made_anew_though_the_quota_is_full(tmp_path: Path) -> None:
    with cluster(tmp_path) as server:
        limit(server, count__jobs_batch="1")
        assert submitted(tmp_path, server, template(tmp_path), "1").code == 0
        changed = template(tmp_path, command='["false"]')
        answer = submitted(tmp_path, server, changed, "1")
        assert answer.code == 0
        assert [line["reason"] for line in outcomes(answer.out)[0]] == ["Rerun"]


def test_a_full_quota_fails_or_skips_items_when_told_to(tmp_path: Path) -> None:
    path = template(tmp_path)
    with cluster(tmp_path) as server:
        limit(server, count__jobs_batch="5")
        for policy, code in (("fail", 1), ("skip", 1)):
            answer = submitted(tmp_path, server, path, "-i", "1-8", "--on-quota", policy)
            lines, last = outcomes(answer.out)
            assert answer.code == code, answer.err
            assert last["summary"]["refused"] == 3
            assert {line["reason"] for line in lines if line["outcome"] == "refused"} == {"QuotaExceeded"}


def test_an_item_is_held_for_quota_as_long_as_was_said(tmp_path: Path) -> None:
    path = template(tmp_path)
    with cluster(tmp_path) as server:
        limit(server, count__jobs_batch="5")
        answer = submitted(tmp_path, server, path, "-i", "1-8", "--quota-timeout", "1s")
        assert answer.code == 1
        assert outcomes(answer.out)[1]["summary"] == {"created": 5, "failed": 3}
        assert "no room in the quota within 1 s" in answer.err


def test_held_items_go_when_jobs_are_deleted_and_an_interrupt_ends_the_wait(tmp_path: Path) -> None:
    path = template(tmp_path)
    with cluster(tmp_path) as server:
        limit(server, count__jobs_batch="5")
        with submitting(tmp_path, server, path, "-i", "1-9") as process:
            until(lambda: len(jobs(server)) == 5)
            first = {job["metadata"]["name"] for job in jobs(server)}
            for name in list(first)[:2]:
                server.request("DELETE", f"/apis/batch/v1/namespaces/default/jobs/{name}")
            until(lambda: len({job["metadata"]["name"] for job in jobs(server)} - first) == 2)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
        assert process.returncode == 130, err
        assert outcomes(out)[1] == {"summary": {"created": 7}, "unsent": 2, "interrupted": True}


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("resourcequotas", {"spec": {"hard": {"pods": "2"}}}, "exceeded quota"),
        ("limitranges", {"spec": {"limits": [{"type": "Pod", "min": {"cpu": "1"}}]}}, "minimum cpu"),
        (None, {}, 'serviceaccount "nobody" not found'),
    ],
)
def test_jobs_whose_pods_are_refused_are_told_of(
    tmp_path: Path, kind: str | None, body: dict[str, Any], said: str
) -> None:
    path = Path(template(tmp_path, suspend=False, command='["sleep", "600"]'))
    if kind is None:
        path.write_text(
            path.read_text().replace("containers:", "serviceAccountName: nobody\n      containers:")
        )
    with cluster(tmp_path) as server:
        if kind == "resourcequotas":
            limit(server, pods="2")
        elif kind is not None:
            answer = server.request(
                "POST", f"/api/v1/namespaces/default/{kind}", {"metadata": {"name": "few"}, **body}
            )
            assert answer.code == 201, answer.data
        told = submitted(tmp_path, server, str(path), "-i", "1-6")
        assert told.code == 0
        lines, last = outcomes(told.out)
        assert Counter(line["outcome"] for line in lines) == {"created": 6}
        assert last["podsRefused"]
        assert all(said in each["message"] for each in last["podsRefused"])
        assert "was accepted, but its pods are refused" in told.err
