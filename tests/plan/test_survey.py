"""A batch becomes a plan."""

import json
from collections.abc import Iterable, Iterator
from itertools import count, islice
from typing import Any

import pytest

import expander
from expander.base.errors import ItemError
from expander.kube.resources import written
from expander.kube.versions import NEXT, Release
from expander.manifests.manifest import Manifest
from expander.plan.plan import Plan, Rate
from expander.plan.survey import MAX_NAMES, Survey
from expander.render.template_file import TemplateFile
from tests.plan.batches import job, manifest, unwanted

ASKS = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1"}}

TEMPLATE = """
apiVersion: batch/v1
kind: Job
metadata: {name: "job-${ITEM.name}"}
spec:
  parallelism: ${ITEM.pods}
  completions: 9
  template:
    metadata: {annotations: {note: "${ITEM.note}"}}
    spec:
      restartPolicy: Never
      containers:
      - name: c
        image: "i:${ITEM.name}"
        args: ["${ITEM.note}"]
        resources: {requests: {cpu: "${ITEM.cpu}"}}
"""


def plan_of(batch: Iterable[Manifest], **settings: Any) -> Plan:
    return Survey(**settings).plan_of(batch)


def test_counts_pods_and_resources_are_summed_at_a_time_and_in_all() -> None:
    batch = [job("a", resources=ASKS, parallelism=2, completions=6), job("b", resources=ASKS)]
    plan = plan_of(batch, on_error=unwanted)
    assert plan.objects == {"Job": 2}
    assert plan.namespaces == {"default": 2}
    assert (plan.pods_at_once, plan.pods_in_all) == (3, 7)
    assert written(plan.at_once) == {"requests.cpu": "300m", "requests.memory": "192Mi", "limits.cpu": "3"}
    assert written(plan.in_all) == {"requests.cpu": "700m", "requests.memory": "448Mi", "limits.cpu": "7"}
    assert plan.names == ["job.batch/a", "job.batch/b"]
    assert plan.group == "g"


def test_a_request_that_is_not_there_is_the_limit() -> None:
    plan = plan_of([job("a", resources={"limits": {"cpu": "2"}})], on_error=unwanted)
    assert written(plan.at_once) == {"requests.cpu": "2", "limits.cpu": "2"}


def test_init_containers_and_sidecars_count_as_the_scheduler_counts_them() -> None:
    init = [
        {"name": "side", "image": "i", "restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}},
        {"name": "big", "image": "i", "resources": {"requests": {"cpu": "5"}}},
    ]
    plan = plan_of([job("a", resources=ASKS, pod={"initContainers": init})], on_error=unwanted)
    assert written(plan.at_once)["requests.cpu"] == "6"


def test_a_work_queue_has_as_many_pods_as_run_at_a_time_and_a_suspended_job_is_counted_apart() -> None:
    plan = plan_of([job("a", parallelism=5), job("b", suspend=True)], on_error=unwanted)
    assert (plan.pods_at_once, plan.pods_in_all, plan.suspended) == (6, 6, 1)


def test_a_window_bounds_what_is_there_at_a_time_but_not_in_all() -> None:
    batch = (job(f"j{number}", resources=ASKS, parallelism=2, completions=2) for number in range(40))
    plan = plan_of(batch, rate=Rate(max_active=10), on_error=unwanted)
    assert (plan.pods_at_once, plan.pods_in_all) == (20, 80)
    assert written(plan.at_once)["requests.cpu"] == "2"
    assert written(plan.in_all)["requests.cpu"] == "8"


def rows() -> Iterator[dict[str, object]]:
    for number in count():
        notes = ["plain", "ümläut", 'a "quote"', "x" * (number % 70)]
        yield {
            "name": f"n{number}",
            "pods": number % 3 + 1,
            "cpu": ["100m", "2", "0.5"][number % 3],
            "note": notes[number % 4],
        }


def test_a_compiled_template_gives_the_same_plan_as_its_manifests_one_by_one() -> None:
    items = list(islice(rows(), 200))
    rendered = list(expander.expand(TemplateFile.of(TEMPLATE, "t.yaml"), items))
    plain = [Manifest(json.loads(each.json()), each.where, each.item) for each in rendered]
    fast, slow = plan_of(rendered, on_error=unwanted), plan_of(plain, on_error=unwanted)
    assert fast.as_json() == slow.as_json()
    assert fast.pods_in_all == 9 * 200


def test_a_value_that_decides_what_is_asked_for_is_never_taken_for_another() -> None:
    template = TemplateFile.of(TEMPLATE, "t.yaml")
    plans = []
    for row in islice(rows(), 3):
        plans.append(plan_of(expander.expand(template, [row]), on_error=unwanted))
    together = plan_of(expander.expand(template, islice(rows(), 3)), on_error=unwanted)
    assert together.pods_at_once == sum(plan.pods_at_once for plan in plans) == 6
    assert together.etcd_bytes == sum(plan.etcd_bytes for plan in plans)


def test_only_the_first_names_are_kept_and_the_rest_can_be_taken_as_they_come() -> None:
    survey = Survey(on_error=unwanted)
    names = list(survey.names(job(f"j{number}") for number in range(MAX_NAMES + 5)))
    assert names == [f"job.batch/j{number}" for number in range(MAX_NAMES + 5)]
    assert survey.plan().names == names[:MAX_NAMES]


def test_every_kind_is_counted_and_named_as_kubectl_does() -> None:
    batch = [
        manifest({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "b"}}),
        manifest({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}),
        manifest({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {}}),
        job("x", namespace="n"),
    ]
    plan = plan_of(batch, on_error=unwanted)
    assert plan.names == ["configmap/c", "namespace/n", "deployment.apps/d", "job.batch/x"]
    assert plan.namespaces == {"default": 2, "": 1, "n": 1}
    assert plan.requests == 4 + 1 + 3 + 2 * 2  # objects, version, kinds of three groups, two namespaces


