"""Statuses of Jobs that clients write: what they may be, and what is never taken back."""

from typing import Any

import pytest

from expander.validate.rules.batch.job_status import check_job_status

START, END = "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"
COMPLETE = {
    "conditions": [{"type": each, "status": "True"} for each in ("SuccessCriteriaMet", "Complete")],
    "startTime": START,
    "completionTime": END,
    "succeeded": 2,
}
FAILED = {
    "conditions": [{"type": each, "status": "True"} for each in ("FailureTarget", "Failed")],
    "startTime": START,
    "failed": 2,
}
INDEXED = {"completionMode": "Indexed", "completions": 5, "parallelism": 2}
PER_INDEX = {**INDEXED, "backoffLimitPerIndex": 1}


def said(new: dict[str, Any], old: dict[str, Any] | None = None, **spec: Any) -> list[str]:
    spec = {"completions": 2, "parallelism": 1, "completionMode": "NonIndexed", **spec}
    found = check_job_status({"spec": spec, "status": new}, {"spec": spec, "status": old or {}})
    return [str(each) for each in found]


def conditions(*types: str) -> list[dict[str, str]]:
    return [{"type": each, "status": "True"} for each in types]


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ({}, {}),
        ({"active": 2, "ready": 1, "startTime": START}, {}),
        (COMPLETE, {"active": 2, "startTime": START}),
        (FAILED, {"failed": 1, "startTime": START}),
        ({**COMPLETE, "ready": 0, "terminating": 0, "uncountedTerminatedPods": {}}, COMPLETE),
        (
            COMPLETE | {"conditions": conditions("Complete")},
            COMPLETE | {"conditions": conditions("Complete")},
        ),
    ],
)
def test_what_the_controller_writes_is_taken(new: dict[str, Any], old: dict[str, Any]) -> None:
    assert said(new, old) == []


@pytest.mark.parametrize(
    ("new", "old", "spec", "expected"),
    [
        ({"active": -1}, {}, {}, ["status.active: Invalid value: -1: must be greater than or equal to 0"]),
        (
            {"uncountedTerminatedPods": {"succeeded": ["a", ""], "failed": ["a"]}},
            {},
            {},
            [
                'status.uncountedTerminatedPods.succeeded[1]: Invalid value: "": must not be empty',
                'status.uncountedTerminatedPods.failed[0]: Duplicate value: "a"',
            ],
        ),
        (
            {**COMPLETE, "conditions": conditions("Complete")},
            {},
            {},
            [
                "status.conditions: Invalid value: cannot set Complete=True condition without the "
                "SuccessCriteriaMet=true condition"
            ],
        ),
        (
            {"conditions": conditions("Failed"), "startTime": START},
            {},
            {},
            [
                "status.conditions: Invalid value: cannot set Failed=True condition without the "
                "FailureTarget=true condition"
            ],
        ),
        (
            {"conditions": conditions("SuccessCriteriaMet", "Complete")},
            {},
            {},
            [
                "status.completionTime: Required value: completionTime is required for Complete jobs",
                "status.startTime: Required value: startTime is required for finished job",
            ],
        ),
        (
            {"startTime": START, "completionTime": END},
            {"startTime": START},
            {},
            [
                f'status.completionTime: Invalid value: "{END}": cannot set completionTime when there is no '
                "Complete=True condition"
            ],
        ),
        (
            {**COMPLETE, "startTime": END, "completionTime": START},
            {},
            {},
            [
                f'status.completionTime: Invalid value: "{START}": completionTime cannot be set before startTime'
            ],
        ),
        (
            {**COMPLETE, "active": 1, "terminating": 2},
            {},
            {},
            [
                "status.active: Invalid value: 1: active>0 is invalid for finished job",
                "status.terminating: Invalid value: 2: terminating>0 is invalid for finished job",
            ],
        ),
        (
            {**FAILED, "uncountedTerminatedPods": {"failed": ["a"]}},
            {},
            {},
            [
                'status.uncountedTerminatedPods: Invalid value: {"Succeeded":null,"Failed":["a"]}: '
                "uncountedTerminatedPods needs to be empty for finished job"
            ],
        ),
        (
            {"active": 1, "ready": 2},
            {},
            {},
            ["status.ready: Invalid value: 2: cannot set more ready pods than active"],
        ),
        (
            {"completedIndexes": "1"},
            {},
            {},
            [
                'status.completedIndexes: Invalid value: "1": cannot set non-empty completedIndexes when '
                "non-indexed completion mode"
            ],
        ),
        (
            {"completedIndexes": "3,1"},
            {},
            INDEXED,
            [
                'status.completedIndexes: Invalid value: "3,1": error parsing completedIndexes: '
                "non-increasing order, previous: 3, current: 1"
            ],
        ),
        (
            {"failedIndexes": "1"},
            {},
            INDEXED,
            [
                'status.failedIndexes: Invalid value: "1": cannot set non-null failedIndexes when '
                "backoffLimitPerIndex is null"
            ],
        ),
        (
            {"completedIndexes": "0,2-4", "failedIndexes": "1,3"},
            {},
            PER_INDEX,
            [
                'status.failedIndexes: Invalid value: "1,3": failedIndexes and completedIndexes overlap at '
                "index: 3"
            ],
        ),
        (
            {**COMPLETE, "succeeded": 1},
            COMPLETE,
            {},
            ["status.succeeded: Invalid value: 1: cannot decrease the succeeded counter"],
        ),
        ({**COMPLETE, "succeeded": 1}, COMPLETE, {**INDEXED, "parallelism": 5}, []),
        (
            {**FAILED, "failed": 1},
            FAILED,
            {},
            ["status.failed: Invalid value: 1: cannot decrease the failed counter"],
        ),
        (
            {**FAILED, "conditions": []},
            FAILED,
            {},
            [
                "status.conditions: Invalid value: cannot disable the terminal Failed=True condition",
                "status.conditions: Invalid value: cannot disable the terminal FailureTarget=True condition",
            ],
        ),
        ({}, {"startTime": START}, {"suspend": True}, []),
        (
            {},
            {"startTime": START},
            {},
            ["status.startTime: Required value: startTime cannot be removed for unsuspended job"],
        ),
    ],
)
def test_what_cannot_be_is_refused(
    new: dict[str, Any], old: dict[str, Any], spec: dict[str, Any], expected: list[str]
) -> None:
    assert said(new, old, **spec) == expected
