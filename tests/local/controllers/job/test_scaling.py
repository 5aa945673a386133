"""How many pods there are, and which are made and removed."""

from __future__ import annotations

from tests.local.controllers.job.objects import NOW, Object, ask, indexed, make_job, make_pod, types


def hosts(created: list[Object]) -> list[str]:
    return [pod["spec"]["hostname"] for pod in created]


def test_never_more_pods_than_completions_are_left() -> None:
    assert len(ask(make_job(completions=5, parallelism=3)).create) == 3
    assert len(ask(make_job({"succeeded": 4}, completions=5, parallelism=3)).create) == 1
    assert ask(make_job({"succeeded": 4}, completions=5, parallelism=3), make_pod("a")).create == []


def test_a_work_queue_gets_no_new_pods_after_its_first_success() -> None:
    job = make_job({}, parallelism=3)
    assert len(ask(job, make_pod("a")).create) == 2
    decision = ask(job, make_pod("a"), make_pod("b", "Succeeded"))
    assert (decision.create, decision.delete, types(decision)) == ([], [], [])
    done = ask(job, make_pod("a", "Succeeded"), make_pod("b", "Succeeded"))
    assert (types(done), done.status["succeeded"]) == (["SuccessCriteriaMet", "Complete"], 2)


def test_the_lowest_free_indexes_are_taken_first() -> None:
    job = indexed({"completedIndexes": "0,2", "succeeded": 2}, completions=9, parallelism=4)
    assert hosts(ask(job, make_pod("a", index=1), make_pod("b", index=4)).create) == ["work-3", "work-5"]


def test_at_most_five_hundred_pods_are_made_in_a_turn() -> None:
    decision = ask(make_job(completions=800, parallelism=800))
    assert (len(decision.create), decision.status["active"], decision.again_at) == (500, 500, NOW)


def test_lower_parallelism_removes_the_pods_that_have_come_least_far() -> None:
    job = make_job({}, completions=9, parallelism=3)
    pods = [
        make_pod("old", at=NOW - 60, ready=True),
        make_pod("new", at=NOW, ready=True),
        make_pod("unready", ready=False, at=NOW - 90),
        make_pod("pending", "Pending"),
        make_pod("unassigned", "Pending", node=""),
        make_pod("restarted", ready=False, restarts=2, at=NOW - 90),
    ]
    order = [ask({**job, "spec": {**job["spec"], "parallelism": left}}, *pods).delete for left in range(6)]
    names = ["unassigned", "pending", "restarted", "unready", "new", "old"]
    assert order == [names[: 6 - left] for left in range(6)]


def test_removed_pods_are_released_and_never_counted() -> None:
    decision = ask(make_job({}, completions=9, parallelism=1), make_pod("a"), make_pod("b"))
    assert decision.release == decision.delete == ["a"]
    assert decision.status["terminating"] == 1
    assert "failed" not in decision.status
    later = ask(make_job({}, backoffLimit=0), make_pod("a", deleted=True, tracked=False), make_pod("b"))
    assert "failed" not in later.status


def test_of_pods_with_the_same_index_one_is_kept() -> None:
    job = indexed({}, completions=2, parallelism=2)
    pods = [make_pod("a", index=0, ready=True), make_pod("b", "Pending", index=0), make_pod("c", index=1)]
    assert ask(job, *pods).delete == ["b"]


def test_fewer_completions_remove_the_indexes_past_them_and_forget_their_results() -> None:
    job = indexed({"completedIndexes": "0,3", "succeeded": 2}, completions=2, parallelism=2)
    decision = ask(job, make_pod("b", index=1), make_pod("c", index=2), make_pod("e", "Failed", index=4))
    assert decision.delete == ["c"]
    assert (decision.status["completedIndexes"], decision.status["succeeded"]) == ("0", 1)
    assert "failed" not in decision.status
    assert sorted(decision.release) == ["c", "e"]


def test_a_terminating_pod_is_replaced_at_once_or_when_it_has_failed() -> None:
    at_once = ask(make_job({}), make_pod("a", deleted=True), now=NOW + 60)
    assert (at_once.status["failed"], len(at_once.create)) == (1, 1)
    waits = make_job({}, podReplacementPolicy="Failed")
    later = ask(waits, make_pod("a", deleted=True), now=NOW + 60)
    assert (later.create, later.release) == ([], [])
    assert len(ask(waits, make_pod("a", "Failed", deleted=True), now=NOW + 60).create) == 1


def test_an_index_is_not_taken_while_its_pod_terminates_if_only_failed_pods_are_replaced() -> None:
    job = indexed({}, completions=4, parallelism=2, podReplacementPolicy="Failed")
    decision = ask(job, make_pod("a", index=0, deleted=True))
    assert hosts(decision.create) == ["work-1"]
    assert decision.status["terminating"] == 1
