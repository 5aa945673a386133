"""What a batch asks of a namespace, held against its quotas and limit ranges."""

from fractions import Fraction
from typing import Any

from expander.manifests.manifest import Manifest
from expander.plan.demand import resource_demand
from expander.plan.quota_fit import Headroom, QuotaDemand, limit_range_lines, quota_lines
from tests.plan.batches import capacity, job, limit_range, manifest, quota

CPU = {"requests": {"cpu": "500m"}}


def demand(*limits: dict[str, Any], batch: list[Manifest]) -> QuotaDemand:
    found = QuotaDemand(capacity(*limits))
    for each in batch:
        found.add(resource_demand(each.tree, "jobgroup"), 1)
    return found


def rooms(*limits: dict[str, Any], batch: list[Manifest]) -> dict[str, tuple[int, int]]:
    return {room.resource: (room.fits, room.of) for room in demand(*limits, batch=batch).rooms()}


def jobs(count: int, **spec: Any) -> list[Manifest]:
    return [job(f"j{number}", resources=CPU, **spec) for number in range(count)]


def test_jobs_count_as_objects_and_their_pods_by_what_they_ask_for() -> None:
    found = rooms(
        quota({"count/jobs.batch": "10", "requests.cpu": "3", "cpu": "4", "pods": "7"}, {"pods": "2"}),
        batch=jobs(20, parallelism=2, completions=2),
    )
    assert found == {"count/jobs.batch": (10, 20), "requests.cpu": (6, 40), "cpu": (8, 40), "pods": (5, 40)}


def test_what_is_used_is_taken_off_and_more_than_hard_leaves_no_room() -> None:
    assert rooms(quota({"count/jobs.batch": "10"}, {"count/jobs.batch": "4"}), batch=jobs(9)) == {
        "count/jobs.batch": (6, 9)
    }
    assert rooms(quota({"count/jobs.batch": "10"}, {"count/jobs.batch": "12"}), batch=jobs(9)) == {
        "count/jobs.batch": (0, 9)
    }


def test_a_quota_without_a_status_yet_counts_as_empty() -> None:
    fresh = quota({"count/jobs.batch": "2"})
    del fresh["status"]
    assert rooms(fresh, batch=jobs(3)) == {"count/jobs.batch": (2, 3)}


def test_a_quota_with_scopes_is_only_about_pods_that_they_hold_for() -> None:
    hard = {"pods": "1"}
    assert rooms(quota(hard, scopes=["BestEffort"]), batch=jobs(3)) == {}
    assert rooms(quota(hard, scopes=["NotBestEffort"]), batch=jobs(3)) == {"pods": (1, 3)}
    assert rooms(quota(hard, scopes=["Terminating"]), batch=jobs(3)) == {}
    limited = jobs(3, pod={"activeDeadlineSeconds": 5})
    assert rooms(quota(hard, scopes=["Terminating"]), batch=limited) == {"pods": (1, 3)}


