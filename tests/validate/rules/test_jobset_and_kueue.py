from __future__ import annotations

import copy
from typing import Any

import pytest

from expander.validate.check import check, check_replacement

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
        ("spec.replicatedJobs.1.name", "driver", "spec.replicatedJobs[1]", "Duplicate"),
        ("spec.replicatedJobs.1.groupName", "9", "spec.replicatedJobs[1].groupName", "alphabetic"),
        ("spec.replicatedJobs.1.replicas", 2**30, "spec.replicatedJobs[1].replicas", "product"),
        ("spec.managedBy", "me", "spec.managedBy", "domain-prefixed"),
        ("spec.coordinator", {"replicatedJob": "x"}, "spec.coordinator.replicatedJob", "Not found"),
        ("spec.coordinator", {"replicatedJob": "workers", "jobIndex": 2}, "spec.coordinator.jobIndex",
         "number of a Job"),
        ("spec.coordinator", {"replicatedJob": "workers", "podIndex": 4}, "spec.coordinator.podIndex",
         "number of a pod"),
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
        ("spec.failurePolicy", {"rules": [{"action": "RecreateJob"}]},
         "spec.failurePolicy.rules[0].action", '"RestartJobSet"'),
        ("spec.failurePolicy", {"rules": [{"name": "_", "action": "FailJobSet"}]},
         "spec.failurePolicy.rules[0].name", "start with a letter"),
        ("spec.failurePolicy", {"rules": [{"action": "FailJobSet", "onJobFailureReasons": ["x"]}]},
         "spec.failurePolicy.rules[0].onJobFailureReasons[0]", "BackoffLimitExceeded"),
        ("spec.volumeClaimPolicies", [{"templates": [{"metadata": {"name": "data"}}]}],
         "spec.volumeClaimPolicies[0].templates[0].metadata.name", "volumeMount"),
        ("spec.volumeClaimPolicies", [{"templates": [{"metadata": {"name": "d", "namespace": "x"}}]}],
         "spec.volumeClaimPolicies[0]", "namespace cannot be set"),
        ("spec.replicaJobs", [], "spec.replicaJobs", 'did you mean "replicatedJobs"?'),
        ("metadata.name", "x" * 60, "metadata.name", "will not be able to create Jobs"),
    ],
)  # fmt: skip
def test_what_jobset_refuses_has_a_finding_at_its_field(
    path: str, value: Any, where: str, words: str
) -> None:
    found = check(changed(JOBSET, path, value)) or []
    assert {finding.path for finding in found} - {"<nil>"} == {where}
    assert words in found[0].message


@pytest.mark.parametrize(
    ("path", "value", "where", "words"),
    [
        ("spec.resourceGroups.0.flavors.0.resources.0.nominalQuota", -1,
         "spec.resourceGroups[0].flavors[0].resources[0].nominalQuota", "equal to 0"),
        ("spec.resourceGroups.0.flavors.0.resources.0.borrowingLimit", 1, "spec", "cohort is empty"),
        ("spec.resourceGroups.0.flavors.0.resources.0.lendingLimit", 1,
         "spec.resourceGroups[0].flavors[0].resources[0].lendingLimit", "cohort is empty"),
        ("spec.resourceGroups.0.flavors.0.resources.0.nominalQuota", None,
         "spec.resourceGroups[0].flavors[0].resources[0].nominalQuota", "Required"),
        ("spec.resourceGroups.0.coveredResources", ["cpu"], "spec.resourceGroups[0]", "same number"),
        ("spec.preemption", {"borrowWithinCohort": {"policy": "LowerPriority"}}, "spec.preemption", "Never"),
        ("spec.flavorFungibility", {"preference": "BorrowingOverPreemption"}, "spec.flavorFungibility",
         "both whenCanBorrow"),
        ("spec.cohortName", "all", "spec.cohortName", 'did you mean "cohort"?'),
        ("spec.cohort", "--", "spec.cohort", "should match"),
        ("spec.resourceGroups.0.flavors.0.resources.0.name", "gpu",
         "spec.resourceGroups[0].flavors[0].resources[0].name", "coveredResources"),
        ("spec.queueingStrategy", "FIFO", "spec.queueingStrategy", '"StrictFIFO"'),
    ],
)  # fmt: skip
def test_what_kueue_refuses_of_a_cluster_queue_has_a_finding(
    path: str, value: Any, where: str, words: str
) -> None:
    found = check(changed(QUEUE, path, value)) or []
    assert {finding.path for finding in found} - {"<nil>"} == {where}
    assert words in found[0].message


def test_a_jobset_may_restart_single_jobs_of_few_replicas() -> None:
    policy = {"rules": [{"action": "RestartJob"}, {"action": "RestartJobAndIgnoreMaxRestarts"}]}
    jobset = changed(JOBSET, "spec.failurePolicy", policy)
    assert check(jobset) == []
    found = check(changed(jobset, "spec.replicatedJobs.1.replicas", 1025)) or []
    assert [finding.path for finding in found] == ["spec.replicatedJobs[1].replicas"]


