"""How a Job goes from its start to its end."""

from __future__ import annotations

from expander.local.controllers.job.context import Event
from tests.local.controllers.job.objects import (
    NOW,
    Object,
    ask,
    condition,
    indexed,
    make_job,
    make_pod,
    reason,
    types,
)

STAMP = "2027-01-15T08:00:00Z"


def test_a_new_job_starts_and_makes_its_pods() -> None:
    decision = ask(make_job())
    assert decision.status == {
        "startTime": STAMP,
        "active": 1,
        "terminating": 0,
        "uncountedTerminatedPods": {},
        "ready": 0,
    }
    assert decision.changed
    again = ask({**make_job(), "status": decision.status}, make_pod("a", "Pending"), memory=decision.memory)
    assert not again.changed
    assert (again.create, again.again_at, again.memory) == ([], None, decision.memory)


def test_a_job_of_another_controller_is_left_alone() -> None:
    decision = ask(make_job(managedBy="example.com/other"), make_pod("a", "Failed"))
    assert (decision.changed, decision.create, decision.release) == (False, [], [])
    assert ask(make_job(managedBy="kubernetes.io/job-controller")).create


def test_a_complete_job_has_both_conditions_and_its_time() -> None:
    decision = ask(make_job({}), make_pod("a", "Succeeded"))
    assert types(decision) == ["SuccessCriteriaMet", "Complete"]
    assert decision.status["completionTime"] == STAMP
    assert decision.events == [Event("Normal", "Completed", "Job completed")]
    assert (decision.release, decision.memory, decision.again_at) == (["a"], {}, None)


def test_a_failed_job_has_both_conditions_and_a_warning() -> None:
    decision = ask(make_job({}, backoffLimit=0), make_pod("a", "Failed"))
    assert (types(decision), reason(decision)) == (["FailureTarget", "Failed"], "BackoffLimitExceeded")
    assert "completionTime" not in decision.status
    message = "Job has reached the specified backoff limit"
    assert decision.events == [Event("Warning", "BackoffLimitExceeded", message)]


def test_the_step_before_the_finalizers_go_names_the_pods() -> None:
    decision = ask(
        make_job({}, completions=3, parallelism=3), make_pod("a", "Succeeded"), make_pod("b", "Failed")
    )
    assert decision.interim is not None
    assert decision.interim["uncountedTerminatedPods"] == {"succeeded": ["a"], "failed": ["b"]}
    assert "succeeded" not in decision.interim
    assert (decision.status["succeeded"], decision.status["failed"]) == (1, 1)
    assert decision.status["uncountedTerminatedPods"] == {}


def test_the_step_before_the_end_announces_it() -> None:
    decision = ask(indexed({}, completions=1), make_pod("a", "Succeeded", index=0))
    assert decision.interim is not None
    assert [each["type"] for each in decision.interim["conditions"]] == ["SuccessCriteriaMet"]
    assert decision.interim["succeeded"] == 1
    assert "completionTime" not in decision.interim


def test_a_job_ends_only_when_no_pod_is_terminating() -> None:
    job = make_job({}, backoffLimit=0, completions=2, parallelism=2)
    first = ask(job, make_pod("a", "Failed"), make_pod("b", ready=True))
    assert (types(first), first.delete, first.events) == (["FailureTarget"], ["b"], [])
    assert first.status["terminating"] == 1
    assert first.status["ready"] == 0
    assert first.status["failed"] == 2
    job = {**job, "status": first.status}
    stopping = make_pod("b", deleted=True, tracked=False)
    assert types(ask(job, stopping, memory=first.memory)) == ["FailureTarget"]
    last = ask(job, memory=first.memory)
    assert (types(last), last.status["failed"]) == (["FailureTarget", "Failed"], 2)


def test_an_announced_success_is_not_undone_by_a_failure() -> None:
    job = make_job({"conditions": [condition("SuccessCriteriaMet", "CompletionsReached")]}, backoffLimit=0)
    decision = ask(job, make_pod("a", "Failed"))
    assert types(decision) == ["SuccessCriteriaMet", "Complete"]
    assert decision.status["failed"] == 1


def test_a_finished_job_lets_go_of_pods_that_turn_up() -> None:
    job = make_job({"conditions": [condition("Complete")]})
    decision = ask(job, make_pod("a"), make_pod("b", "Failed"))
    assert (decision.release, decision.changed, decision.delete) == (["a", "b"], False, [])


def test_restarts_count_towards_the_limit_of_a_job_that_restarts_in_place() -> None:
    for limit, restarts, over in ((0, 0, False), (0, 1, True), (2, 1, False), (2, 2, True)):
        job = make_job({}, backoffLimit=limit, restart="OnFailure")
        decision = ask(job, make_pod("a", restarts=restarts))
        assert (types(decision) == ["FailureTarget"]) is over
    assert types(ask(make_job({}, backoffLimit=0), make_pod("a", restarts=3))) == []