def test_objects_of_other_kinds_and_bare_pods_are_refused_beyond_the_quota() -> None:
    maps = [
        manifest({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{number}"}})
        for number in range(3)
    ]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    pods = [manifest({**pod, "spec": {"containers": [{"name": "c", "image": "i"}]}})]
    found = demand(quota({"configmaps": "2", "pods": "0"}), batch=[*maps, *pods]).rooms()
    assert [(room.resource, room.fits, room.of, room.refused) for room in found] == [
        ("configmaps", 2, 3, True),
    ]
    refused = demand(quota({"pods": "0"}), batch=pods).rulings()
    assert refused[0].refused
    assert "exceeded quota: q" in refused[0].words


def test_a_limit_range_fills_in_what_containers_do_not_say_and_that_counts() -> None:
    fills = limit_range(defaultRequest={"cpu": "250m"}, default={"cpu": "1"})
    found = demand(quota({"requests.cpu": "1"}), fills, batch=[job("a"), job("b")])
    assert [(room.fits, room.of, room.asked) for room in found.rooms()] == [(2, 2, "500m")]
    assert [(ruling.count, ruling.refused) for ruling in found.rulings()] == [(2, False)]
    assert "cpu request for container c" in found.rulings()[0].words


def test_pods_that_a_limit_range_or_a_quota_refuses_for_ever_are_told_in_the_servers_words() -> None:
    small = demand(limit_range(max={"cpu": "100m"}), batch=jobs(2))
    assert list(limit_range_lines(small.rulings())) == [
        "pods of 2 Jobs will be rejected in default (FailedCreate): maximum cpu usage per Container is 100m.  "
        "No limit is specified"
    ]
    unnamed = demand(quota({"requests.memory": "1Gi"}), batch=jobs(1))
    assert "must specify requests.memory for: c" in unnamed.rulings()[0].words
    assert unnamed.rooms() == []
    never = demand(quota({"requests.cpu": "400m"}), batch=jobs(1))
    assert never.rulings()[0].words.startswith("exceeded quota: q, requested: requests.cpu=500m")


def test_with_a_window_only_so_many_jobs_have_pods_but_all_count_as_objects() -> None:
    found = demand(quota({"count/jobs.batch": "10", "requests.cpu": "1"}), batch=jobs(20))
    by_resource = {room.resource: (room.fits, room.of) for room in found.rooms(Fraction(4, 20))}
    assert by_resource == {"count/jobs.batch": (10, 20), "requests.cpu": (2, 4)}


def lines(*found: Headroom, on_quota: str = "wait", open_ended: bool = False) -> list[str]:
    return list(quota_lines(found, on_quota, open_ended=open_ended))


def test_the_tightest_resource_of_a_quota_is_told_and_what_becomes_of_the_rest() -> None:
    limits = quota(
        {"count/jobs.batch": "900", "requests.cpu": "5", "pods": "100"}, {"count/jobs.batch": "800"}
    )
    found = demand(limits, batch=[])
    found.add(resource_demand(jobs(1)[0].tree, "jobgroup"), 2000)
    assert lines(*found.rooms()) == [
        "quota q in default: room for 100 of 2,000 Jobs now (count/jobs.batch: 800 of 900 used); the rest waits "
        "(on_quota)",
        "quota q in default: room for 10 of 2,000 pods now (requests.cpu: 0 of 5 used); the Jobs are accepted "
        "and the other pods wait (max_active)",
    ]
    assert "; the rest fails (on_quota)" in lines(*found.rooms(), on_quota="fail")[0]
    assert "room for 100 of 2,000 or more Jobs now" in lines(*found.rooms(), open_ended=True)[0]


def test_a_quota_with_room_for_all_says_so() -> None:
    limits = quota({"count/jobs.batch": "900", "requests.cpu": "500"})
    assert lines(*demand(limits, batch=jobs(2)).rooms()) == [
        "quota q in default: room for all: 2 Jobs and 2 pods"
    ]
    assert lines(*demand(limits, batch=jobs(1)).rooms(), open_ended=True) == [
        "quota q in default: room for the first 1 Job and 1 pod"
    ]


def volcano(name: str, **tasks: int) -> Manifest:
    """A Volcano Job with so many pods in each task."""
    template = job("x", resources=CPU).tree["spec"]["template"]
    parts = [{"name": task, "replicas": count, "template": template} for task, count in tasks.items()]
    metadata = {"name": name, "labels": {"jobgroup": "g"}}
    spec = {"minAvailable": 1, "tasks": parts}
    tree = {"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job", "metadata": metadata, "spec": spec}
    return manifest(tree)


def test_the_pods_of_all_tasks_of_a_volcano_job_count() -> None:
    batch = [volcano("a", master=1, worker=3), *jobs(2)]
    hard = {"count/jobs.batch.volcano.sh": "9", "requests.cpu": "2", "pods": "3"}
    assert rooms(quota(hard), batch=batch) == {
        "count/jobs.batch.volcano.sh": (1, 1),
        "requests.cpu": (4, 6),
        "pods": (3, 6),
    }
    filled = demand(limit_range(default={"memory": "1Gi"}), batch=batch[:1]).rulings()
    assert [each.count for each in filled] == [1]
