"""The rules of Volcano's webhooks for its Jobs."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from expander.kube.schemas import FieldType, field_type
from expander.kube.versions import RELEASES, Release
from expander.validate.check import check
from expander.validate.defaults.defaults import defaults
from expander.validate.warnings import advice

POD = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox:1.36"}]}
JOB: dict[str, Any] = {
    "apiVersion": "batch.volcano.sh/v1alpha1",
    "kind": "Job",
    "metadata": {"name": "train"},
    "spec": {
        "tasks": [
            {"name": "master", "replicas": 1, "template": {"spec": POD}},
            {"name": "worker", "replicas": 3, "template": {"spec": POD}},
        ]
    },
}


def job(**spec: Any) -> dict[str, Any]:
    made = copy.deepcopy(JOB)
    made["spec"] |= spec
    return made


def with_task(**task: Any) -> dict[str, Any]:
    made = copy.deepcopy(JOB)
    made["spec"]["tasks"][1] |= task
    return made


def told(obj: dict[str, Any]) -> list[str]:
    found = check(obj)
    assert found is not None
    return [str(finding) for finding in found]


def test_a_volcano_job_is_valid_without_what_the_webhook_fills_in() -> None:
    assert told(JOB) == []


def test_the_webhooks_defaults_are_filled_in() -> None:
    spec = defaults(job(plugins={"mpi": []}))["spec"]
    assert (spec["queue"], spec["schedulerName"], spec["maxRetry"], spec["minAvailable"]) == (
        "default",
        "volcano",
        3,
        4,
    )
    assert spec["plugins"] == {"mpi": [], "svc": [], "ssh": []}
    assert [(task["minAvailable"], task["maxRetry"]) for task in spec["tasks"]] == [(1, 3), (3, 3)]
    assert spec["tasks"][0]["template"]["spec"]["schedulerName"] == "volcano"


def test_a_task_without_a_name_is_called_by_its_number() -> None:
    made = with_task(name="")
    assert defaults(made)["spec"]["tasks"][1]["name"] == "default1"
    assert told(made) == []


def test_an_unknown_field_is_told_with_what_was_meant() -> None:
    assert told(job(minAvailabel=1)) == ['spec.minAvailabel: unknown field, did you mean "minAvailable"?']


@pytest.mark.parametrize(
    ("obj", "path", "words"),
    [
        (job(tasks=[]), "spec.tasks", "at least 1 items"),
        (job(minAvailable=5), "spec.minAvailable", "should not be greater than total replicas in tasks (4)"),
        (job(minAvailable=-1), "spec.minAvailable", "greater than or equal to 0"),
        (job(maxRetry=-1), "spec.maxRetry", "greater than or equal to 0"),
        (job(ttlSecondsAfterFinished=-1), "spec.ttlSecondsAfterFinished", "greater than or equal to 0"),
        (job(minSuccess=0), "spec.minSuccess", "greater than or equal to 1"),
        (job(plugins={"svcs": []}), "spec.plugins", 'unable to find job plugin: svcs, did you mean "svc"?'),
        (job(plugins={"mpi": ["--master=boss"]}), "spec.plugins[mpi]", '"boss"'),
        (job(queue="Q"), "spec.queue", '"Q"'),
        (job(volumes=[{"mountPath": "/a"}]), "spec.volumes[0]", "either VolumeClaim or VolumeClaimName"),
        (
            job(volumes=[{"mountPath": "/a", "volumeClaimName": "a"}] * 2),
            "spec.volumes[1].mountPath",
            "duplicated mountPath",
        ),
        (with_task(replicas=-1), "spec.tasks[1].replicas", "greater than or equal to 0"),
        (with_task(minAvailable=4), "spec.tasks[1].minAvailable", "greater than 'replicas' (3)"),
        (with_task(name="master"), "spec.tasks[1].name", "Duplicate value"),
        (with_task(name="a_b"), "spec.tasks[1].name", "should match"),
        (with_task(topologyPolicy="numa"), "spec.tasks[1].topologyPolicy", '"best-effort"'),
        (with_task(dependsOn={"name": ["boss"]}), "spec.tasks[1].dependsOn.name[0]", "no task has this name"),
        (with_task(dependsOn={"name": ["worker"]}), "spec.tasks[1].dependsOn.name", "directed acyclic graph"),
        (
            with_task(template={"spec": {**POD, "restartPolicy": "Sometimes"}}),
            "spec.tasks[1].template.spec.restartPolicy",
            "Unsupported value",
        ),
    ],
)
def test_what_the_webhook_refuses_has_a_finding_at_its_field(
    obj: dict[str, Any], path: str, words: str
) -> None:
    finding, *_ = check(obj) or []
    assert finding.path == path
    assert words in finding.message


@pytest.mark.parametrize(
    ("policies", "path", "words"),
    [
        ([{"event": "PodFaild", "action": "AbortJob"}], "[0].event", '"PodFailed"'),
        ([{"event": "OutOfSync", "action": "AbortJob"}], "[0].event", "invalid policy event"),
        ([{"event": "PodFailed", "action": "SyncJob"}], "[0].action", "invalid policy action"),
        ([{"event": "PodFailed", "exitCode": 3, "action": "AbortJob"}], "[0].exitCode", "simultaneously"),
        ([{"events": ["PodFailed"], "exitCode": 3, "action": "AbortJob"}], "[0].exitCode", "simultaneously"),
        ([{"action": "AbortJob"}], "[0].event", "either event and exitCode"),
        ([{"exitCode": 0, "action": "AbortJob"}], "[0].exitCode", "0 is not a valid error code"),
        ([{"exitCode": 3, "action": "AbortJob"}] * 2, "[1].exitCode", "Duplicate value: 3"),
        ([{"event": "PodFailed", "action": "AbortJob"}] * 2, "[1].event", "Duplicate value"),
        (
            [{"event": "*", "action": "AbortJob"}, {"event": "PodFailed", "action": "RestartJob"}],
            "[0].event",
            "no other policy should be here",
        ),
        ([{"event": "PodPending", "action": "AbortJob", "timeout": "5"}], "[0].timeout", "missing unit"),
    ],
)
@pytest.mark.parametrize("of_a_task", [False, True])
def test_a_policy_that_volcano_refuses_has_a_finding(
    policies: list[dict[str, Any]], path: str, words: str, of_a_task: bool
) -> None:
    obj = with_task(policies=policies) if of_a_task else job(policies=policies)
    (finding,) = check(obj) or []
    assert finding.path == ("spec.tasks[1]" if of_a_task else "spec") + f".policies{path}"
    assert words in finding.message


def test_one_event_named_twice_in_a_policy_counts_once() -> None:
    policy = {"event": "PodFailed", "events": ["PodFailed", "PodEvicted"], "action": "RestartJob"}
    assert told(job(policies=[policy])) == []


def test_names_of_pods_must_fit() -> None:
    obj = job()
    obj["metadata"]["name"] = "x" * 56
    found = check(obj) or []
    assert [finding.path for finding in found] == ["metadata.name"] * 2
    assert f"{'x' * 56}-worker-1" in found[1].message


def test_with_the_svc_plugin_names_of_pods_are_names_of_hosts() -> None:
    obj = job()
    obj["metadata"]["name"] = "train.v2"
    assert told(obj) == []
    obj["spec"]["plugins"] = {"svc": []}
    assert {finding.path for finding in check(obj) or []} == {"metadata.name"}


def test_fields_of_volcano_jobs_have_types() -> None:
    path = ("spec", "tasks", 0, "replicas")
    assert field_type("batch.volcano.sh/v1alpha1", "Job", path) is FieldType.INT32
    deep = ("spec", "tasks", 0, "template", "spec", "activeDeadlineSeconds")
    assert field_type("batch.volcano.sh/v1alpha1", "Job", deep, Release(1, 30)) is FieldType.INT64


@pytest.mark.parametrize("release", RELEASES, ids=str)
def test_every_release_knows_volcano_jobs(release: Release) -> None:
    assert check(JOB, release) == []


def test_pods_that_never_end_are_warned_of() -> None:
    assert advice(JOB) == []
    endless = with_task(template={"spec": {"containers": POD["containers"]}})
    (found,) = advice(endless)
    assert (found.path, found.rule) == ("spec.tasks[1].template.spec.restartPolicy", "endless")
