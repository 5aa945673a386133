"""Pods get a place as kube-scheduler gives it on one node."""

from typing import Any

import pytest

from expander.kube.resources import Request, pod_request
from expander.local.scheduler import Scheduler

GIB = 2**30


def asking(cpu: str = "", memory: str = "", **more: Any) -> dict[str, Any]:
    amounts = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    return {"containers": [{"name": "main", "resources": {"requests": amounts}}], **more}


def part(cpu: str, policy: str = "") -> dict[str, Any]:
    container: dict[str, Any] = {"name": "part", "resources": {"requests": {"cpu": cpu}}}
    return container | ({"restartPolicy": policy} if policy else {})


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler(cpus=2, memory=GIB, pods=3)


def placed(scheduler: Scheduler) -> list[str]:
    return list(scheduler.place())


@pytest.mark.parametrize(
    ("spec", "request_"),
    [
        ({"containers": [{"name": "main"}]}, Request(0, 0)),
        (asking("100m", "1Gi"), Request(100, GIB)),
        (asking("0.1"), Request(100, 0)),
        (asking("1u"), Request(1, 0)),
        ({"containers": [part("1"), part("2")]}, Request(3000, 0)),
        ({"initContainers": [part("5"), part("1")], "containers": [part("1")]}, Request(5000, 0)),
        ({"initContainers": [part("1", "Always")], "containers": [part("1")]}, Request(2000, 0)),
        ({"initContainers": [part("1", "Always"), part("3")], "containers": [part("1")]}, Request(4000, 0)),
        ({"initContainers": [part("3"), part("1", "Always")], "containers": [part("1")]}, Request(3000, 0)),
        (asking("1", overhead={"cpu": "250m"}), Request(1250, 0)),
        (asking("1", resources={"requests": {"cpu": "2"}}), Request(2000, 0)),
    ],
)
def test_a_pod_asks_for(spec: dict[str, Any], request_: Request) -> None:
    assert pod_request(spec) == request_


def test_pods_without_requests_are_placed_up_to_the_limit_in_their_order(scheduler: Scheduler) -> None:
    for uid in "abcd":
        scheduler.add(uid, asking())
    assert placed(scheduler) == ["a", "b", "c"]
    assert placed(scheduler) == []
    scheduler.drop("b")
    assert placed(scheduler) == ["d"]


def test_requests_are_held_against_the_machine_and_freed(scheduler: Scheduler) -> None:
    scheduler.add("a", asking("1500m"))
    scheduler.add("b", asking("1"))
    assert placed(scheduler) == ["a"]
    assert scheduler.used == Request(1500, 0)
    scheduler.drop("a")
    assert placed(scheduler) == ["b"]
    scheduler.drop("b")
    assert scheduler.used == Request(0, 0)


def test_a_large_pod_does_not_hold_up_a_small_one(scheduler: Scheduler) -> None:
    scheduler.add("a", asking("1500m"))
    scheduler.add("large", asking("1"))
    scheduler.add("small", asking("500m"))
    assert placed(scheduler) == ["a", "small"]


def test_a_pod_that_was_there_before_takes_its_place_whatever_is_left(scheduler: Scheduler) -> None:
    scheduler.take("a", asking("4"))
    scheduler.add("b", asking("100m"))
    scheduler.add("c", asking())
    assert placed(scheduler) == ["c"]


def test_what_waits_is_told_once_with_the_reason(scheduler: Scheduler) -> None:
    scheduler.add("a", asking("1500m", "1Gi"))
    scheduler.add("b", asking("1", "1Gi"))
    scheduler.add("never", asking("9"))
    assert placed(scheduler) == ["a"]
    assert dict(scheduler.left_over()) == {
        "b": "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. no new claims to deallocate, "
        "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.",
        "never": "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, "
        "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
    }
    assert dict(scheduler.left_over()) == {}


def test_too_many_pods_is_a_reason_too(scheduler: Scheduler) -> None:
    for uid in "abcd":
        scheduler.add(uid, asking())
    assert placed(scheduler) == ["a", "b", "c"]
    ((uid, why),) = scheduler.left_over()
    assert uid == "d"
    assert why.startswith("0/1 nodes are available: 1 Too many pods. ")


def test_room_is_what_neither_runs_nor_waits_but_hopeless_pods_take_none(scheduler: Scheduler) -> None:
    assert scheduler.spare == 3
    scheduler.add("a", asking())
    assert scheduler.spare == 2
    placed(scheduler)
    assert (scheduler.spare, scheduler.running) == (2, 1)
    scheduler.add("never", asking("9"))
    assert scheduler.spare == 2


