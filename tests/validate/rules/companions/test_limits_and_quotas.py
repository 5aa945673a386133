"""LimitRanges and ResourceQuotas, by the rules of pkg/apis/core/validation."""

from __future__ import annotations

import pytest

from tests.validate.rules.companions.probing import wrong


def limits(*items: str) -> str:
    return "spec: {limits: [" + ", ".join(f"{{{item}}}" for item in items) + "]}"


LIMITS: list[tuple[str, list[str]]] = [
    (limits("type: Container, max: {cpu: 2}, min: {cpu: 1}"), []),
    (
        limits("type: Container, max: {cpu: 1}, min: {cpu: 2}"),
        [
            'spec.limits[0].default[cpu]: Invalid value: "2": min value 2 is greater than default value 1',
            'spec.limits[0].defaultRequest[cpu]: Invalid value: "1": min value 2 is greater than default request',
            'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
        ],
    ),
    (
        limits("type: Pod, max: {cpu: 1}, min: {cpu: 2}"),
        ['spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1'],
    ),
    (
        limits("type: Pod, default: {cpu: 1}, defaultRequest: {cpu: 1}"),
        [
            "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
            "spec.limits[0].defaultRequest: Forbidden: may not be specified when `type` is 'Pod'",
        ],
    ),
    (
        limits("type: Pod, max: {cpu: 1}", "type: Pod, max: {memory: 1}"),
        ['spec.limits[1].type: Duplicate value: "Pod"'],
    ),
    (
        limits("type: Node, max: {cpu: 1}"),
        ['spec.limits[0].type: Invalid value: "Node": must be a standard limit type or fully qualified'],
    ),
    (limits("type: example.com/thing, max: {cpu: 1}"), []),
    (limits("max: {cpu: 1}"), ['spec.limits[0].type: Invalid value: ""'] * 2),
    (
        limits("type: PersistentVolumeClaim, max: {cpu: 1}"),
        ["spec.limits[0].limits: Required value: either minimum or maximum storage value is required"],
    ),
    (limits("type: PersistentVolumeClaim, min: {storage: 1Gi}"), []),
    (
        limits("type: PersistentVolumeClaim, min: {storage: 2Gi}, max: {storage: 1Gi}"),
        ['spec.limits[0].min[storage]: Invalid value: "2Gi": min value 2Gi is greater than max value 1Gi'],
    ),
    (
        limits("type: Container, max: {storage: 1}"),
        [
            'spec.limits[0].default[storage]: Invalid value: "storage": must be a standard resource for containers',
            'spec.limits[0].defaultRequest[storage]: Invalid value: "storage": must be a standard resource',
            'spec.limits[0].max[storage]: Invalid value: "storage": must be a standard resource for containers',
        ],
    ),
    (
        limits("type: Pod, max: {gpu: 1}"),
        [
            'spec.limits[0].max[gpu]: Invalid value: "gpu": must be a standard resource for containers',
            'spec.limits[0].max[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
        ],
    ),
    (
        limits("type: Container, default: {cpu: 1}, defaultRequest: {cpu: 2}"),
        [
            'spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than default '
            "limit value 1"
        ],
    ),
    (
        limits("type: Container, max: {cpu: 1}, default: {cpu: 2}"),
        [
            'spec.limits[0].default[cpu]: Invalid value: "1": default value 2 is greater than max value 1',
            'spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than max',
        ],
    ),
    (
        limits("type: Container, max: {cpu: 1}, defaultRequest: {cpu: 2}"),
        [
            'spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than default',
            'spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than max',
        ],
    ),
    (
        limits("type: Container, min: {cpu: 2}, defaultRequest: {cpu: 1}"),
        [
            'spec.limits[0].defaultRequest[cpu]: Invalid value: "1": min value 2 is greater than default request value'
        ],
    ),
    (
        limits("type: Pod, maxLimitRequestRatio: {cpu: 500m}"),
        ['spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1'],
    ),
    (
        limits("type: Pod, min: {cpu: 1}, max: {cpu: 2}, maxLimitRequestRatio: {cpu: 3}"),
        [
            'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = '
            "2.000000"
        ],
    ),
    (limits("type: Pod, min: {cpu: 1}, max: {cpu: 2}, maxLimitRequestRatio: {cpu: 2}"), []),
    (
        limits("type: Container, default: {example.com/gpu: 2}, defaultRequest: {example.com/gpu: 1}"),
        [
            'spec.limits[0].defaultRequest[example.com/gpu]: Invalid value: "1": default value 2 must equal to '
            "defaultRequest value 1 in example.com/gpu"
        ],
    ),
    ("metadata: {name: A}, spec: {limits: []}", ['metadata.name: Invalid value: "A"']),
    ("spec: {}", []),
]


