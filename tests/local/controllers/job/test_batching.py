"""What ends together is judged together, and nothing waits that need not."""

from __future__ import annotations

from typing import Any

from expander.local.controllers.job.context import Decision
from tests.local.controllers.job.objects import NOW, Object, ask, indexed, make_job, make_pod, types

PROVEN = {"succeeded": 20}


def look(job: Object, *pods: Object, memory: Object | None = None, now: float = NOW, **more: Any) -> Decision:
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


def test_a_success_waits_for_others_until_many_pods_have_succeeded() -> None:
    pods = [make_pod("a", "Succeeded"), make_pod("b")]
    assert is_waiting(look(make_job({}, completions=50, parallelism=2), *pods))
    assert len(look(make_job(PROVEN, completions=50, parallelism=2), *pods).create) == 1


def test_a_failure_waits_for_others_however_many_pods_have_succeeded() -> None:
    job = make_job(PROVEN, completions=50, parallelism=2)
    assert is_waiting(look(job, make_pod("a", "Failed"), make_pod("b")))


def test_a_deleted_pod_that_still_ends_well_has_succeeded() -> None:
    job = make_job({})
    first = look(job, make_pod("a", deleted=True))
    assert is_waiting(first)
    assert types(look(job, make_pod("a", "Succeeded", deleted=True), memory=first.memory))[-1] == "Complete"
    late = look(job, make_pod("a", deleted=True), memory=first.memory, now=NOW + 1)
    assert (late.status["failed"], late.release) == (1, ["a"])


def test_a_deleted_pod_is_no_news_where_only_failed_pods_are_replaced() -> None:
    assert look(make_job({}, podReplacementPolicy="Failed"), make_pod("a", deleted=True)).changed


def test_a_success_policy_waits() -> None:
    rules = [{"succeededCount": 40}]
    job = indexed({"succeeded": 30}, completions=50, parallelism=2, successPolicy={"rules": rules})
    assert is_waiting(look(job, make_pod("a", "Succeeded", index=0), make_pod("b", index=1)))


def test_a_change_of_the_job_is_acted_on_at_once() -> None:
    job = make_job({}, completions=5, parallelism=2)
    job["metadata"]["generation"] = 2
    assert look(job, make_pod("a", "Failed"), make_pod("b")).changed


def test_a_deadline_is_not_waited_past() -> None:
    job = make_job({}, completions=5, parallelism=2, activeDeadlineSeconds=1)
    memory = {"started": NOW}
    decision = look(job, make_pod("a", "Failed"), make_pod("b"), memory=memory, now=NOW + 0.75)
    assert (is_waiting(decision), decision.again_at) == (True, NOW + 1)
    ended = look(job, make_pod("a", "Failed"), make_pod("b"), memory=decision.memory, now=NOW + 1)
    assert types(ended) == ["FailureTarget"]


def test_a_failed_pod_that_stays_for_its_index_is_old_news() -> None:
    job = indexed({}, completions=3, parallelism=2, backoffLimitPerIndex=3)
    failed = make_pod("a", "Failed", index=0)
    acted = ask(job, failed, make_pod("b", index=1))
    assert acted.memory["delayed"] == 1
    assert not is_waiting(look(job, failed, make_pod("b", index=1, ready=True), memory=acted.memory))


def test_a_job_that_is_not_followed_by_special_rules_needs_no_memory() -> None:
    assert ask(make_job(completions=5, parallelism=2)).memory == {}
    assert ask(make_job({}, completions=5, parallelism=2), make_pod("a", "Succeeded")).memory == {}
