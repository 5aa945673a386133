"""What a pod requests when it is made, by what it limits."""

from typing import Any

import pytest

from expander.kube.resources import with_requests


def container(**resources: dict[str, str]) -> dict[str, Any]:
    return {"name": "c", "resources": resources}


def test_a_container_requests_what_it_limits_and_keeps_what_it_requests() -> None:
    spec = {"containers": [container(limits={"cpu": "2", "memory": "1Gi"}, requests={"cpu": "1"})]}
    (made,) = with_requests(spec)["containers"]
    assert made["resources"]["requests"] == {"cpu": "1", "memory": "1Gi"}
    assert spec["containers"][0]["resources"]["requests"] == {"cpu": "1"}


def test_init_containers_and_sidecars_request_what_they_limit() -> None:
    parts = [container(limits={"cpu": "2"}), container(limits={"cpu": "1"}) | {"restartPolicy": "Always"}]
    made = with_requests({"containers": [container()], "initContainers": parts})
    assert [each["resources"]["requests"] for each in made["initContainers"]] == [{"cpu": "2"}, {"cpu": "1"}]


@pytest.mark.parametrize(
    "resources", [None, {}, {"limits": {}}, {"limits": None}, {"requests": {"cpu": "1"}}]
)
def test_a_pod_without_limits_stays_as_it_is(resources: Any) -> None:
    spec = {"containers": [{"name": "c", "resources": resources}]}
    assert with_requests(spec) is spec


def test_a_pod_as_a_whole_requests_first_what_its_containers_do_then_what_it_limits() -> None:
    parts = [container(limits={"cpu": "1"}), container(requests={"cpu": "500m", "nvidia.com/gpu": "1"})]
    limits = {"cpu": "4", "memory": "1Gi", "nvidia.com/gpu": "1"}
    made = with_requests({"containers": parts, "resources": {"limits": limits}})
    assert made["resources"] == {"limits": limits, "requests": {"cpu": "1500m", "memory": "1Gi"}}


def test_a_pod_as_a_whole_that_limits_nothing_requests_no_more_than_it_says() -> None:
    spec = {"containers": [container(requests={"cpu": "1"})], "resources": {"requests": {"memory": "1Gi"}}}
    assert with_requests(spec) is spec
