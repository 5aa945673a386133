"""Pod Security levels, in the words of k8s.io/pod-security-admission."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from expander.kube.versions import Release
from expander.validate.policies.pod_security import Level, violations
from tests.validate.policies.samples import job, loaded, namespace, pod, pod_spec, review, told

SECURE = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True,
          "seccompProfile": {"type": "RuntimeDefault"}}  # fmt: skip
SELINUX = "set forbidden securityContext.seLinuxOptions"

BASELINE: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {}, ""),
    ({}, {"hostNetwork": True, "hostPID": True}, "host namespaces (hostNetwork=true, hostPID=true)"),
    (
        {},
        {"volumes": [{"name": "a", "hostPath": {"path": "/"}}, {"name": "b", "hostPath": {"path": "/"}}]},
        'hostPath volumes (volumes "a", "b")',
    ),
    (
        {"ports": [{"containerPort": 1, "hostPort": 80}, {"containerPort": 2, "hostPort": 443}]},
        {},
        'hostPort (container "main" uses hostPorts 443, 80)',
    ),
    (
        {"securityContext": {"privileged": True}},
        {},
        'privileged (container "main" must not set securityContext.privileged=true)',
    ),
    (
        {"securityContext": {"capabilities": {"add": ["SYS_ADMIN", "CHOWN", "NET_RAW"]}}},
        {},
        'non-default capabilities (container "main" must not include "NET_RAW", "SYS_ADMIN" in '
        "securityContext.capabilities.add)",
    ),
    (
        {"securityContext": {"procMount": "Unmasked"}},
        {},
        'procMount (container "main" must not set securityContext.procMount to "Unmasked")',
    ),
    (
        {"securityContext": {"seLinuxOptions": {"type": "x_t", "user": "u", "role": "r"}}},
        {},
        f'seLinuxOptions (container "main" {SELINUX}: type "x_t"; user may not be set; role may not be set)',
    ),
    ({}, {"securityContext": {"seLinuxOptions": {"type": "container_engine_t"}}}, ""),
    (
        {},
        {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
        'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
    ),
    (
        {},
        {"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}},
        "forbidden sysctls (kernel.msgmax)",
    ),
    ({}, {"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_rmem", "value": "1"}]}}, ""),
    (
        {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}},
        {},
        'forbidden AppArmor profile (container "main" must not set AppArmor profile type to "Unconfined")',
    ),
    (
        {},
        {"securityContext": {"windowsOptions": {"hostProcess": True}}},
        "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)",
    ),
    (
        {"livenessProbe": {"httpGet": {"host": "10.0.0.1", "port": 1}}},
        {},
        'probe or lifecycle host (container "main" uses probe or lifecycle host "10.0.0.1")',
    ),
]
RESTRICTED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"securityContext": SECURE}, {}, ""),
    (
        {},
        {},
        'allowPrivilegeEscalation != false (container "main" must set '
        "securityContext.allowPrivilegeEscalation=false), "
        'unrestricted capabilities (container "main" must set securityContext.capabilities.drop=["ALL"]), '
        'runAsNonRoot != true (pod or container "main" must set securityContext.runAsNonRoot=true), '
        'seccompProfile (pod or container "main" must set securityContext.seccompProfile.type to '
        '"RuntimeDefault" or "Localhost")',
    ),
    (
        {"securityContext": {**SECURE, "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}},
        {},
        'unrestricted capabilities (container "main" must not include "CHOWN" in '
        "securityContext.capabilities.add)",
    ),
    (
        {"securityContext": {**SECURE, "runAsUser": 0, "runAsNonRoot": False}},
        {},
        'runAsNonRoot != true (container "main" must not set securityContext.runAsNonRoot=false), '
        'runAsUser=0 (container "main" must not set runAsUser=0)',
    ),
    ({"securityContext": {**SECURE, "runAsUser": 0, "runAsNonRoot": False}}, {"hostUsers": False}, ""),
    (
        {"securityContext": SECURE},
        {
            "volumes": [
                {"name": "a", "hostPath": {"path": "/"}},
                {"name": "b", "nfs": {"server": "s", "path": "/"}},
            ]
        },
        'restricted volume types (volumes "a", "b" use restricted volume types "hostPath", "nfs")',
    ),
    (
        {"securityContext": {**SECURE, "privileged": True}},
        {"hostIPC": True},
        'host namespaces (hostIPC=true), privileged (container "main" must not set '
        "securityContext.privileged=true)",
    ),
    ({"securityContext": {"runAsNonRoot": True}}, {"os": {"name": "windows"}}, ""),
]


@pytest.mark.parametrize(("container", "spec", "words"), BASELINE)
def test_baseline(container: dict[str, Any], spec: dict[str, Any], words: str) -> None:
    assert violations(Level("baseline"), pod(container, **spec), Release(1, 37)) == words
    assert violations(Level("privileged"), pod(container, **spec), Release(1, 37)) == ""


@pytest.mark.parametrize(("container", "spec", "words"), RESTRICTED)
def test_restricted(container: dict[str, Any], spec: dict[str, Any], words: str) -> None:
    assert violations(Level("restricted"), pod(container, **spec), Release(1, 37)) == words


@pytest.mark.parametrize(
    ("level", "release", "container", "allowed"),
    [
        (Level("restricted", "v1.21"), Release(1, 37), {"securityContext": {**SECURE, "runAsUser": 0}}, True),
        (
            Level("restricted", "v1.21"),
            Release(1, 37),
            {"securityContext": {**SECURE, "capabilities": {"add": ["SYS_ADMIN"]}}},
            False,
        ),
        (
            Level("restricted", "v1.99"),
            Release(1, 37),
            {"securityContext": {**SECURE, "runAsUser": 0}},
            False,
        ),
        (
            Level("baseline", "v1.33"),
            Release(1, 37),
            {"livenessProbe": {"tcpSocket": {"host": "a", "port": 1}}},
            True,
        ),
        (Level("baseline"), Release(1, 33), {"livenessProbe": {"tcpSocket": {"host": "a", "port": 1}}}, True),
        (
            Level("baseline", "v1.30"),
            Release(1, 37),
            {"securityContext": {"seLinuxOptions": {"type": "container_engine_t"}}},
            False,
        ),
    ],
)
def test_versions_decide(level: Level, release: Release, container: dict[str, Any], allowed: bool) -> None:
    assert (violations(level, pod(container), release) == "") is allowed


def test_a_pod_is_refused_and_a_workload_warned_of_its_pods() -> None:
    where = namespace(enforce="baseline", enforce_version="v1.30", warn="baseline", audit="baseline")
    where["metadata"]["labels"]["pod-security.kubernetes.io/audit-version"] = "v1.30"
    container = {"securityContext": {"privileged": True}}
    words = 'privileged (container "main" must not set securityContext.privileged=true)'
    own = review(pod(container), where)
    assert told(own.findings) == [f'pods "x" is forbidden: violates PodSecurity "baseline:v1.30": {words}']
    assert own.warnings == ()
    workload = review(job(container), where)
    assert told(workload.findings) == [
        f'spec.template: its pods would be refused: violates PodSecurity "baseline:v1.30": {words}'
    ]
    assert [str(each) for each in workload.warnings] == [
        f'spec.template: would violate PodSecurity "baseline:latest": {words}',
        f'spec.template: audit log: would violate PodSecurity "baseline:v1.30": {words}',
    ]


def test_what_warns_and_is_audited_alike_is_told_once() -> None:
    container = {"securityContext": {"privileged": True}}
    found = review(job(container), namespace(warn="baseline", audit="baseline"))
    assert [each.rule for each in found.warnings] == ["pod-security"]


@pytest.mark.parametrize(
    ("api_version", "kind", "spec", "where"),
    [
        (
            "batch.volcano.sh/v1alpha1",
            "Job",
            {"tasks": [{"name": "t", "replicas": 1}]},
            "spec.tasks[0].template",
        ),
        (
            "jobset.x-k8s.io/v1alpha2",
            "JobSet",
            {"replicatedJobs": [{"name": "r", "template": {"spec": {}}}]},
            "spec.replicatedJobs[0].template.spec.template",
        ),
        ("apps/v1", "StatefulSet", {"serviceName": "s", "selector": {}}, "spec.template"),
        (
            "batch/v1",
            "CronJob",
            {"schedule": "* * * * *", "jobTemplate": {"spec": {}}},
            "spec.jobTemplate.spec.template",
        ),
    ],
)
def test_pods_are_found_in_every_workload(
    api_version: str, kind: str, spec: dict[str, Any], where: str
) -> None:
    spec = deepcopy(spec)
    holder = spec
    for step in ("tasks", "replicatedJobs", "jobTemplate", "template", "spec"):
        below = holder.get(step)
        holder = below[0] if isinstance(below, list) else below if isinstance(below, dict) else holder
    holder["template"] = {"spec": pod_spec(hostPID=True)}
    obj = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    assert told(review(obj, namespace(enforce="baseline")).findings) == [
        f'{where}: its pods would be refused: violates PodSecurity "baseline:latest": '
        "host namespaces (hostPID=true)"
    ]


def test_a_level_that_only_warns_refuses_nothing() -> None:
    found = review(pod(), namespace(warn="restricted"))
    assert found.findings == ()
    assert [each.rule for each in found.warnings] == ["pod-security"]


def test_a_namespace_that_is_not_given_is_unchecked_and_one_without_labels_is_privileged() -> None:
    policies = loaded(namespace("team-a", enforce="restricted"), namespace("team-b"))
    assert review(pod(), policies, namespace="team-b").findings == ()
    assert len(review(pod(), policies, namespace="team-a").findings) == 1
    assert len(review(pod(metadata={"namespace": "team-a"}), policies).findings) == 1
    assert told(review(pod(), policies).findings) == [
        "unchecked Pod Security not checked: Namespace 'default' is not among the policies"
    ]
