"""LimitRanges and ResourceQuotas given as files."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from expander.validate.policies.quotas import QuotaCount
from tests.validate.policies.samples import job, limited, loaded, pod, pod_spec, review, told

PODS = "spec.template: its pods would be refused: "


def limits(**limit: Any) -> dict[str, Any]:
    return limited("LimitRange", limits=[{"type": "Container", **limit}])


def asking(**requests: str) -> dict[str, Any]:
    return {"resources": {"requests": requests}}


@pytest.mark.parametrize(
    ("limit", "container", "words"),
    [
        ({"max": {"cpu": "1"}}, {}, ""),
        (
            {"max": {"cpu": "1"}},
            {"resources": {"limits": {"cpu": "2"}}},
            "maximum cpu usage per Container is 1, but limit is 2",
        ),
        ({"max": {"cpu": "1"}, "default": {"cpu": "1"}}, {}, ""),
        (
            {"min": {"memory": "1Gi"}},
            asking(memory="1Mi"),
            "minimum memory usage per Container is 1Gi, but request is 1Mi",
        ),
        (
            {"maxLimitRequestRatio": {"cpu": "2"}},
            {"resources": {"limits": {"cpu": "3"}, "requests": {"cpu": "1"}}},
            "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
        ),
    ],
)
def test_limit_ranges_refuse_pods_and_those_of_jobs(limit: Any, container: Any, words: str) -> None:
    own, of_job = (told(review(each(container), limits(**limit)).findings) for each in (pod, job))
    assert own == ([f'pods "x" is forbidden: {words}'] if words else [])
    assert of_job == ([f"{PODS}{words}"] if words else [])


def test_defaults_that_make_a_pod_invalid_are_told() -> None:
    given = limits(default={"cpu": "1"})
    [found] = told(review(pod(asking(cpu="2")), given).findings)
    assert found.startswith("spec.containers[0].resources.requests: Invalid value:")
    [of_job] = told(review(job(asking(cpu="2")), given).findings)
    assert of_job.startswith(f"{PODS}with the defaults of LimitRanges: spec.containers[0].resources.requests")


def test_claims_are_held_to_limit_ranges() -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "c"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}},
    }
    given = limited("LimitRange", limits=[{"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}])
    assert told(review(claim, given).findings) == [
        'persistentvolumeclaims "c" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, '
        "but request is 2Gi"
    ]


def test_what_can_never_fit_into_a_quota_is_refused() -> None:
    quota = limited("ResourceQuota", hard={"requests.cpu": "1", "count/jobs.batch": "0"})
    assert told(review(job(asking(cpu="2")), quota).findings) == [
        'jobs.batch "x" is forbidden: exceeded quota: resourcequota, requested: count/jobs.batch=1, '
        "used: count/jobs.batch=0, limited: count/jobs.batch=0",
        f"{PODS}exceeded quota: resourcequota, requested: requests.cpu=2, used: requests.cpu=0, "
        "limited: requests.cpu=1",
    ]
    unnamed = limited("ResourceQuota", hard={"limits.memory": "1Gi"})
    assert told(review(pod(), unnamed).findings) == [
        'pods "x" is forbidden: failed quota: resourcequota: must specify limits.memory for: main'
    ]


def item(number: int, _: int) -> str:
    return f"item {number}"


def counted(quota: dict[str, Any], *jobs: dict[str, Any]) -> list[str]:
    policies = loaded(quota)
    count = QuotaCount()
    for number, each in enumerate(jobs, start=1):
        count.add(review(each, policies).charges, 1, partial(item, number))
    return list(count.words())


def test_a_quota_says_from_which_object_on_it_is_exceeded() -> None:
    quota = limited("ResourceQuota", hard={"count/jobs.batch": "2"})
    assert counted(quota, *[job()] * 2) == []
    assert counted(quota, *[job()] * 4) == [
        "quota resourcequota in default: room for 2 of 4 Jobs; from item 3 on: exceeded quota: resourcequota, "
        "requested: count/jobs.batch=1, used: count/jobs.batch=2, limited: count/jobs.batch=2"
    ]


def test_pods_that_do_not_fit_wait() -> None:
    quota = limited("ResourceQuota", hard={"requests.cpu": "4", "pods": "100"})
    assert counted(quota, *[job(asking(cpu="1"), parallelism=2, completions=8)] * 3) == [
        "quota resourcequota in default: room for the pods of 2 of 3 Jobs at a time; item 3, pods wait: "
        "exceeded quota: resourcequota, requested: requests.cpu=2, used: requests.cpu=4, "
        "limited: requests.cpu=4"
    ]
    assert counted(quota, *[job(asking(cpu="1"), suspend=True)] * 9) == []


def test_a_quota_of_another_namespace_counts_nothing() -> None:
    quota = limited("ResourceQuota", hard={"count/jobs.batch": "0"})
    quota["metadata"]["namespace"] = "other"
    assert review(job(), quota).findings == ()
    assert len(review(job(), quota, namespace="other").findings) == 1


def made(kind: str, api_version: str, **spec: Any) -> dict[str, Any]:
    """A workload."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, "spec": spec}


