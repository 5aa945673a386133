from __future__ import annotations

import copy
from typing import Any

import pytest

from expander.validate.check import check

POD = {"containers": [{"name": "main", "image": "busybox:1.36"}]}
JOBSET: dict[str, Any] = {
    "apiVersion": "jobset.x-k8s.io/v1alpha2",
    "kind": "JobSet",
    "metadata": {"name": "train"},
    "spec": {
        "replicatedJobs": [
            {"name": "driver", "template": {"spec": {"template": {"spec": POD}}}},
            {
                "name": "workers",
                "replicas": 2,
                "template": {"spec": {"parallelism": 4, "completions": 4, "template": {"spec": POD}}},
            },
        ]
    },
}
QUEUE: dict[str, Any] = {
    "apiVersion": "kueue.x-k8s.io/v1beta1",
    "kind": "ClusterQueue",
    "metadata": {"name": "team"},
    "spec": {
        "namespaceSelector": {},
        "resourceGroups": [
            {
                "coveredResources": ["cpu", "memory"],
                "flavors": [
                    {
                        "name": "default",
                        "resources": [
                            {"name": "cpu", "nominalQuota": 9},
                            {"name": "memory", "nominalQuota": "36Gi"},
                        ],
                    }
                ],
            }
        ],
    },
}


def changed(obj: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    made = copy.deepcopy(obj)
    *steps, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    place: Any = made
    for step in steps:
        place = place[step]
    place[last] = value
    return made


@pytest.mark.parametrize("obj", [JOBSET, QUEUE])
def test_what_the_projects_pages_show_is_valid(obj: dict[str, Any]) -> None:
    assert check(obj) == []


@pytest.mark.parametrize(
    ("path", "value", "where", "words"),
    [
        ("spec.replicatedJobs.1.name", "driver", "spec.replicatedJobs[1].name", "Duplicate"),
        ("spec.replicatedJobs.1.replicas", -1, "spec.replicatedJobs[1].replicas", "equal to 0"),
        ("spec.replicatedJobs.1.dependsOn", [{"name": "x", "status": "Ready"}],
         "spec.replicatedJobs[1].dependsOn[0].name", "before it"),
        ("spec.replicatedJobs.1.dependsOn", [{"name": "driver", "status": "Done"}],
         "spec.replicatedJobs[1].dependsOn[0].status", '"Ready", "Complete"'),
        ("spec.replicatedJobs.1.template.spec.backoffLimit", -1,
         "spec.replicatedJobs[1].template.spec.backoffLimit", "equal to 0"),
        ("spec.successPolicy", {"operator": "Most"}, "spec.successPolicy.operator", '"All", "Any"'),
        ("spec.successPolicy", {"targetReplicatedJobs": ["x"]},
         "spec.successPolicy.targetReplicatedJobs[0]", "no replicated Job"),
        ("spec.failurePolicy", {"rules": [{"action": "Restart"}]},
         "spec.failurePolicy.rules[0].action", '"RestartJobSet"'),
        ("spec.replicaJobs", [], "spec.replicaJobs", 'did you mean "replicatedJobs"?'),
        ("metadata.name", "x" * 60, "metadata.name", "will not be able to create Jobs"),
    ],
)  # fmt: skip
def test_what_jobset_refuses_has_a_finding_at_its_field(
    path: str, value: Any, where: str, words: str
) -> None:
    found = check(changed(JOBSET, path, value)) or []
    assert {finding.path for finding in found} == {where}
    assert words in found[0].message


@pytest.mark.parametrize(
    ("path", "value", "where", "words"),
    [
        ("spec.resourceGroups.0.flavors.0.resources.0.nominalQuota", -1,
         "spec.resourceGroups[0].flavors[0].resources[0].nominalQuota", "equal to 0"),
        ("spec.resourceGroups.0.flavors.0.resources.0.borrowingLimit", 1,
         "spec.resourceGroups[0].flavors[0].resources[0].borrowingLimit", "cohort is empty"),
        ("spec.resourceGroups.0.flavors.0.resources.0.name", "gpu",
         "spec.resourceGroups[0].flavors[0].resources[0].name", "coveredResources"),
        ("spec.queueingStrategy", "FIFO", "spec.queueingStrategy", '"StrictFIFO"'),
    ],
)  # fmt: skip
def test_what_kueue_refuses_of_a_cluster_queue_has_a_finding(
    path: str, value: Any, where: str, words: str
) -> None:
    found = check(changed(QUEUE, path, value)) or []
    assert {finding.path for finding in found} == {where}
    assert words in found[0].message


def test_a_local_queue_names_its_cluster_queue() -> None:
    queue = {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "LocalQueue", "metadata": {"name": "a"}}
    assert [str(finding) for finding in check(queue) or ()] == ["spec.clusterQueue: Required value"]
    assert check({**queue, "spec": {"clusterQueue": "team"}}) == []


def test_a_flavor_has_labels_and_taints_of_nodes() -> None:
    flavor = {"apiVersion": "kueue.x-k8s.io/v1beta1", "kind": "ResourceFlavor", "metadata": {"name": "spot"}}
    spec = {"nodeLabels": {"type": "spot"}, "nodeTaints": [{"key": "spot", "effect": "Never"}]}
    assert [finding.path for finding in check({**flavor, "spec": spec}) or ()] == [
        "spec.nodeTaints[0].effect"
    ]
    assert check(flavor) == []