def test_a_pod_with_scheduling_gates_waits_outside(scheduler: Scheduler) -> None:
    scheduler.add("gated", asking(schedulingGates=[{"name": "x"}]))
    assert placed(scheduler) == []
    assert list(scheduler.left_over()) == []


def test_bounded_pods_without_a_cpu_request_run_one_to_a_core() -> None:
    scheduler = Scheduler(cpus=8, memory=GIB, pods=10, bound=2)
    for uid in "abc":
        scheduler.add(uid, asking(), bounded=True)
    scheduler.add("asks", asking("1"), bounded=True)
    scheduler.add("server", asking())
    assert placed(scheduler) == ["a", "b", "asks", "server"]
    assert dict(scheduler.left_over())["c"].startswith("0/1 nodes are available: 1 Too many pods. ")
    scheduler.drop("asks")
    assert placed(scheduler) == []
    scheduler.drop("a")
    assert placed(scheduler) == ["c"]
    assert scheduler.spare == 0
    scheduler.drop("b")
    assert scheduler.spare == 1


def test_a_bounded_pod_of_an_earlier_life_has_a_core() -> None:
    scheduler = Scheduler(cpus=8, memory=GIB, pods=10, bound=1)
    scheduler.take("a", asking(), bounded=True)
    scheduler.add("b", asking(), bounded=True)
    assert placed(scheduler) == []
    scheduler.drop("a")
    assert placed(scheduler) == ["b"]


def test_a_higher_priority_goes_first_and_preempts_nobody(scheduler: Scheduler) -> None:
    scheduler.add("runs", asking("1500m"))
    assert placed(scheduler) == ["runs"]
    for uid, priority in (("plain", 0), ("low", -1), ("high", 10), ("highest", 20), ("high too", 10)):
        scheduler.add(uid, asking("500m"), priority=priority)
    order = placed(scheduler)
    for _ in range(4):
        scheduler.drop(order[-1])
        order += placed(scheduler)
    assert order == ["highest", "high", "high too", "plain", "low"]


def test_what_waits_in_its_place_makes_room_for_others_up_to_a_limit() -> None:
    scheduler = Scheduler(cpus=8, memory=GIB, pods=200, bound=1)
    for number in range(300):
        scheduler.add(f"p{number}", asking(), bounded=True)
    assert placed(scheduler) == ["p0"]
    for number in range(199):
        scheduler.set_idle(f"p{number}", True)
        assert placed(scheduler) == [f"p{number + 1}"]
    scheduler.set_idle("p199", True)
    assert (placed(scheduler), scheduler.running) == ([], 200)
    scheduler.set_idle("p7", False)
    scheduler.drop("p8")
    assert placed(scheduler) == []
    scheduler.drop("p7")
    assert placed(scheduler) == ["p200"]
    scheduler.drop("p200")
    assert placed(scheduler) == ["p201"]


def test_prepared_pods_go_behind_all_others_and_nothing_is_told_of_those_that_could_run_later() -> None:
    scheduler = Scheduler(cpus=2, memory=1 << 30, pods=1)
    scheduler.add("runs", asking())
    assert placed(scheduler) == ["runs"]
    scheduler.add("impossible", asking("3"), prepared=True)
    scheduler.add("prepared", asking(), prepared=True)
    scheduler.add("begun", asking())
    assert [uid for uid, _ in scheduler.left_over()] == ["impossible", "begun"]
    assert scheduler.prepared() == ["prepared"]
    scheduler.drop("runs")
    assert placed(scheduler) == ["begun"]
    assert list(scheduler.left_over()) == []
    scheduler.drop("begun")
    assert placed(scheduler) == ["prepared"]
    assert scheduler.prepared() == []


def test_a_prepared_pod_that_does_not_fit_where_there_is_a_place_is_told_and_waits_as_others_do() -> None:
    scheduler = Scheduler(cpus=2, memory=1 << 30, pods=2)
    scheduler.add("a", asking("1"))
    scheduler.add("b", asking())
    assert placed(scheduler) == ["a", "b"]
    scheduler.add("large", asking("2"), prepared=True)
    assert list(scheduler.left_over()) == []
    scheduler.drop("b")
    assert placed(scheduler) == []
    ((uid, why),) = scheduler.left_over()
    assert (uid, "Insufficient cpu" in why) == ("large", True)
    assert scheduler.prepared() == []
    assert list(scheduler.left_over()) == []
    scheduler.drop("a")
    assert placed(scheduler) == ["large"]
