"""How a Job stands: its own words, its pods', and the events'."""

from typing import Any

import pytest

from expander.cli.output.status import groups_table, label
from expander.group.diagnosis import Warnings, events_by_uid
from expander.group.job_status import GroupSummary, JobStatus, job_status
from expander.group.known.summaries import job_statuses
from expander.kube.time import api_time
from tests.group.fakes import BEGIN, FakeReader, job, pod


def waiting(owner: dict[str, Any], reason: str, message: str = "") -> dict[str, Any]:
    """A pod whose container waits."""
    made = pod(owner, None)
    made["status"] = {
        "phase": "Pending",
        "containerStatuses": [{"name": "main", "state": {"waiting": {"reason": reason, "message": message}}}],
    }
    return made


def unscheduled(owner: dict[str, Any], message: str) -> dict[str, Any]:
    made = pod(owner, None)
    del made["spec"]["nodeName"]
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    made["status"] = {"phase": "Pending", "conditions": [condition]}
    return made


def event(about: dict[str, Any], reason: str, message: str, at: int = 100) -> dict[str, Any]:
    return {
        "involvedObject": {"kind": about["kind"], "uid": about["metadata"]["uid"]},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": api_time(BEGIN + at),
    }


def stands(one: dict[str, Any], *pods: dict[str, Any], events: Warnings | None = None) -> JobStatus:
    return job_status(one, pods, events or {})


@pytest.mark.parametrize(
    "reason",
    ["ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError", "CreateContainerError"],
)
def test_what_a_container_waits_for_is_what_keeps_a_pending_job(reason: str) -> None:
    one = job("a", "Active")
    found = stands(one, waiting(one, reason, "no such thing"))
    assert (found.state, found.reason, found.message) == ("Pending", reason, "no such thing")


def test_a_container_that_is_being_made_is_no_trouble_until_an_event_says_so() -> None:
    one = job("a", "Active")
    made = waiting(one, "ContainerCreating")
    assert stands(one, made).explanation == ""
    events = events_by_uid([event(made, "FailedMount", "configmap not found")])
    assert stands(one, made, events=events).summary == "FailedMount: configmap not found"


def test_a_pod_that_fits_on_no_node_is_unschedulable() -> None:
    one = job("a", "Active")
    found = stands(one, unscheduled(one, "0/3 nodes are available"))
    assert (found.state, found.reason, found.message) == (
        "Pending",
        "Unschedulable",
        "0/3 nodes are available",
    )
    assert found.nodes == ()


OLD_SCHEDULER = "0/5 nodes are available: {0}. preemption: 0/5 nodes are available: {1}."
SCHEDULER = OLD_SCHEDULER.replace("preemption:", "no new claims to deallocate, preemption:")
VICTIMS, HELPLESS = "No preemption victims found for incoming pod", "Preemption is not helpful for scheduling"


@pytest.mark.parametrize(
    ("lacks", "preemption", "told"),
    [
        ("5 Insufficient cpu", f"5 {VICTIMS}", "WaitsForRoom: Insufficient cpu"),
        (
            "1 Too many pods, 4 Insufficient nvidia.com/gpu, 5 Insufficient memory",
            f"5 {VICTIMS}",
            "WaitsForRoom: Too many pods, Insufficient nvidia.com/gpu, Insufficient memory",
        ),
        (
            "2 node(s) were unschedulable, 3 Insufficient cpu",
            f"2 {HELPLESS}, 3 {VICTIMS}",
            "WaitsForRoom: Insufficient cpu",
        ),
        ("5 Insufficient cpu", f"5 {HELPLESS}", "Unschedulable: 0/5"),  # too large for every node
        ("5 node(s) didn't match pod anti-affinity rules", f"5 {VICTIMS}", "Unschedulable: 0/5"),
        ("5 node(s) were unschedulable", f"5 {HELPLESS}", "Unschedulable: 0/5"),
    ],
)
def test_a_pod_that_fits_once_others_end_waits_for_room(lacks: str, preemption: str, told: str) -> None:
    one = job("a", "Active")
    found = stands(one, unscheduled(one, SCHEDULER.format(lacks, preemption)))
    assert (found.state, found.is_in_trouble) == ("Pending", told.startswith("Unschedulable"))
    assert found.summary.startswith(told)