def test_a_job_past_its_deadline_fails() -> None:
    job = make_job(activeDeadlineSeconds=10)
    first = ask(job, now=NOW + 0.5)
    assert first.again_at == NOW + 10.5
    job = {**job, "status": first.status}
    assert types(ask(job, make_pod("a"), now=NOW + 10.25, memory=first.memory)) == []
    ended = ask(job, make_pod("a"), now=NOW + 10.5, memory=first.memory)
    assert (types(ended), reason(ended), ended.delete) == (["FailureTarget"], "DeadlineExceeded", ["a"])


def test_a_suspended_job_has_no_pods_and_no_start() -> None:
    decision = ask(
        make_job({}, suspend=True, activeDeadlineSeconds=1), make_pod("a", ready=True), now=NOW + 99
    )
    assert (types(decision), decision.delete, decision.release) == (["Suspended"], ["a"], ["a"])
    assert "startTime" not in decision.status
    assert decision.events == [Event("Normal", "Suspended", "Job suspended")]
    assert (decision.again_at, decision.status["ready"], decision.status["terminating"]) == (None, 0, 1)


def test_a_resumed_job_starts_anew() -> None:
    job = make_job(activeDeadlineSeconds=10)
    job["status"] = {"conditions": [condition("Suspended", "JobSuspended", "Job suspended")]}
    decision = ask(job, now=NOW + 60)
    assert decision.status["startTime"] == "2027-01-15T08:01:00Z"
    assert [(each["type"], each["status"]) for each in decision.status["conditions"]] == [
        ("Suspended", "False")
    ]
    assert decision.events == [Event("Normal", "Resumed", "Job resumed")]
    assert (len(decision.create), decision.again_at) == (1, NOW + 70)


def test_a_suspended_job_whose_pods_were_enough_completes() -> None:
    assert types(ask(make_job({}, suspend=True), make_pod("a", "Succeeded"))) == [
        "SuccessCriteriaMet",
        "Complete",
    ]


def test_a_job_that_is_being_deleted_makes_nothing_and_lets_go() -> None:
    job = make_job({}, parallelism=2, completions=3)
    job["metadata"]["deletionTimestamp"] = STAMP
    decision = ask(job, make_pod("a"), make_pod("b", "Failed"))
    assert (decision.create, sorted(decision.release), decision.delete) == ([], ["a", "b"], [])
    assert decision.status["failed"] == 1


def test_failed_indexes_end_the_job_when_no_other_is_left() -> None:
    job = indexed({"failedIndexes": "0"}, completions=3, parallelism=3, backoffLimitPerIndex=0)
    pods = [make_pod("b", "Succeeded", index=1), make_pod("c", index=2)]
    assert types(ask(job, *pods)) == []
    decision = ask(job, pods[0], make_pod("c", "Succeeded", index=2))
    assert (types(decision), reason(decision)) == (["FailureTarget", "Failed"], "FailedIndexes")
    assert (decision.status["completedIndexes"], decision.status["failedIndexes"]) == ("1,2", "0")


def test_too_many_failed_indexes_end_the_job_at_once() -> None:
    job = indexed({}, completions=9, parallelism=3, backoffLimitPerIndex=0, maxFailedIndexes=1)
    pods: list[Object] = [make_pod(name, "Failed", index=index) for index, name in enumerate("ab")]
    decision = ask(job, *pods, make_pod("c", index=2))
    assert (reason(decision), decision.delete) == ("MaxFailedIndexesExceeded", ["c"])
    assert (decision.status["failedIndexes"], decision.status["failed"]) == ("0,1", 3)


def test_more_successes_than_completions_are_warned_of() -> None:
    job = make_job({"succeeded": 1}, completions=1)
    decision = ask(job, make_pod("a", "Succeeded"))
    assert [event.reason for event in decision.events] == ["TooManySucceededPods", "Completed"]


def test_at_most_five_hundred_pods_are_counted_in_a_turn() -> None:
    job = make_job({}, completions=700, parallelism=700)
    pods = [make_pod(f"p{number}", "Succeeded") for number in range(700)]
    first = ask(job, *pods)
    assert (first.status["succeeded"], len(first.release), first.again_at) == (500, 500, NOW)
    assert types(first) == ["SuccessCriteriaMet"]
    last = ask({**job, "status": first.status}, *pods[500:], memory=first.memory)
    assert (last.status["succeeded"], types(last)) == (700, ["SuccessCriteriaMet", "Complete"])
