"""What ends together is judged together, and nothing waits that need not."""

from __future__ import annotations

from typing import Any

from expander.local.decide.decision import Decision
from tests.local.decide.objects import NOW, Object, ask, indexed, make_job, make_pod, types

SEEN = {"generation": 1, "settled": True}


def look(job: Object, *pods: Object, memory: Object = SEEN, now: float = NOW, **more: Any) -> Decision:
    return ask(job, *pods, now=now, memory=memory, batch=1.0, **more)


def is_waiting(decision: Decision) -> bool:
    return not decision.changed and decision.again_at is not None and not decision.release


def test_failures_within_a_second_count_together() -> None:
    job = indexed({}, completions=3, parallelism=3, backoffLimitPerIndex=0, maxFailedIndexes=0)
    first = look(job, make_pod("a", "Failed", index=0), make_pod("b", index=1), make_pod("c", index=2))
    assert (is_waiting(first), first.again_at) == (True, NOW + 1)
    pods = [make_pod("a", "Failed", index=0), make_pod("b", "Failed", index=1), make_pod("c", index=2)]
    second = look(job, *pods, memory=first.memory, now=NOW + 0.5)
    assert (is_waiting(second), second.again_at) == (True, NOW + 1)
    last = look(job, *pods, memory=second.memory, now=NOW + 1)
    assert (last.status["failedIndexes"], last.delete) == ("0,1", ["c"])
    assert "news" not in last.memory


def test_nothing_is_waited_for_when_no_pod_is_left_to_end() -> None:
    assert types(look(make_job({}, backoffLimit=0), make_pod("a", "Failed"))) == ["FailureTarget", "Failed"]


def test_a_success_is_acted_on_at_once() -> None:
    decision = look(make_job({}, completions=5, parallelism=2), make_pod("a", "Succeeded"), make_pod("b"))
    assert len(decision.create) == 1


def test_the_first_news_of_a_job_wait() -> None:
    job = make_job({}, completions=5, parallelism=2)
    decision = look(job, make_pod("a", "Succeeded"), make_pod("b"), memory={"generation": 1})
    assert is_waiting(decision)
    acted = look(job, make_pod("a", "Succeeded"), make_pod("b"), memory=decision.memory, now=NOW + 1)
    assert acted.memory["settled"] is True


def test_a_success_policy_waits() -> None:
    job = indexed({}, completions=3, parallelism=2, successPolicy={"rules": [{"succeededCount": 1}]})
    assert is_waiting(look(job, make_pod("a", "Succeeded", index=0), make_pod("b", index=1)))


def test_a_change_of_the_job_is_acted_on_at_once() -> None:
    job = make_job({}, completions=5, parallelism=2)
    job["metadata"]["generation"] = 2
    assert look(job, make_pod("a", "Failed"), make_pod("b")).changed


def test_a_deadline_is_not_waited_past() -> None:
    job = make_job({}, completions=5, parallelism=2, activeDeadlineSeconds=1)
    memory = {**SEEN, "started": NOW}
    decision = look(job, make_pod("a", "Failed"), make_pod("b"), memory=memory, now=NOW + 0.75)
    assert (is_waiting(decision), decision.again_at) == (True, NOW + 1)
    ended = look(job, make_pod("a", "Failed"), make_pod("b"), memory=decision.memory, now=NOW + 1)
    assert types(ended) == ["FailureTarget"]


def test_a_failed_pod_that_stays_for_its_index_is_old_news() -> None:
    job = indexed({}, completions=3, parallelism=2, backoffLimitPerIndex=3)
    failed = make_pod("a", "Failed", index=0)
    acted = look(job, failed, make_pod("b", index=1), memory={})
    assert acted.memory["delayed"] == 1
    now = look(job, failed, make_pod("b", "Succeeded", index=1), make_pod("c", index=2), memory=acted.memory)
    assert now.changed