def test_a_scheduler_that_does_not_tell_small_nodes_from_full_ones_is_not_understood_so() -> None:
    one = job("a", "Active")
    told = OLD_SCHEDULER.format("5 Insufficient cpu", f"5 {VICTIMS}")
    assert stands(one, unscheduled(one, told)).summary == f"Unschedulable: {told}"


def test_a_job_at_work_of_which_a_pod_waits_for_room_is_not_held_up() -> None:
    one = job("a", "Active", parallelism=2, completions=2)
    waits = unscheduled(one, SCHEDULER.format("5 Insufficient cpu", f"5 {VICTIMS}"))
    found = stands(one, pod(one, None), waits)
    assert (found.state, found.explanation) == ("Active", "")


def test_pods_refused_by_a_quota_are_told_by_the_event_of_the_job() -> None:
    one = job("a", "Pending")
    events = events_by_uid(
        [event(one, "FailedCreate", "(combined from similar events): Error creating: exceeded quota: q")]
    )
    found = stands(one, events=events)
    assert found.summary == "FailedCreate: Error creating: exceeded quota: q"


def test_a_job_whose_scheduling_is_blocked_says_why() -> None:
    one = job("a", "Pending")
    condition = {
        "type": "SchedulingBlocked",
        "status": "True",
        "reason": "WorkloadNotFound",
        "message": "no w",
    }
    one["status"]["conditions"] = [condition]
    found = stands(one)
    assert (found.state, found.summary) == ("Pending", "SchedulingBlocked: WorkloadNotFound: no w")
    condition["status"] = "False"
    assert stands(one).reason != "SchedulingBlocked"


def test_a_refusal_before_the_newest_pod_is_over() -> None:
    one = job("a", "Active", parallelism=2, completions=2)
    events = events_by_uid([event(one, "FailedCreate", "exceeded quota", at=0)])
    assert stands(one, pod(one, None, number=5), events=events).reason == ""


def test_a_job_with_all_its_pods_has_no_refusal_left() -> None:
    one = job("a", "Active")
    events = events_by_uid([event(one, "FailedCreate", "exceeded quota")])
    assert stands(one, pod(one, None), events=events).reason == ""


def test_a_container_that_crashes_again_and_again_says_how_it_ended() -> None:
    one = job("a", "Active")
    crashing = waiting(one, "CrashLoopBackOff", "back-off 40s")
    crashing["status"]["phase"] = "Running"
    crashing["status"]["containerStatuses"][0] |= {
        "restartCount": 3,
        "lastState": {"terminated": {"exitCode": 4, "reason": "Error", "finishedAt": api_time(BEGIN)}},
    }
    found = stands(one, crashing)
    assert (found.state, found.explanation, found.retries) == ("Pending", "CrashLoopBackOff (exit code 4)", 3)


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        ({"exitCode": 3, "reason": "Error"}, "exit code 3"),
        ({"exitCode": 137, "reason": "OOMKilled"}, "OOMKilled"),
        ({"exitCode": 128, "reason": "StartError"}, "StartError"),
    ],
)
def test_a_failed_job_says_why_its_last_attempt_failed(end: dict[str, Any], cause: str) -> None:
    one = job("a", "Failed")
    first, last = pod(one, 1, number=1), pod(one, 9, number=2)
    terminated = {**end, "finishedAt": api_time(BEGIN + 50), "message": "out of luck"}
    last["status"]["containerStatuses"][0]["state"] = {"terminated": terminated}
    found = stands(one, first, last)
    assert found.explanation == f"BackoffLimitExceeded ({cause})"
    assert found.summary.endswith(": out of luck")


def test_an_evicted_pod_was_evicted_whatever_its_container_returned() -> None:
    one = job("a", "Failed")
    evicted = pod(one, 137)
    evicted["status"] |= {"reason": "Evicted", "message": "The node was low on resource: memory."}
    assert stands(one, evicted).summary == (
        "BackoffLimitExceeded (Evicted): Job has reached the specified backoff limit: "
        "The node was low on resource: memory."
    )


def test_what_a_deadline_kills_did_not_fail_by_itself() -> None:
    one = job("a", "Failed")
    one["status"]["conditions"][0] |= {"reason": "DeadlineExceeded", "message": "too long"}
    assert stands(one, pod(one, 143)).explanation == "DeadlineExceeded"


