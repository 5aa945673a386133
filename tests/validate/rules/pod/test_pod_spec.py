"""Pod templates and bare Pods."""

from __future__ import annotations

from typing import Any

import pytest

from expander.kube.versions import DEFAULT
from expander.validate.rules.pod.pod_spec import check_pod, check_pod_template

SPEC: dict[str, Any] = {"containers": [{"name": "main", "image": "busybox"}]}
PROFILE = "container.apparmor.security.beta.kubernetes.io/main"


def template(annotations: dict[str, str] | None = None, **spec: Any) -> list[tuple[str, str]]:
    found = check_pod_template(
        {"metadata": {"annotations": annotations}, "spec": {**SPEC, **spec}}, "t", DEFAULT
    )
    return [(finding.path, finding.message) for finding in found]


def pod(**spec: Any) -> list[tuple[str, str]]:
    return [
        (finding.path, finding.message)
        for finding in check_pod({"metadata": {"name": "p"}, "spec": {**SPEC, **spec}}, DEFAULT)
    ]


def test_labels_of_a_template_are_found_where_the_server_finds_them() -> None:
    found = check_pod_template({"metadata": {"labels": {"a": "-"}}, "spec": SPEC}, "spec.template", DEFAULT)
    assert [finding.path for finding in found] == ["spec.template.labels"]


def test_a_template_without_a_spec_has_no_containers() -> None:
    assert [finding.path for finding in check_pod_template({}, "t", DEFAULT)] == ["t.spec.containers"]


def test_a_template_has_no_ephemeral_containers() -> None:
    found = template(ephemeralContainers=[{"name": "debug", "image": "i"}])
    assert found == [
        ("t.spec.ephemeralContainers", "Forbidden: ephemeral containers not allowed in pod template")
    ]


@pytest.mark.parametrize(
    ("annotations", "path"),
    [
        ({"kubernetes.io/config.mirror": "x"}, "t.annotations[kubernetes.io/config.mirror]"),
        (
            {"controller.kubernetes.io/pod-deletion-cost": "+1"},
            "t.annotations[controller.kubernetes.io/pod-deletion-cost]",
        ),
        (
            {"seccomp.security.alpha.kubernetes.io/pod": "odd"},
            "t.annotations.seccomp.security.alpha.kubernetes.io/pod",
        ),
        ({PROFILE: "odd"}, f"t.annotations[{PROFILE}]"),
        ({f"{PROFILE}x": "unconfined"}, f"t.annotations[{PROFILE}x]"),
        ({"scheduler.alpha.kubernetes.io/tolerations": "{"}, "t.annotations"),
        (
            {"scheduler.alpha.kubernetes.io/tolerations": '[{"key": "a", "effect": "Never"}]'},
            "t.annotations.scheduler.alpha.kubernetes.io/tolerations[0].effect",
        ),
    ],
)
def test_annotations_the_server_reads_are_checked(annotations: dict[str, str], path: str) -> None:
    assert [at for at, _ in template(annotations)] == [path]


@pytest.mark.parametrize("cost", ["0", "-1", "2147483647"])
def test_a_cost_of_deletion_is_a_number_of_32_bits(cost: str) -> None:
    assert template({"controller.kubernetes.io/pod-deletion-cost": cost}) == []


def test_a_profile_in_an_annotation_agrees_with_the_field() -> None:
    def profile(kind: str, **fields: str) -> list[tuple[str, str]]:
        context = {"appArmorProfile": {"type": kind, **fields}}
        return template({PROFILE: "localhost/mine"}, securityContext=context)

    at = "t.spec.containers[0].securityContext.appArmorProfile"
    assert profile("Localhost", localhostProfile="mine") == []
    assert profile("Unconfined") == [
        (f"{at}.type", "Forbidden: apparmor type in annotation and field must match")
    ]
    assert profile("Localhost", localhostProfile="other") == [
        (f"{at}.localhostProfile", "Forbidden: apparmor profile in annotation and field must match")
    ]


def test_a_template_may_have_spaces_around_an_image_and_a_pod_may_not() -> None:
    containers = [{"name": "a", "image": " i "}]
    assert template(containers=containers) == []
    assert pod(containers=containers) == [
        ("spec.containers[0].image", 'Invalid value: " i ": must not have leading or trailing whitespace')
    ]


def test_a_gated_pod_is_on_no_node_yet() -> None:
    gated: dict[str, Any] = {"nodeName": "n", "schedulingGates": [{"name": "g"}]}
    assert template(**gated) == []
    assert pod(**gated) == [
        ("spec.nodeName", "Forbidden: cannot be set until all schedulingGates have been cleared")
    ]


def test_a_pod_that_asks_for_a_token_need_not_name_its_account() -> None:
    volume = {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
    assert template(volumes=[volume]) == pod(volumes=[volume]) == []


def test_a_pod_does_not_mount_by_hand_the_claim_that_is_made_for_it() -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    volumes = [
        {"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": spec}}},
        {"name": "w", "persistentVolumeClaim": {"claimName": "p-v"}},
    ]
    assert template(volumes=volumes) == []
    assert pod(volumes=volumes) == [
        (
            "spec.volumes[1].persistentVolumeClaim.claimName",
            'Invalid value: "p-v": must not reference a PVC that gets created for an ephemeral volume',
        )
    ]
