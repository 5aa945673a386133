"""LimitRanges: what they fill in, what they refuse, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from expander.base.errors import AdmissionError
from expander.kube import limit_ranges

Object = dict[str, Any]


def pod(*resources: Object) -> Object:
    """A pod whose containers c0, c1, ... have these resources."""
    containers = [{"name": f"c{number}", "resources": each} for number, each in enumerate(resources)]
    return {"kind": "Pod", "metadata": {"name": "p", "namespace": "n"}, "spec": {"containers": containers}}


def limit_range(**item: Any) -> list[Object]:
    return [
        {"kind": "LimitRange", "metadata": {"name": "r"}, "spec": {"limits": [{"type": "Container", **item}]}}
    ]


def refusal(ranges: list[Object], obj: Object) -> str:
    with pytest.raises(AdmissionError) as refused:
        limit_ranges.check(ranges, obj)
    assert (refused.value.code, refused.value.reason) == (403, "Forbidden")
    return refused.value.message


def test_containers_that_say_nothing_get_the_defaults_and_the_pod_a_note() -> None:
    ranges = limit_range(default={"cpu": "1", "memory": "1Gi"}, defaultRequest={"cpu": "500m"})
    given = pod({}, {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}})
    found = limit_ranges.applied(ranges, given)
    assert [each["resources"] for each in found["spec"]["containers"]] == [
        {"requests": {"cpu": "500m"}, "limits": {"cpu": "1", "memory": "1Gi"}},
        {"requests": {"cpu": "1"}, "limits": {"cpu": "2", "memory": "1Gi"}},
    ]
    assert found["metadata"]["annotations"][limit_ranges.NOTE] == (
        "LimitRanger plugin set: cpu request for container c0; cpu, memory limit for container c0; "
        "memory limit for container c1"
    )
    assert given["spec"]["containers"][0]["resources"] == {}, "what came in is not changed"


def test_a_pod_that_says_all_is_left_as_it_is() -> None:
    given = pod({"requests": {"cpu": "1"}, "limits": {"cpu": "1"}})
    assert (
        limit_ranges.applied(limit_range(default={"cpu": "2"}, defaultRequest={"cpu": "2"}), given) is given
    )


@pytest.mark.parametrize(
    ("item", "resources", "words"),
    [
        (
            {"max": {"cpu": "1"}},
            {"limits": {"cpu": "2"}},
            "maximum cpu usage per Container is 1, but limit is 2",
        ),
        ({"max": {"cpu": "1"}}, {}, "maximum cpu usage per Container is 1.  No limit is specified"),
        (
            {"max": {"cpu": "1"}},
            {"limits": {"cpu": "1"}, "requests": {"cpu": "1100m"}},
            "maximum cpu usage per Container is 1, but request is 1100m",
        ),
        (
            {"min": {"memory": "1Gi"}},
            {},
            "minimum memory usage per Container is 1Gi.  No request is specified",
        ),
        (
            {"min": {"memory": "1Gi"}},
            {"requests": {"memory": "1Mi"}},
            "minimum memory usage per Container is 1Gi, but request is 1Mi",
        ),
        (
            {"maxLimitRequestRatio": {"cpu": "2"}},
            {"requests": {"cpu": "1"}, "limits": {"cpu": "3"}},
            "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
        ),
        (
            {"maxLimitRequestRatio": {"cpu": "2"}},
            {"requests": {"cpu": "1"}},
            "cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0",
        ),
    ],
)
def test_too_little_and_too_much_are_refused(item: Object, resources: Object, words: str) -> None:
    assert refusal(limit_range(**item), pod(resources)) == f'pods "p" is forbidden: {words}'


def test_all_faults_of_a_range_are_told_together() -> None:
    words = refusal(
        limit_range(max={"cpu": "1", "memory": "1Gi"}), pod({"limits": {"cpu": "2", "memory": "2Gi"}})
    )
    assert words == (
        'pods "p" is forbidden: [maximum cpu usage per Container is 1, but limit is 2, '
        "maximum memory usage per Container is 1Gi, but limit is 2Gi]"
    )


def test_a_limit_on_pods_counts_all_containers_together() -> None:
    two = pod({"limits": {"cpu": "1"}}, {"limits": {"cpu": "1500m"}})
    assert refusal(limit_range(type="Pod", max={"cpu": "2"}), two).endswith(
        "maximum cpu usage per Pod is 2, but limit is 2500m"
    )


def test_a_limit_on_claims_is_about_what_they_request() -> None:
    claim = {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "n"},
        "spec": {"resources": {"requests": {"storage": "20Gi"}}},
    }
    ranges = limit_range(type="PersistentVolumeClaim", max={"storage": "10Gi"})
    assert refusal(ranges, claim) == (
        'persistentvolumeclaims "data" is forbidden: '
        "maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 20Gi"
    )
    limit_ranges.check(limit_range(max={"cpu": "1"}), claim)
