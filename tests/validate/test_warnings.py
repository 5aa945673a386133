"""What a batch asks for in all, and what of it is more than a quota has."""

from typing import Any

import pytest

from expander.kube.pod_counts import pods_of
from expander.kube.versions import NEWEST, NEXT
from expander.validate.warnings import Totals, advice


def job(**pod: Any) -> dict[str, Any]:
    containers = [{"name": "c", "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}}}]
    spec = {"parallelism": 2, "completions": 5, "template": {"spec": {"containers": containers, **pod}}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"labels": {"jobgroup": "g"}}, "spec": spec}


def amounts(tree: dict[str, Any]) -> dict[str, float]:
    totals = Totals()
    totals.add(tree)
    return {name: float(amount) for name, amount in totals.amounts.items()}


def test_pods_at_a_time_ask_for_what_their_containers_ask_for() -> None:
    assert amounts(job()) == {
        "pods": 2.0,
        "requests.cpu": 0.2,
        "requests.memory": 2.0 * 2**30,
        "limits.memory": 2.0 * 2**30,
    }


def test_the_pods_of_all_tasks_of_volcano_jobs_and_jobsets_are_counted() -> None:
    template = job()["spec"]["template"]
    tasks = [{"replicas": 3, "template": template}, {"replicas": 1, "template": template}]
    volcano = {
        "apiVersion": "batch.volcano.sh/v1alpha1",
        "kind": "Job",
        "metadata": {},
        "spec": {"tasks": tasks},
    }
    inner = {"spec": {"parallelism": 2, "template": template}}
    parts = [{"replicas": 2, "template": inner}, {"template": inner}]
    jobset = {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": {}}
    assert amounts(volcano)["pods"] == 4.0
    assert amounts({**jobset, "spec": {"replicatedJobs": parts}})["pods"] == 6.0
    totals = Totals()
    totals.add(volcano)
    [found] = totals.over({"count/jobs.batch": "0", "count/jobs.batch.volcano.sh": "0"})
    assert found.path == "spec.hard[count/jobs.batch.volcano.sh]"


def test_sidecars_run_beside_the_containers_and_init_containers_before_them() -> None:
    side = {"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}}
    big = {"name": "i", "resources": {"requests": {"cpu": "3"}}}
    assert amounts(job(initContainers=[side]))["requests.cpu"] == pytest.approx(2.2)
    assert amounts(job(initContainers=[big]))["requests.cpu"] == pytest.approx(6.0)
    assert amounts(job(initContainers=[side, big], overhead={"cpu": "1"}))["requests.cpu"] == pytest.approx(
        10.0
    )


def test_more_than_a_quota_has_is_told_and_a_part_counted_several_times() -> None:
    one, many = Totals(), Totals()
    one.add(job())
    many.include(one, 30)
    assert many.counts == {("batch", "Job"): 30}
    found = many.over({"requests.cpu": "5", "count/jobs.batch": "30", "pods": "59"})
    assert [each.path for each in found] == ["spec.hard[requests.cpu]", "spec.hard[pods]"]


@pytest.mark.parametrize(
    ("spec", "pods"),
    [
        ({}, (1, 1)),
        ({"parallelism": 4}, (4, 4)),
        ({"parallelism": 4, "completions": 2}, (2, 2)),
        ({"completions": 9}, (1, 9)),
        ({"parallelism": 0, "completions": 9}, (0, 9)),
    ],
)
def test_pods_are_those_the_job_controller_makes_when_none_fails(
    spec: dict[str, int], pods: tuple[int, int]
) -> None:
    assert pods_of(spec) == pods


def test_what_servers_of_a_release_drop_or_lack_is_worth_a_warning() -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox:1.36-glibc"}]}
    job = {"apiVersion": "batch/v1", "kind": "Job", "spec": {"scheduling": {}, "template": {"spec": pod}}}
    group = {"apiVersion": "scheduling.k8s.io/v1beta1", "kind": "PodGroup", "metadata": {"name": "a"}}
    assert [each.rule for each in advice(job, NEWEST)] == ["dropped-field"]
    assert [each.rule for each in advice(group, NEWEST)] == ["gated-kind"]
    assert advice(job, NEXT) == advice(group, NEXT) == []
