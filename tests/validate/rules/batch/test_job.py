"""The spec of a Job: counts, completion modes, managedBy, replacement and restart policies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Check = Callable[..., list[tuple[str, str]]]


@pytest.mark.parametrize(
    "field",
    ["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"],
)
def test_a_count_is_not_negative(in_job: Check, field: str) -> None:
    assert in_job(**{field: 0}) == []
    assert in_job(**{field: -1}) == [(field, "Invalid value: -1: must be greater than or equal to 0")]


def test_an_indexed_job_says_how_many_indexes_it_has(in_job: Check) -> None:
    assert in_job(completionMode="Indexed", parallelism=1) == [
        ("completions", "Required value: when completion mode is Indexed")
    ]


def test_limits_per_index_need_indexes(in_job: Check) -> None:
    assert in_job(backoffLimitPerIndex=1, maxFailedIndexes=1) == [
        ("backoffLimitPerIndex", "Invalid value: 1: requires indexed completion mode"),
        ("maxFailedIndexes", "Invalid value: 1: requires indexed completion mode"),
    ]


def test_a_limit_on_failed_indexes_needs_one_per_index(in_job: Check) -> None:
    assert in_job(completionMode="Indexed", completions=2, maxFailedIndexes=3) == [
        ("backoffLimitPerIndex", "Required value: when maxFailedIndexes is specified"),
        ("maxFailedIndexes", "Invalid value: 3: must be less than or equal to completions"),
    ]


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"parallelism": 100_001, "completions": 5}, "parallelism"),
        ({"completions": 200_000, "backoffLimitPerIndex": 1}, "maxFailedIndexes"),
        (
            {"completions": 200_000, "backoffLimitPerIndex": 1, "maxFailedIndexes": 10_001},
            "maxFailedIndexes",
        ),
        (
            {
                "completions": 200_000,
                "backoffLimitPerIndex": 1,
                "maxFailedIndexes": 10_000,
                "parallelism": 10_001,
            },
            "parallelism",
        ),
    ],
)
def test_large_indexed_jobs_have_limits(in_job: Check, spec: dict[str, Any], path: str) -> None:
    assert [found for found, _ in in_job(completionMode="Indexed", **spec)] == [path]


def test_many_completions_alone_are_fine(in_job: Check) -> None:
    spec = {"completionMode": "Indexed", "completions": 2_000_000, "parallelism": 100_000}
    assert in_job(**spec) == []


def test_a_completion_mode_is_one_of_two(in_job: Check) -> None:
    assert in_job(completionMode="indexed", completions=1) == [
        ("completionMode", 'Unsupported value: "indexed": supported values: "NonIndexed", "Indexed"')
    ]


def test_the_last_pod_of_an_indexed_job_has_a_host_name(in_job: Check) -> None:
    spec: dict[str, Any] = {"completionMode": "Indexed", "completions": 11}
    assert in_job(metadata={"name": "a" * 60}, **spec) == []
    assert [message for _, message in in_job(metadata={"name": "a.b"}, **spec)] == [
        'Invalid value: "a.b": will not able to create pod with invalid DNS label: a.b-10'
    ]
    assert [path for path, _ in in_job(metadata={"name": "a" * 61}, **spec)] == ["metadata.name"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "Required value"),
        ("me", 'Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")'),
        (
            "acme.io/a b",
            'Invalid value: "a b": Invalid path (regex used for validation is '
            r"'[A-Za-z0-9/\-._~%!$&'()*+,;=:]+')",
        ),
        ("acme.io/" + "x" * 56, "Too long: may not be more than 63 bytes"),
    ],
)
def test_the_manager_of_a_job_is_a_path_below_a_domain(in_job: Check, value: str, message: str) -> None:
    assert in_job(managedBy="acme.io/queue") == []
    assert in_job(managedBy=value) == [("managedBy", message)]


def test_a_domain_of_a_manager_is_a_domain(in_job: Check) -> None:
    assert [message[:24] for _, message in in_job(managedBy="ACME/x")] == ['Invalid value: "ACME": a']


def test_pods_are_replaced_only_once_failed_under_a_failure_policy(in_job: Check) -> None:
    rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
    assert in_job(podReplacementPolicy="TerminatingOrFailed") == []
    assert in_job(podReplacementPolicy="TerminatingOrFailed", podFailurePolicy={"rules": [rule]}) == [
        ("podReplacementPolicy", 'Unsupported value: "TerminatingOrFailed": supported values: "Failed"')
    ]


@pytest.mark.parametrize(
    ("policy", "messages"),
    [
        (None, ['Required value: valid values: "OnFailure", "Never"']),
        ("Always", ['Required value: valid values: "OnFailure", "Never"']),
        (
            "never",
            [
                'Unsupported value: "never": supported values: "Always", "OnFailure", "Never"',
                'Unsupported value: "never": supported values: "OnFailure", "Never"',
            ],
        ),
        ("OnFailure", []),
    ],
)
def test_the_pods_of_a_job_end(in_job: Check, policy: str | None, messages: list[str]) -> None:
    pod: dict[str, Any] = {"containers": [{"name": "c", "image": "i"}]}
    if policy is not None:
        pod["restartPolicy"] = policy
    assert in_job(template={"spec": pod}) == [("template.spec.restartPolicy", text) for text in messages]


def test_containers_are_not_restarted_under_a_failure_policy(in_job: Check) -> None:
    pod = {"restartPolicy": "OnFailure", "containers": [{"name": "c", "image": "i"}]}
    assert in_job(template={"spec": pod}, podFailurePolicy={"rules": []}) == [
        (
            "template.spec.restartPolicy",
            'Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified',
        )
    ]


def test_an_empty_job_lacks_what_every_job_needs(in_job: Check) -> None:
    assert in_job(metadata={}, template={}) == [
        ("metadata.name", "Required value: name or generateName is required"),
        ("template.spec.containers", "Required value"),
        ("template.spec.restartPolicy", 'Required value: valid values: "OnFailure", "Never"'),
    ]
