"""Jobs whose pods are refused are told of once for each kind of refusal."""

from typing import Any

from expander.submit.watchers import MAX_REMEMBERED_JOBS, FailedPodCreations

QUOTA = 'pods "{}-abcde" is forbidden: exceeded quota: few, requested: pods=1, used: pods={}, limited: pods=9'


def failed(name: str, message: str, reason: str = "FailedCreate", kind: str = "Job") -> dict[str, Any]:
    about = {"kind": kind, "namespace": "n", "name": name}
    return {"reason": reason, "involvedObject": about, "message": f"Error creating: {message}"}


def test_events_and_jobs_meet_whichever_comes_first() -> None:
    said: list[str] = []
    failed_pods = FailedPodCreations(said.append)
    failed_pods.event(failed("a", QUOTA.format("a", 9)))
    assert failed_pods.found() == []
    failed_pods.add("n", "a")
    failed_pods.add("n", "b")
    failed_pods.event(failed("b", "no account"))
    assert [name for _, name, _ in failed_pods.found()] == ["a", "b"]
    assert len(said) == 2
    assert "job.batch/a was accepted, but its pods are refused: pods" in said[0]
    assert "Error creating" not in said[0]


def test_a_kind_of_refusal_is_told_of_once_whatever_the_names_and_numbers() -> None:
    said: list[str] = []
    failed_pods = FailedPodCreations(said.append)
    for number in range(20):
        failed_pods.add("n", f"j{number}")
        failed_pods.event(failed(f"j{number}", QUOTA.format(f"j{number}", number)))
    assert len(said) == 1
    assert len(failed_pods.found()) == 20


def test_other_events_and_the_jobs_of_others_are_passed_over() -> None:
    said: list[str] = []
    failed_pods = FailedPodCreations(said.append)
    failed_pods.add("n", "a")
    failed_pods.event(failed("a", "x", reason="SuccessfulCreate"))
    failed_pods.event(failed("a", "x", kind="ReplicaSet"))
    failed_pods.event(failed("of-another", "x"))
    assert failed_pods.found() == []
    assert not failed_pods.has("n", "a")
    assert said == []


def test_the_newest_are_remembered() -> None:
    failed_pods = FailedPodCreations(lambda _: None)
    for number in range(MAX_REMEMBERED_JOBS + 100):
        failed_pods.add("n", str(number))
        failed_pods.event(failed(f"other-{number}", "x"))
    failed_pods.event(failed("0", "x"))
    failed_pods.event(failed(str(MAX_REMEMBERED_JOBS), "x"))
    assert failed_pods.found() == [("n", str(MAX_REMEMBERED_JOBS), "x")]