def test_containers_of_a_jobset_may_mount_the_claims_that_it_makes() -> None:
    policies = [{"templates": [{"metadata": {"name": "model"}, "spec": {}}]}]
    mounts = [{"name": "model", "mountPath": "/model"}]
    pod = {"containers": [{**POD["containers"][0], "volumeMounts": mounts}]}
    jobset = changed(JOBSET, "spec.volumeClaimPolicies", policies)
    place = "spec.replicatedJobs.0.template.spec.template.spec"
    assert check(changed(jobset, place, pod)) == []
    volumes = [{"name": "model", "emptyDir": {}}]
    found = check(changed(jobset, place, {**pod, "volumes": volumes})) or []
    assert [finding.path for finding in found] == [
        "spec.replicatedJobs[0].template.spec.template.spec.volumes[0].name"
    ]


def test_what_a_webhook_would_say_waits_for_what_the_definition_says() -> None:
    jobset = changed(JOBSET, "spec.replicatedJobs.1.replicas", -1)
    found = check(changed(jobset, "spec.successPolicy", {"targetReplicatedJobs": ["x"]})) or []
    assert [finding.path for finding in found] == ["spec.replicatedJobs[1].replicas"]


def test_policies_of_a_jobset_never_change() -> None:
    old = changed(JOBSET, "spec.network", {"subdomain": "one"})
    new = changed(JOBSET, "spec.network", {"subdomain": "two"})
    assert [str(finding) for finding in check_replacement(new, old) or ()] == [
        "spec.network: Invalid value: Value is immutable"
    ]
    assert check_replacement(old, old) == []


def test_a_newer_cluster_queue_names_its_cohort_and_its_way_of_admission() -> None:
    queue = {**changed(QUEUE, "spec.cohortName", "all"), "apiVersion": "kueue.x-k8s.io/v1beta2"}
    policy = {"migration": {"mode": "RetainFirstAdmission"}}
    assert check(changed(queue, "spec.concurrentAdmissionPolicy", policy)) == []
    older = changed(changed(queue, "spec.cohort", "all"), "spec.admissionChecks", ["x"])
    assert [str(finding) for finding in check(older) or ()] == [
        'spec.cohort: unknown field, did you mean "cohortName"?',
        'spec.admissionChecks: unknown field, did you mean "admissionChecksStrategy"?',
    ]


def test_the_cluster_queue_of_a_local_queue_never_changes() -> None:
    queue = {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "LocalQueue", "metadata": {"name": "a"}}
    assert check(queue) == []
    one, other = ({**queue, "spec": {"clusterQueue": name}} for name in ("one", "other"))
    assert check_replacement(one, one) == []
    assert [str(finding) for finding in check_replacement(other, one) or ()] == [
        'spec.clusterQueue: Invalid value: "other": field is immutable'
    ]


@pytest.mark.parametrize(
    ("kind", "spec", "where"),
    [
        ("Queue", {"weight": 0}, "spec.weight"),
        ("Queue", {"weight": 65536}, "spec.weight"),
        ("Queue", {"parent": "UPPER"}, "spec.parent"),
        ("Queue", {"affinity": {"nodeGroupAffinity": {"required": []}}},
         "spec.affinity.nodeGroupAffinity.required"),
        ("PodGroup", {"minMember": -1}, "spec.minMember"),
        ("PodGroup", {"networkTopology": {"mode": "loose"}}, "spec.networkTopology.mode"),
        ("PodGroup", {"subGroupPolicy": [{"subGroupSize": 0}]}, "spec.subGroupPolicy[0].subGroupSize"),
        ("PodGroup", {"subGroupPolicy": [None]}, "spec.subGroupPolicy[0]"),
        ("PodGroup", {"minResources": {"cpu": 1.5}}, "spec.minResources.cpu"),
    ],
)  # fmt: skip
def test_queues_and_pod_groups_of_volcano_have_limits(kind: str, spec: dict[str, Any], where: str) -> None:
    obj = {"apiVersion": "scheduling.volcano.sh/v1beta1", "kind": kind, "metadata": {"name": "a"}}
    assert check({**obj, "spec": {}}) == []
    assert {finding.path for finding in check({**obj, "spec": spec}) or ()} == {where}


def test_a_flavor_has_labels_and_taints_of_nodes() -> None:
    flavor = {"apiVersion": "kueue.x-k8s.io/v1beta1", "kind": "ResourceFlavor", "metadata": {"name": "spot"}}
    spec = {"nodeLabels": {"type": "spot"}, "nodeTaints": [{"key": "spot", "effect": "Never"}]}
    assert [finding.path for finding in check({**flavor, "spec": spec}) or ()] == ["spec.nodeTaints"]
    taint = {"key": "spot", "effect": "NoSchedule"}
    found = check({**flavor, "spec": {"nodeTaints": [taint, taint]}}) or []
    assert [finding.path for finding in found] == ["spec.nodeTaints[1]"]
    tolerant = {"tolerations": [{"operator": "Exists", "value": "x"}]}
    assert [finding.path for finding in check({**flavor, "spec": tolerant}) or ()] == ["spec.tolerations"]
    assert check(flavor) == []