@pytest.mark.parametrize("spec", [None, 7, {}, {"template": None}, {"template": {"spec": []}}])
def test_what_was_not_validated_is_counted_as_far_as_it_goes(spec: object) -> None:
    broken = manifest({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": spec})
    assert plan_of([broken], on_error=unwanted).objects == {"Job": 1}


@pytest.mark.parametrize("metadata", [None, "x", {"labels": 7}, {"generateName": "a-"}])
def test_an_object_without_a_name_is_counted_too(metadata: object) -> None:
    data = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": ["x" * 300_000]}
    assert plan_of([manifest(data)], on_error=unwanted).objects == {"ConfigMap": 1}


def large(name: str, size: int) -> Manifest:
    return manifest(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"text": "x" * size}}
    )


def test_an_object_that_no_server_takes_is_an_error_and_the_others_go_on() -> None:
    errors: list[ItemError] = []
    plan = plan_of([large("big", 4 << 20), large("small", 10)], on_error=errors.append)
    assert plan.names == ["configmap/small"]
    assert "3,145,728 in one request" in str(errors[0])


def warned(plan: Plan, words: str) -> bool:
    return any(words in each for each in plan.warnings)


def test_objects_near_a_limit_of_size_are_named() -> None:
    plan = plan_of([large("a", 900_000), large("b", 900_000), large("c", 10)], on_error=unwanted)
    assert warned(plan, "configmap/a and 1 more: is close to the 1 MiB of data")
    notes = {"metadata": {"name": "n", "annotations": {"a": "x" * 250_000}}}
    noted = manifest({"apiVersion": "v1", "kind": "ConfigMap", **notes})
    assert warned(plan_of([noted], on_error=unwanted), "close to the 256 KiB of annotations")
    batch = [job("j", pod={"containers": [{"name": "c", "image": "i", "args": ["x" * (2 << 20)]}]})]
    assert warned(plan_of(batch, on_error=unwanted), "exceeds etcd's default request limit")


def test_a_name_with_a_dot_and_advice_about_the_template_are_told_once_for_all() -> None:
    batch = [job(f"a.{number}", pod={"restartPolicy": "OnFailure"}) for number in range(3)]
    warnings = plan_of(batch, on_error=unwanted).warnings
    assert sum("metadata.name" in each for each in warnings) == 1
    assert sum("has a dot" in each for each in warnings) == 1
    assert any("job.batch/a.0 and 2 more" in each for each in warnings)
    assert sum("logs" in each for each in warnings) == 1


def test_warnings_are_those_of_the_release_that_is_planned_for() -> None:
    endpoints = manifest({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "a"}})
    said = [plan_of([endpoints], on_error=unwanted, release=Release(1, minor)).warnings for minor in (32, 33)]
    assert said == [
        [],
        ["a endpoints: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"],
    ]


def test_the_next_release_makes_a_workload_and_a_pod_group_for_each_job() -> None:
    named = job("c")
    named.tree["metadata"]["annotations"] = {"scheduling.k8s.io/group-template-name": "workers"}
    batch = [
        job("a"),
        job("b", pod={"schedulingGroup": {"podGroupName": "mine"}}),
        named,
        job("d", managedBy="kueue.x-k8s.io/multikueue"),
    ]
    assert plan_of(batch, on_error=unwanted).grouping == {}
    plan = plan_of(batch, on_error=unwanted, release=NEXT)
    assert plan.grouping == {"PodGroup": 2, "Workload": 1}
    assert NEXT.caveat in plan.warnings
    assert plan.as_json()["kubernetesVersion"] == "1.38"