def test_a_job_between_two_attempts_waits_for_the_next_one() -> None:
    one = job("a", "Pending")
    one["status"] |= {"failed": 2}
    found = stands(one, pod(one, 1), pod(one, 5, number=2))
    assert (found.state, found.explanation, found.retries) == ("Pending", "BackOff (exit code 5)", 1)


def test_a_suspended_job_in_a_queue_says_which() -> None:
    one = job("a", "Pending", suspend=True)
    assert stands(one).explanation == "JobSuspended"
    one["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] = "night"
    assert stands(one).summary == "Queued: waiting for admission by Kueue queue night"


def test_an_indexed_job_shows_its_completions_and_the_indexes_that_failed() -> None:
    one = job("a", "Failed", completions=4, parallelism=2, completionMode="Indexed", backoffLimitPerIndex=1)
    one["status"] |= {"succeeded": 2, "failed": 3, "failedIndexes": "1,3", "completedIndexes": "0,2"}
    one["status"]["conditions"][0]["reason"] = "FailedIndexes"
    pods = [
        pod(one, code, number=number, index=index)
        for number, index, code in [(1, 1, 2), (2, 1, 2), (3, 3, 2)]
    ]
    found = stands(one, *pods)
    assert (found.succeeded, found.completions, found.retries) == (2, 4, 1)
    assert found.explanation == "FailedIndexes (exit code 2, indexes 1,3)"


@pytest.mark.parametrize(
    ("state", "status", "retries"),
    [
        ("Complete", {"succeeded": 1, "failed": 2}, 2),
        ("Failed", {"failed": 3}, 2),
        ("Active", {"active": 1, "failed": 1}, 1),
        ("Complete", {"succeeded": 1}, 0),
    ],
)
def test_retries_are_attempts_that_followed_a_failed_one(
    state: str, status: dict[str, int], retries: int
) -> None:
    one = job("a", state)
    one["status"] |= status
    assert stands(one).retries == retries


def test_the_commonest_trouble_of_many_pods_is_told_with_their_number() -> None:
    one = job("a", "Active", parallelism=3, completions=3)
    pods = [
        waiting(one, "ImagePullBackOff", "x"),
        unscheduled(one, "y"),
        waiting(one, "ImagePullBackOff", "z"),
    ]
    assert stands(one, *pods).summary == "ImagePullBackOff: 2 pods: x"


def test_events_are_asked_for_only_when_they_may_tell_something() -> None:
    class Curious(FakeReader):
        def events(self, *, warnings: bool = False) -> Any:
            raise AssertionError("nobody needs them")

    done, busy = job("a"), job("b", "Active")
    found = list(job_statuses(Curious([done, busy], [pod(done), pod(busy, None)])))
    assert [one.state for one in found] == ["Complete", "Active"]


@pytest.mark.parametrize("code", [0, 1])
def test_a_pod_that_has_ended_and_is_not_counted_yet_keeps_its_job_active(code: int) -> None:
    one = job("a", "Active")
    ended = pod(one, code)
    assert stands(one, ended).state == "Pending"
    ended["metadata"]["finalizers"] = ["batch.kubernetes.io/job-tracking"]
    assert stands(one, ended).state == "Active"
    one["status"]["uncountedTerminatedPods"] = {"succeeded": [ended["metadata"]["uid"]]}
    assert stands(one).state == "Active"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0s"), (0.078, "78ms"), (0.0001, "1ms"), (3, "3s"), (3.25, "3.2s"), (12.5, "12s")],
)
def test_a_group_that_took_less_than_a_second_says_how_much(seconds: float, shown: str) -> None:
    group = GroupSummary("g", started=1000.0, finished=1000.0 + seconds)
    assert [*groups_table([group], now=2000.0)][1].split()[-1] == shown


def test_an_item_is_named_with_each_odd_character_escaped_once() -> None:
    failed = job_status(job("j-1", "Failed", item="a\u202e\x1b[31m \u05d0\\"), [], {})
    assert label(failed) == "j-1 (item 'a\\u202e\\x1b[31m \u05d0\\\\')"


def test_a_long_item_is_cut_in_a_sentence() -> None:
    failed = job_status(job("j-1", "Failed", item="x" * 100_000), [], {})
    assert label(failed) == f"j-1 (item '{'x' * 57}...')"
