"""Jobs whose pods are refused are told of once for each kind of refusal."""

from typing import Any

from expander.submit.watchers import MAX_REMEMBERED_JOBS, FailedPodCreations

QUOTA = 'pods "{}-abcde" is forbidden: exceeded quota: few, requested: pods=1, used: pods={}, limited: pods=9'


def failed(name: str, message: str, reason: str = "FailedCreate", kind: str = "Job") -> dict[str, Any]:
    about = {"kind": kind, "namespace": "n", "name": name}
    return {"reason": reason, "involvedObject": about, "message": f"Error creating: {message}"}


def test_events_and_jobs_meet_whichever_comes_first() -> None:
    said: list[str] = []
    podless = FailedPodCreations(said.append)
    podless.event(failed("a", QUOTA.format("a", 9)))
    assert podless.found() == []
    podless.add("n", "a")
    podless.add("n", "b")
    podless.event(failed("b", "no account"))
    assert [name for _, name, _ in podless.found()] == ["a", "b"]
    assert len(said) == 2
    assert "job.batch/a was accepted, but its pods are refused: pods" in said[0]
    assert "Error creating" not in said[0]


def test_a_kind_of_refusal_is_told_of_once_whatever_the_names_and_numbers() -> None:
    said: list[str] = []
    podless = FailedPodCreations(said.append)
    for number in range(20):
        podless.add("n", f"j{number}")
        podless.event(failed(f"j{number}", QUOTA.format(f"j{number}", number)))
    assert len(said) == 1
    assert len(podless.found()) == 20


def test_other_events_and_the_jobs_of_others_are_passed_over() -> None:
    said: list[str] = []
    podless = FailedPodCreations(said.append)
    podless.add("n", "a")
    podless.event(failed("a", "x", reason="SuccessfulCreate"))
    podless.event(failed("a", "x", kind="ReplicaSet"))
    podless.event(failed("of-another", "x"))
    assert podless.found() == []
    assert not podless.has("n", "a")
    assert said == []


def test_the_newest_are_remembered() -> None:
    podless = FailedPodCreations(lambda _: None)
    for number in range(MAX_REMEMBERED_JOBS + 100):
        podless.add("n", str(number))
        podless.event(failed(f"other-{number}", "x"))
    podless.event(failed("0", "x"))
    podless.event(failed(str(MAX_REMEMBERED_JOBS), "x"))
    assert podless.found() == [("n", str(MAX_REMEMBERED_JOBS), "x")]
