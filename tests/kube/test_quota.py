"""ResourceQuotas: what objects count for, which quotas concern them, and the words of a refusal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import AdmissionError
from expander.kube import quota
from expander.kube.quota import concerns, usage
from expander.kube.resources import written

Object = dict[str, Any]


def pod(*containers: Object, **spec: Any) -> Object:
    named = [{"name": f"c{number}", "resources": each} for number, each in enumerate(containers)]
    metadata = {"name": "p", "namespace": "n"}
    return {"kind": "Pod", "metadata": metadata, "spec": {"containers": named or [{"name": "c"}], **spec}}


def job(name: str = "j") -> Object:
    return {"kind": "Job", "metadata": {"name": name, "namespace": "n"}, "spec": {}}


def limited(hard: Object, used: Object | None = None, name: str = "q", **spec: Any) -> Object:
    return {
        "kind": "ResourceQuota",
        "metadata": {"name": name, "namespace": "n"},
        "spec": {"hard": hard, **spec},
        "status": {"hard": hard, "used": used or dict.fromkeys(hard, "0")},
    }


def refusal(obj: Object, *quotas: Object) -> str:
    with pytest.raises(AdmissionError) as refused:
        quota.check(quotas, obj)
    return refused.value.message


def test_a_job_past_a_quota_is_refused_as_recorded(reference: Path) -> None:
    exchange = json.loads((reference / "http-responses.json").read_text())["quota-403"]
    expected = json.loads(exchange["body"])
    one = {"count/jobs.batch": "1"}
    with pytest.raises(AdmissionError) as refused:
        quota.check([limited(one, one, "jobs")], job("q1"))
    found = refused.value
    assert (found.code, found.reason, found.message, found.details) == (
        expected["code"],
        expected["reason"],
        expected["message"],
        expected["details"],
    )


def test_only_what_is_exceeded_is_told_in_the_order_of_names() -> None:
    hard = {"requests.memory": "1Gi", "pods": "5", "cpu": "1"}
    used = {"requests.memory": "1Gi", "pods": "1", "cpu": "900m"}
    words = refusal(pod({"requests": {"memory": "1Mi", "cpu": "200m"}}), limited(hard, used))
    assert words == (
        'pods "p" is forbidden: exceeded quota: q, requested: cpu=200m,requests.memory=1Mi, '
        "used: cpu=900m,requests.memory=1Gi, limited: cpu=1,requests.memory=1Gi"
    )


def test_a_counted_resource_must_be_named_by_every_container() -> None:
    half = pod({"requests": {"cpu": "1"}}, {})
    words = refusal(half, limited({"cpu": "9", "limits.memory": "9"}, name="compute"))
    assert words == (
        'pods "p" is forbidden: failed quota: compute: must specify cpu for: c1; limits.memory for: c0,c1'
    )
    quota.check([limited({"cpu": "9"})], pod({}, resources={"requests": {"cpu": "1"}}))


def test_what_an_object_asks_nothing_of_is_not_exceeded() -> None:
    full = {"count/jobs.batch": "0", "pods": "3"}
    quota.check([limited({"pods": "3"}, {"pods": "9"}), limited(full)][:1], job())
    quota.check([limited({"limits.cpu": "1"}, {"limits.cpu": "3"})], job())


def test_objects_count_under_their_names() -> None:
    def counted(kind: str, **spec: Any) -> Object:
        return written(usage({"kind": kind, "metadata": {"name": "x"}, "spec": spec}))

    assert counted("CronJob") == {"count/cronjobs.batch": "1"}
    assert counted("Secret") == {"count/secrets": "1", "secrets": "1"}
    assert counted("ServiceAccount") == {"count/serviceaccounts": "1"}
    assert counted("Service", type="NodePort", ports=[{}, {}])["services.nodeports"] == "2"
    assert counted("Service", type="LoadBalancer", ports=[{}])["services.loadbalancers"] == "1"
    claim = counted(
        "PersistentVolumeClaim", resources={"requests": {"storage": "5Gi"}}, storageClassName="fast"
    )
    assert claim["requests.storage"] == claim["fast.storageclass.storage.k8s.io/requests.storage"] == "5Gi"


def test_a_pod_counts_with_its_requests_and_limits_until_it_has_ended() -> None:
    running = pod({"requests": {"cpu": "1", "example.com/gpu": "2"}, "limits": {"cpu": "2"}})
    assert written(usage(running)) == {
        "count/pods": "1",
        "pods": "1",
        "cpu": "1",
        "requests.cpu": "1",
        "requests.example.com/gpu": "2",
        "limits.cpu": "2",
    }
    assert written(usage({**running, "status": {"phase": "Failed"}})) == {"count/pods": "1"}


def test_init_containers_count_where_they_need_more_and_sidecars_always() -> None:
    init = [
        {"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": "100m"}}},
        {"name": "i", "resources": {"requests": {"cpu": "2"}}},
    ]
    spec = pod({"requests": {"cpu": "1"}}, initContainers=init)
    assert written(usage(spec))["cpu"] == "2100m"
    assert written(usage(pod({"requests": {"cpu": "3"}}, initContainers=init)))["cpu"] == "3100m"


@pytest.mark.parametrize(
    ("scope", "inside", "outside"),
    [
        ("Terminating", pod(activeDeadlineSeconds=5), pod()),
        ("NotTerminating", pod(), pod(activeDeadlineSeconds=5)),
        ("BestEffort", pod(), pod({"limits": {"cpu": "1"}})),
        ("NotBestEffort", pod({"requests": {"memory": "1"}}), pod()),
        ("PriorityClass", pod(priorityClassName="high"), pod()),
        (
            "CrossNamespacePodAffinity",
            pod(
                affinity={
                    "podAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": [{"namespaces": ["other"]}]
                    }
                }
            ),
            pod(),
        ),
    ],
)
def test_a_quota_with_scopes_is_about_some_pods_only(scope: str, inside: Object, outside: Object) -> None:
    scoped = limited({"pods": "1"}, scopes=[scope])
    assert (concerns(scoped, inside), concerns(scoped, outside), concerns(scoped, job())) == (
        True,
        False,
        False,
    )


def test_a_scope_selector_means_the_priority_classes_it_names() -> None:
    expression = {"scopeName": "PriorityClass", "operator": "In", "values": ["high", "low"]}
    scoped = limited({"pods": "1"}, scopeSelector={"matchExpressions": [expression]})
    assert concerns(scoped, pod(priorityClassName="low"))
    assert not concerns(scoped, pod(priorityClassName="mid"))
