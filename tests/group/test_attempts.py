"""Every attempt at an item has a row, also those of Jobs that were replaced."""

import json
from pathlib import Path
from typing import Any

import pytest

from expander.group.known.attempts import attempt_rows, with_earlier
from expander.group.records import job_records
from expander.group.saved_logs import attempt_path
from expander.group.table import Row, as_text, record_row


def job(attempt: int, **spec: Any) -> dict[str, Any]:
    annotations = {"expander/item": "a", "expander/attempt": str(attempt)}
    metadata = {"name": "a", "namespace": "n", "uid": f"u{attempt}", "annotations": annotations}
    failed = {"conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"template": {}, **spec},
        "status": failed,
    }


def pod(name: str, second: int, memory: str, reason: str = "", index: int | None = None) -> dict[str, Any]:
    code = 137 if reason else 0
    times = {"startedAt": f"2026-01-01T00:00:0{second}Z", "finishedAt": f"2026-01-01T00:00:0{second + 1}Z"}
    ended = {"exitCode": code, "reason": reason or "Completed", **times}
    labels = {} if index is None else {"batch.kubernetes.io/job-completion-index": str(index)}
    return {
        "metadata": {"name": name, "creationTimestamp": times["startedAt"], "labels": labels},
        "spec": {"containers": [{"name": "c", "resources": {"limits": {"memory": memory}}}]},
        "status": {
            "phase": "Failed" if reason else "Succeeded",
            "containerStatuses": [{"name": "c", "state": {"terminated": ended}}],
        },
    }


def save(logs: Path, number: int, pods: list[dict[str, Any]] | None) -> None:
    folder = attempt_path(logs, "n", "a", number)
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps(job(number)))
    if pods is not None:
        (folder / "pods.json").write_text(json.dumps(pods))


def rows_of(logs: Path, found: dict[str, Any], *pods: dict[str, Any]) -> list[Row]:
    return [row for one in job_records(found, pods) for row in attempt_rows(one, record_row(one), logs)]


def test_pods_of_replaced_jobs_come_before_those_that_are_there(tmp_path: Path) -> None:
    save(tmp_path, 1, [pod("a-2", 2, "1Gi", "OOMKilled"), pod("a-1", 1, "1Gi", "OOMKilled")])
    save(tmp_path, 2, [pod("a-3", 3, "2Gi", "OOMKilled")])
    save(tmp_path, 3, [pod("of another run", 0, "9Gi")])
    rows = rows_of(tmp_path, job(3), pod("a-4", 4, "4Gi"))
    kept = [(row["attempt"], row["pod"], row["state"], row["memory"], row["exitCode"]) for row in rows]
    assert kept == [
        (1, "a-1", "Failed", "1Gi", 137),
        (2, "a-2", "Failed", "1Gi", 137),
        (3, "a-3", "Failed", "2Gi", 137),
        (4, "a-4", "Complete", "4Gi", 0),
    ]
    assert rows[2]["logs"] == str(attempt_path(tmp_path, "n", "a", 2))
    assert rows[3]["logs"] is None
    head, *_ = as_text(rows)
    assert head == ["JOB", "ITEM", "ATTEMPT", "STATE", "SECONDS", "EXIT", "MEMORY", "REASON", "POD"]


@pytest.mark.parametrize("pods", [None, []])
def test_a_job_whose_pods_were_gone_has_a_row_by_its_conditions(
    tmp_path: Path, pods: list[dict[str, Any]] | None
) -> None:
    save(tmp_path, 1, pods)
    first, second = rows_of(tmp_path, job(2), pod("a-1", 1, "1Gi"))
    assert (first["attempt"], first["pod"], first["reason"]) == (1, None, "DeadlineExceeded")
    assert (second["attempt"], second["pod"]) == (2, "a-1")


def test_an_index_has_only_its_own_pods(tmp_path: Path) -> None:
    save(tmp_path, 1, [pod("a-0", 1, "1Gi", "OOMKilled", 0), pod("a-1", 1, "1Gi", "OOMKilled", 1)])
    found = job(2, completionMode="Indexed", completions=2)
    rows = rows_of(tmp_path, found, pod("a-0-2", 2, "2Gi", index=0), pod("a-1-2", 2, "2Gi", index=1))
    assert [(row["index"], row["attempt"], row["pod"]) for row in rows] == [
        (0, 1, "a-0"),
        (0, 2, "a-0-2"),
        (1, 1, "a-1"),
        (1, 2, "a-1-2"),
    ]


def test_what_is_damaged_is_left_out(tmp_path: Path) -> None:
    save(tmp_path, 1, [])
    (attempt_path(tmp_path, "n", "a", 1) / "job.json").write_text('{"kind": "Jo')
    assert [row["attempt"] for row in rows_of(tmp_path, job(2), pod("a-1", 1, "1Gi"))] == [2]


def test_a_record_with_its_earlier_attempts_has_all_their_pods(tmp_path: Path) -> None:
    save(tmp_path, 1, [pod("a-2", 2, "1Gi", "OOMKilled"), pod("a-1", 1, "1Gi", "OOMKilled")])
    save(tmp_path, 2, [])
    (record,) = job_records(job(3), [pod("a-4", 4, "4Gi")])
    found = with_earlier(record, tmp_path)
    assert [attempt.name for attempt in found.attempts] == ["a-1", "a-2", "a-4"]
    assert (record.attempt_count, found.attempt_count, found.earlier) == (3, 4, 1)


def test_a_pod_that_ran_when_its_job_was_replaced_has_ended(tmp_path: Path) -> None:
    killed = pod("a-1", 1, "1Gi", "OOMKilled")
    container = killed["status"]["containerStatuses"][0]
    container["lastState"], container["state"] = container["state"], {"running": {}}
    killed["status"]["phase"] = "Running"
    save(tmp_path, 1, [killed])
    first, _ = rows_of(tmp_path, job(2), pod("a-2", 3, "2Gi"))
    assert (first["state"], first["reason"], first["exitCode"]) == ("Failed", "OOMKilled", 137)
    assert first["finished"] == "2026-01-01T00:00:02Z"
