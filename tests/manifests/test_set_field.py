"""``KEY=VALUE`` as a change to a Job."""

import copy
from typing import Any

import pytest

from expander.base.errors import UsageError
from expander.manifests.set_field import set_field


def job() -> dict[str, Any]:
    containers = [
        {"name": "main", "env": [{"name": "RATE", "value": "1"}, {"name": "image", "value": "x"}]},
        {"name": "side", "resources": {"limits": {"cpu": "1"}}},
    ]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"backoffLimit": 1, "template": {"spec": {"containers": containers}}},
    }


def at(tree: Any, path: str) -> Any:
    for step in path.split("/"):
        tree = tree[int(step) if step.isdecimal() else step]
    return tree


POD = "spec/template/spec"


@pytest.mark.parametrize(
    ("key", "value", "path", "found"),
    [
        ("RATE", "2", f"{POD}/containers/0/env/0", {"name": "RATE", "value": "2"}),
        ("image", "y", f"{POD}/containers/0/env/1", {"name": "image", "value": "y"}),
        ("env.NEW", "a=b", f"{POD}/containers/1/env", [{"name": "NEW", "value": "a=b"}]),
        ("backoffLimit", "5", "spec/backoffLimit", 5),
        ("spec.activeDeadlineSeconds", "60", "spec/activeDeadlineSeconds", 60),
        ("suspend", "true", "spec/suspend", True),
        ("resources.limits.memory", "2Gi", f"{POD}/containers/0/resources", {"limits": {"memory": "2Gi"}}),
        (
            "resources.limits.memory",
            "2Gi",
            f"{POD}/containers/1/resources/limits",
            {"cpu": "1", "memory": "2Gi"},
        ),
        ("template.spec.containers[side].image", "i:2", f"{POD}/containers/1/image", "i:2"),
        ("args", '["a", "1"]', f"{POD}/containers/0/args", ["a", "1"]),
        ("nodeSelector[a.b/c]", "ssd", f"{POD}/nodeSelector", {"a.b/c": "ssd"}),
        ("priorityClassName", "high", f"{POD}/priorityClassName", "high"),
        ("metadata.labels.tier", "1", "metadata/labels", {"tier": "1"}),
    ],
)
def test_a_key_means_a_variable_or_a_field_and_the_value_has_its_type(
    key: str, value: str, path: str, found: Any
) -> None:
    tree = job()
    set_field(tree, key, value)
    assert at(tree, path) == found


def test_an_empty_value_takes_a_field_away_that_is_no_text() -> None:
    tree = job()
    set_field(tree, "backoffLimit", "")
    assert "backoffLimit" not in tree["spec"]
    set_field(tree, "resources.limits.cpu", "")
    assert at(tree, f"{POD}/containers/1/resources/limits") == {}
    set_field(tree, "RATE", "")
    assert at(tree, f"{POD}/containers/0/env/0")["value"] == ""


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("backofLimit", "1", "did you mean backoffLimit?"),
        ("RAET", "1", "did you mean RATE?"),
        ("zzzz", "1", "env.zzzz=VALUE adds a variable"),
        ("memory", "1Gi", "did you mean resources.limits.memory?"),
        ("limits.memory", "1Gi", "did you mean resources.limits.memory?"),
        ("requests.cpu", "1", "did you mean resources.requests.cpu?"),
        ("resources.limits.memory", "lots", "'lots' must be a quantity, as 500m or 64Mi"),
        ("resources.limits.memory", "64MB", "did you mean 64M or 64Mi?"),
        ("backoffLimit", "x", "expected an integer, found 'x'"),
        ("suspend", "yes", "expected true or false, found 'yes'"),
        ("args", "a", "expected a JSON array, found 'a'"),
        ("resources.limit.memory", "1", "did you mean limits?"),
        ("template.spec.containers[none].image", "i", "there are main, side"),
        ("template.spec.containers[5].image", "i", "names an element that does not exist"),
        ("metadata.name", "k", "is rerun under its own name"),
        ("status.failed", "1", "neither a variable of the containers nor a field of a Job"),
        ("spec..x", "1", "is not a field path"),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_what_would(key: str, value: str, words: str) -> None:
    tree = job()
    with pytest.raises(UsageError) as raised:
        set_field(tree, key, value)
    assert words in str(raised.value)
    assert tree == job()


VOLCANO = {
    "apiVersion": "batch.volcano.sh/v1alpha1",
    "kind": "Job",
    "metadata": {"name": "v"},
    "spec": {
        "tasks": [
            {"name": name, "replicas": 1, "template": {"spec": {"containers": [{"name": "main"}]}}}
            for name in ("master", "worker")
        ]
    },
}


def test_a_change_of_a_volcano_job_reaches_every_task() -> None:
    job: dict[str, Any] = copy.deepcopy(VOLCANO)
    for key, value in (("env.SEED", "7"), ("resources.limits.memory", "1Gi"), ("activeDeadlineSeconds", "9")):
        set_field(job, key, value)
    for task in job["spec"]["tasks"]:
        assert task["template"]["spec"] == {
            "activeDeadlineSeconds": 9,
            "containers": [
                {
                    "name": "main",
                    "env": [{"name": "SEED", "value": "7"}],
                    "resources": {"limits": {"memory": "1Gi"}},
                }
            ],
        }


def test_a_field_of_a_volcano_job_is_named_by_its_path() -> None:
    job: dict[str, Any] = copy.deepcopy(VOLCANO)
    set_field(job, "tasks[worker].replicas", "4")
    set_field(job, "maxRetry", "5")
    assert [task["replicas"] for task in job["spec"]["tasks"]] == [1, 4]
    assert job["spec"]["maxRetry"] == 5
