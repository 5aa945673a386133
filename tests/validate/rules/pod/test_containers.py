"""Containers: names, images, kinds of container, restarts."""

from __future__ import annotations

from collections.abc import Callable

Check = Callable[..., list[tuple[str, str]]]


def test_the_smallest_pod_is_fine(in_spec: Check) -> None:
    assert in_spec() == []


def test_a_pod_has_at_least_one_container(in_spec: Check) -> None:
    assert in_spec(containers=[]) == [("spec.containers", "Required value")]


def test_a_container_has_a_name_and_an_image(in_spec: Check) -> None:
    assert in_spec(containers=[None]) == [
        ("spec.containers[0].name", "Required value"),
        ("spec.containers[0].image", "Required value"),
    ]


def test_names_are_unique_across_containers_and_init_containers(in_spec: Check) -> None:
    found = in_spec(
        containers=[{"name": "a", "image": "i"}, {"name": "a", "image": "i"}],
        initContainers=[
            {"name": "a", "image": "i"},
            {"name": "b", "image": "i"},
            {"name": "b", "image": "i"},
        ],
    )
    assert found == [
        ("spec.containers[1].name", 'Duplicate value: "a"'),
        ("spec.initContainers[0].name", 'Duplicate value: "a"'),
        ("spec.initContainers[2].name", 'Duplicate value: "b"'),
    ]


def test_choices_are_listed_when_a_policy_is_unknown(in_container: Check) -> None:
    assert in_container(imagePullPolicy="Sometimes", terminationMessagePolicy="Console") == [
        (
            "terminationMessagePolicy",
            'Unsupported value: "Console": supported values: "File", "FallbackToLogsOnError"',
        ),
        (
            "imagePullPolicy",
            'Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
        ),
    ]


def test_only_sidecars_among_init_containers_have_probes_and_hooks(in_spec: Check) -> None:
    probe = {"exec": {"command": ["true"]}}
    plain = {"name": "plain", "image": "i", "startupProbe": probe, "lifecycle": {}}
    sidecar = {"name": "side", "image": "i", "startupProbe": probe, "restartPolicy": "Always"}
    detail = "Forbidden: may not be set for init containers without restartPolicy=Always"
    assert in_spec(initContainers=[plain, sidecar]) == [
        ("spec.initContainers[0].lifecycle", detail),
        ("spec.initContainers[0].startupProbe", detail),
    ]


def test_restart_rules_need_a_policy_and_exit_codes(in_container: Check) -> None:
    assert in_container(restartPolicyRules=[{"action": "Retry"}]) == [
        ("restartPolicy", "Required value: must specify restartPolicy when restart rules are used"),
        (
            "restartPolicyRules[0].action",
            'Unsupported value: "Retry": supported values: "Restart", "RestartAllContainers"',
        ),
        ("restartPolicyRules[0].exitCodes", "Required value: must be specified"),
    ]


def test_restart_rules_with_a_policy_and_exit_codes_are_fine(in_container: Check) -> None:
    rule = {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}
    assert in_container(restartPolicy="Never", restartPolicyRules=[rule]) == []
    assert in_container(restartPolicy="Never", restartPolicyRules=[rule] * 21) == [
        ("restartPolicyRules", "Too many: 21: must have at most 20 items")
    ]


def test_the_rules_of_an_init_container_without_policy_are_not_looked_at(in_spec: Check) -> None:
    assert in_spec(initContainers=[{"name": "i", "image": "i", "restartPolicyRules": [{}]}]) == [
        (
            "spec.initContainers[0].restartPolicy",
            "Required value: must specify restartPolicy when restart rules are used",
        )
    ]


def test_a_resize_that_restarts_does_not_fit_a_pod_that_never_does(in_container: Check) -> None:
    policy = {"resourceName": "cpu", "restartPolicy": "RestartContainer"}
    detail = "Invalid value: \"RestartContainer\": must be 'NotRequired' when pod `restartPolicy` is 'Never'"
    assert in_container(resizePolicy=[policy]) == [("resizePolicy", detail)]
    assert in_container({"restartPolicy": "OnFailure"}, resizePolicy=[policy]) == []
    assert ("resizePolicy[1]", 'Duplicate value: "cpu"') in in_container(resizePolicy=[policy, policy])


def test_ephemeral_containers_have_no_ports_and_a_target_that_is_there(in_spec: Check) -> None:
    container = {"name": "debug", "image": " i", "ports": [], "targetContainerName": "gone"}
    detail = "cannot be set for an Ephemeral Container"
    assert in_spec(ephemeralContainers=[container]) == [
        (
            "spec.ephemeralContainers[0].image",
            'Invalid value: " i": must not have leading or trailing whitespace',
        ),
        ("spec.ephemeralContainers[0].targetContainerName", 'Not found: "gone"'),
        ("spec.ephemeralContainers[0].ports", f"Forbidden: {detail}"),
    ]
