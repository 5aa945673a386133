"""How long failed pods are waited for."""

from __future__ import annotations

import pytest

from expander.kube.time import api_time
from expander.local.controllers.job import backoff
from expander.local.controllers.job.pods import PodRecord
from tests.local.controllers.job.objects import NOW, Object, ask, indexed, make_job, make_pod


def records(*pods: Object) -> list[PodRecord]:
    return [PodRecord(pod) for pod in pods]


def test_the_wait_doubles_up_to_ten_minutes() -> None:
    assert [backoff.backoff_delay(failures, 10) for failures in (1, 2, 3, 6, 7, 8, 500)] == [
        10,
        20,
        40,
        320,
        600,
        600,
        600,
    ]
    assert backoff.backoff_delay(3, 0.5) == 2


def test_a_success_ends_the_count_unless_a_failure_came_after_it() -> None:
    record = backoff.BackoffRecord(3, NOW)
    failed = records(make_pod("a", "Failed", at=NOW + 5), make_pod("b", "Failed", at=NOW + 20))
    succeeded = records(make_pod("c", "Succeeded", at=NOW + 10))
    assert record.update([], failed, NOW + 60) == backoff.BackoffRecord(5, NOW + 20)
    assert record.update(succeeded, failed, NOW + 60) == backoff.BackoffRecord(1, NOW + 20)
    assert record.update(succeeded, [], NOW + 60) == backoff.BackoffRecord()
    assert record.update([], [], NOW + 60) == record


def test_a_replacement_is_made_when_the_wait_is_over() -> None:
    job = make_job({}, backoffLimit=6)
    first = ask(job, make_pod("a", "Failed", at=NOW), now=NOW + 0.25)
    assert (first.create, first.again_at) == ([], NOW + 10.25)
    job = {**job, "status": first.status}
    assert ask(job, now=NOW + 10, memory=first.memory).create == []
    assert len(ask(job, now=NOW + 10.25, memory=first.memory).create) == 1


def test_the_base_of_the_wait_can_be_scaled() -> None:
    decision = ask(make_job({}, backoffLimit=6), make_pod("a", "Failed", at=NOW), backoff_base=0.5)
    assert decision.again_at == NOW + 0.5


def test_the_active_pods_are_still_counted_while_others_are_waited_for() -> None:
    job = make_job({}, completions=3, parallelism=2)
    decision = ask(job, make_pod("a", "Failed"), make_pod("b", ready=True))
    assert (decision.status["active"], decision.status["ready"], decision.create) == (1, 1, [])


def test_each_index_waits_for_itself() -> None:
    job = indexed({}, completions=3, parallelism=3, backoffLimitPerIndex=5)
    pods = [
        make_pod("a", "Failed", index=0, at=NOW - 10),
        make_pod("b", "Failed", index=1, at=NOW - 10, failures=(1, 1)),
        make_pod("c", index=2),
    ]
    decision = ask(job, *pods)
    assert [pod["spec"]["hostname"] for pod in decision.create] == ["work-0"]
    later = ask(job, *pods[1:], make_pod("d", index=0))
    assert (later.create, later.again_at) == ([], NOW - 10 + 40)


def test_a_failed_pod_stays_until_its_index_has_a_new_one() -> None:
    job = indexed({}, completions=1, parallelism=1, backoffLimitPerIndex=5)
    failed = make_pod("a", "Failed", index=0, at=NOW - 10, failures=(2, 1))
    waiting = ask(job, failed)
    assert (waiting.release, waiting.create, waiting.again_at) == ([], [], NOW - 10 + 80)
    due = ask(job, failed, now=NOW + 70)
    assert (due.release, due.again_at) == ([], NOW + 70)
    annotations = due.create[0]["metadata"]["annotations"]
    assert annotations["batch.kubernetes.io/job-index-failure-count"] == "3"
    assert annotations["batch.kubernetes.io/job-index-ignored-failure-count"] == "1"
    after = ask(job, failed, make_pod("b", "Pending", index=0), now=NOW + 71)
    assert (after.release, after.status["failed"]) == (["a"], 1)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, NOW),
        ({"containerStatuses": []}, NOW + 7),
        ({"containerStatuses": [], "conditions": []}, NOW + 3),
    ],
)
def test_a_pod_finished_when_its_containers_did_or_it_was_unready_or_deleted(
    change: Object, expected: float
) -> None:
    pod = make_pod("a", "Failed", at=NOW)
    pod["metadata"] |= {"deletionTimestamp": api_time(NOW + 33), "deletionGracePeriodSeconds": 30}
    unready = {"type": "Ready", "status": "False", "lastTransitionTime": api_time(NOW + 7)}
    pod["status"] |= {"conditions": [unready], **change}
    assert backoff.finish_time(pod) == expected


def test_a_sidecar_that_ends_last_is_the_end_of_the_pod() -> None:
    pod = make_pod("a", "Failed", at=NOW)
    pod["spec"]["initContainers"] = [{"name": "log", "restartPolicy": "Always"}, {"name": "setup"}]
    ends = (("log", NOW + 9), ("setup", NOW + 50))
    pod["status"]["initContainerStatuses"] = [
        {"name": name, "state": {"terminated": {"exitCode": 0, "finishedAt": api_time(at)}}}
        for name, at in ends
    ]
    assert backoff.finish_time(pod) == NOW + 9
