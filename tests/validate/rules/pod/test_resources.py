"""Requests and limits of containers and pods."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Check = Callable[..., list[tuple[str, str]]]


def test_a_request_is_at_most_its_limit(in_container: Check) -> None:
    resources = {"requests": {"cpu": 5, "memory": "64Mi"}, "limits": {"cpu": "1000m", "memory": "64Mi"}}
    assert in_container(resources=resources) == [
        ("resources.requests", 'Invalid value: "5": must be less than or equal to cpu limit of 1')
    ]


def test_amounts_are_not_negative(in_container: Check) -> None:
    assert in_container(resources={"requests": {"cpu": "-1"}}) == [
        ("resources.requests[cpu]", 'Invalid value: "-1": must be greater than or equal to 0')
    ]


def test_a_text_that_is_no_quantity_is_a_finding(in_container: Check) -> None:
    assert [path for path, _ in in_container(resources={"limits": {"cpu": "lots"}})] == [
        "resources.limits[cpu]"
    ]


def test_a_resource_of_one_word_is_one_of_kubernetes_own(in_container: Check) -> None:
    assert in_container(resources={"limits": {"gpu": 1, "pods": 1}}) == [
        (
            "resources.limits[gpu]",
            'Invalid value: "gpu": must be a standard resource type or fully qualified',
        ),
        ("resources.limits[gpu]", 'Invalid value: "gpu": must be a standard resource for containers'),
        ("resources.limits[pods]", 'Invalid value: "pods": must be a standard resource for containers'),
    ]


def test_extended_resources_come_whole_and_are_not_overcommitted(in_container: Check) -> None:
    assert in_container(resources={"limits": {"example.com/gpu": "1"}}) == []
    assert in_container(resources={"limits": {"example.com/gpu": "500m"}}) == [
        ("resources.limits[example.com/gpu]", 'Invalid value: "500m": must be an integer')
    ]
    assert in_container(resources={"requests": {"example.com/gpu": "1"}}) == [
        ("resources.limits", "Required value: Limit must be set for non overcommitable resources")
    ]
    uneven = {"requests": {"example.com/gpu": "1"}, "limits": {"example.com/gpu": "2"}}
    assert in_container(resources=uneven) == [
        ("resources.requests", 'Invalid value: "1": must be equal to example.com/gpu limit of 2')
    ]


def test_huge_pages_come_in_whole_pages_beside_cpu_or_memory(in_container: Check) -> None:
    assert in_container(resources={"limits": {"cpu": 1, "hugepages-2Mi": "4Mi"}}) == []
    assert in_container(resources={"limits": {"hugepages-2Mi": "3Mi"}}) == [
        (
            "resources.limits[hugepages-2Mi]",
            'Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
        ),
        ("resources", "Forbidden: HugePages require cpu or memory"),
    ]


def test_a_claim_is_one_of_the_pod_s_and_used_once(in_container: Check) -> None:
    pod = {"resourceClaims": [{"name": "gpu", "resourceClaimName": "g"}]}
    claims = [{"name": "gpu", "request": "a"}, {"name": "gpu"}, {"name": "other"}]
    assert in_container(pod, resources={"claims": claims}) == [
        ("resources.claims[1]", 'Duplicate value: "gpu"'),
        (
            "resources.claims[2]",
            'Not found: "other": must be one of the names in pod.spec.resourceClaims: gpu',
        ),
    ]


def test_a_resource_claim_stands_for_one_object(in_spec: Check) -> None:
    assert in_spec(resourceClaims=[{"name": "a"}]) == [
        (
            "spec.resourceClaims[0]",
            'Invalid value: {"Name":"a","ResourceClaimName":null,"ResourceClaimTemplateName":null}: '
            "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`",
        )
    ]


def test_overhead_is_held_to_the_rules_of_limits(in_spec: Check) -> None:
    assert in_spec(overhead={"cpu": "-1"})[0][0] == "spec.overhead.limits[cpu]"


@pytest.mark.parametrize(
    ("resources", "found"),
    [
        ({}, []),
        ({"requests": {"cpu": "3"}}, []),
        (
            {"requests": {"cpu": "2"}},
            [
                (
                    "spec.resources.requests[cpu]",
                    'Invalid value: "2": must be greater than or equal to aggregate container requests of 3',
                )
            ],
        ),
        (
            {"limits": {"cpu": "1"}},
            [
                (
                    "spec.resources.containers[0][cpu].limits",
                    'Invalid value: "2": must be less than or equal to pod limits of 1',
                )
            ],
        ),
        (
            {"claims": []},
            [("spec.resources.claims", "Forbidden: claims may not be set for Resources at pod-level")],
        ),
    ],
)
def test_resources_of_the_pod_cover_those_of_its_containers(
    in_spec: Check, resources: object, found: list[tuple[str, str]]
) -> None:
    main = {"name": "a", "image": "i", "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}}
    sidecar = {**main, "name": "b", "restartPolicy": "Always"}
    init = {**main, "name": "c", "resources": {"requests": {"cpu": "2"}}}
    assert in_spec(containers=[main], initContainers=[sidecar, init], resources=resources) == found


def test_only_some_resources_are_for_whole_pods(in_spec: Check) -> None:
    assert [path for path, _ in in_spec(resources={"limits": {"ephemeral-storage": "1Gi"}})] == [
        "spec.resources.limits[ephemeral-storage]"
    ]