def quota(hard: str, rest: str = "") -> str:
    return f"spec: {{hard: {{{hard}}}{rest}}}"


def selector(*expressions: str) -> str:
    joined = ", ".join(f"{{{each}}}" for each in expressions)
    return f", scopeSelector: {{matchExpressions: [{joined}]}}"


AT = "spec.scopeSelector.matchExpressions"

QUOTAS: list[tuple[str, list[str]]] = [
    (quota("pods: 4, cpu: 500m, count/jobs.batch: 3, requests.nvidia.com/gpu: 1, hugepages-2Mi: 4Mi"), []),
    (
        quota("jobs: 4"),
        [
            'spec.hard[jobs]: Invalid value: "jobs": must be a standard resource for quota',
            'spec.hard[jobs]: Invalid value: "jobs": must be a standard resource type or fully qualified',
        ],
    ),
    (
        quota("storage: 1Gi"),
        ['spec.hard[storage]: Invalid value: "storage": must be a standard resource for quota'],
    ),
    (quota("a/b/c: 1"), ['spec.hard[a/b/c]: Invalid value: "a/b/c": a qualified name']),
    (quota("pods: 1500m"), ['spec.hard[pods]: Invalid value: "1500m": must be an integer']),
    (
        quota("count/jobs.batch: 1500m"),
        ['spec.hard[count/jobs.batch]: Invalid value: "1500m": must be an integer'],
    ),
    (quota("cpu: -1"), ['spec.hard[cpu]: Invalid value: "-1": must be greater than or equal to 0']),
    (quota("requests.example.com/gpu: 500m"), []),
    (quota("pods: 1", ", scopes: [BestEffort]"), []),
    (
        quota("pods: 1, cpu: 1", ", scopes: [BestEffort]"),
        ['spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource'],
    ),
    (quota("pods: 1, cpu: 1", ", scopes: [NotBestEffort, Terminating]"), []),
    (
        quota("services: 1", ", scopes: [Terminating]"),
        ['spec.scopes: Invalid value: ["Terminating"]: unsupported scope applied to resource'],
    ),
    (quota("count/jobs.batch: 1", ", scopes: [Terminating]"), []),
    (quota("", ", scopes: [Other]"), ['spec.scopes: Invalid value: ["Other"]: unsupported scope']),
    (
        quota("", ", scopes: [Terminating, NotTerminating]"),
        ['spec.scopes: Invalid value: ["Terminating","NotTerminating"]: conflicting scopes'],
    ),
    (quota("pods: 1", selector("scopeName: PriorityClass, operator: In, values: [high]")), []),
    (
        quota("pods: 1", selector("scopeName: PriorityClass, operator: In")),
        [
            f"{AT}.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope"
        ],
    ),
    (
        quota("pods: 1", selector("scopeName: PriorityClass, operator: Exists, values: [a]")),
        [f"{AT}.values: Invalid value: [\"a\"]: must be no value when `operator` is 'Exist' or"],
    ),
    (
        quota("pods: 1", selector("scopeName: PriorityClass, operator: Like")),
        [f'{AT}.operator: Invalid value: "Like": not a valid selector operator'],
    ),
    (
        quota("pods: 1", selector("scopeName: Terminating, operator: DoesNotExist")),
        [f"{AT}.operator: Invalid value: \"DoesNotExist\": must be 'Exists' when scope is any of"],
    ),
    (
        quota("pods: 1", selector("scopeName: Other, operator: Exists")),
        [f'{AT}.scopeName: Invalid value: "Other": unsupported scope'],
    ),
    (
        quota("services: 1", selector("scopeName: BestEffort, operator: Exists")),
        [
            f'{AT}: Invalid value: {{"MatchExpressions":[{{"ScopeName":"BestEffort","Operator":"Exists",'
            '"Values":null}]}: unsupported scope applied to resource'
        ],
    ),
    (
        quota(
            "pods: 1",
            selector("scopeName: BestEffort, operator: Exists", "scopeName: NotBestEffort, operator: Exists"),
        ),
        [f"{AT}: Invalid value: null: conflicting scopes"],
    ),
    (
        quota("requests.storage: 1", selector("scopeName: VolumeAttributesClass, operator: In, values: [a]")),
        [],
    ),
    (
        quota("pods: 1", selector("scopeName: VolumeAttributesClass, operator: In, values: [a]")),
        [f"{AT}: Invalid value: {{"],
    ),
]


@pytest.mark.parametrize(("fields", "causes"), LIMITS)
def test_limit_ranges(fields: str, causes: list[str]) -> None:
    assert not wrong("LimitRange", fields, causes)


@pytest.mark.parametrize(("fields", "causes"), QUOTAS)
def test_resource_quotas(fields: str, causes: list[str]) -> None:
    assert not wrong("ResourceQuota", fields, causes)