def job_set(**spec: Any) -> dict[str, Any]:
    """Two Jobs of three pods each."""
    own = {"parallelism": 3, "completions": 3, "template": {"spec": pod_spec()}}
    part = {"name": "w", "replicas": 2, "template": {"spec": own}}
    return made("JobSet", "jobset.x-k8s.io/v1alpha2", replicatedJobs=[part], **spec)


def volcano_job() -> dict[str, Any]:
    """Four pods."""
    task = {"name": "w", "replicas": 4, "template": {"spec": pod_spec()}}
    return made("Job", "batch.volcano.sh/v1alpha1", tasks=[task])


def cron_job(**spec: Any) -> dict[str, Any]:
    """Runs of two pods."""
    template = {"spec": {"parallelism": 2, "template": {"spec": pod_spec()}}}
    return made("CronJob", "batch/v1", schedule="0 3 * * *", jobTemplate=template, **spec)


@pytest.mark.parametrize(
    ("obj", "hard", "charged"),
    [
        (job_set(), {"pods": "9", "count/jobs.batch": "9"}, {("pods", "6"), ("Jobs", "2")}),
        (job_set(suspend=True), {"pods": "9"}, set()),
        (volcano_job(), {"pods": "9"}, {("pods", "4")}),
        (cron_job(), {"pods": "9", "count/jobs.batch": "9"}, {("pods", "2"), ("Jobs", "1")}),
        (cron_job(suspend=True), {"pods": "9"}, set()),
    ],
)
def test_pods_and_jobs_of_every_workload_are_counted(
    obj: dict[str, Any], hard: dict[str, str], charged: set[tuple[str, str]]
) -> None:
    found = review(obj, limited("ResourceQuota", hard=hard))
    assert found.findings == ()
    assert {
        (each.waits, str(value.value)) for each in found.charges for value in each.amounts.values()
    } == charged


def test_jobs_that_can_never_be_made_are_told() -> None:
    none = limited("ResourceQuota", hard={"count/jobs.batch": "0"})
    assert [each.split(": exceeded")[0] for each in told(review(job_set(), none).findings)] == [
        "spec.replicatedJobs[0].template: its Jobs would be refused"
    ]


def test_quotas_of_one_name_in_two_namespaces_are_counted_apart() -> None:
    first, second = (limited("ResourceQuota", hard={name: "1"}) for name in ("pods", "count/jobs.batch"))
    first["metadata"]["namespace"], second["metadata"]["namespace"] = "a", "b"
    policies, count = loaded(first, second), QuotaCount()
    for number, namespace in enumerate("abab", start=1):
        count.add(review(job(), policies, namespace=namespace).charges, 1, partial(item, number))
    assert [each.partition(": exceeded")[0] for each in count.words()] == [
        "quota resourcequota in a: room for the pods of 1 of 2 Jobs at a time; item 3, pods wait",
        "quota resourcequota in b: room for 1 of 2 Jobs; item 4",
    ]
