"""podFailurePolicy and successPolicy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from expander.validate.rules.batch.job_policies import count_indexes

Check = Callable[..., list[tuple[str, str]]]
CODES = {"operator": "In", "values": [1]}


def failure(in_job: Check, *rules: Any, **spec: Any) -> list[tuple[str, str]]:
    found = in_job(podFailurePolicy={"rules": list(rules)}, **spec)
    return [(path.removeprefix("podFailurePolicy.rules"), message) for path, message in found]


def success(in_job: Check, *rules: Any, **spec: Any) -> list[tuple[str, str]]:
    given = {"completionMode": "Indexed", "completions": 5, **spec}
    found = in_job(successPolicy={"rules": list(rules)}, **given)
    return [(path.removeprefix("successPolicy.rules"), message) for path, message in found]


def test_an_action_is_one_of_four(in_job: Check) -> None:
    assert failure(in_job, {"onExitCodes": CODES}, {"action": "Stop", "onExitCodes": CODES}) == [
        ("[0].action", 'Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]'),
        (
            "[1].action",
            'Unsupported value: "Stop": supported values: "Count", "FailIndex", "FailJob", "Ignore"',
        ),
    ]


def test_an_index_fails_only_where_indexes_have_a_limit(in_job: Check) -> None:
    rule = {"action": "FailIndex", "onExitCodes": CODES}
    assert failure(in_job, rule) == [
        ("[0].action", 'Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set')
    ]
    assert failure(in_job, rule, completionMode="Indexed", completions=1, backoffLimitPerIndex=0) == []


def test_a_rule_looks_at_exit_codes_or_at_conditions(in_job: Check) -> None:
    conditions = [{"type": "DisruptionTarget"}]
    both = {"action": "Ignore", "onExitCodes": CODES, "onPodConditions": conditions}
    assert failure(in_job, both, {"action": "Ignore", "onPodConditions": []}) == [
        ("[0]", "Invalid value: specifying both OnExitCodes and OnPodConditions is not supported"),
        ("[1]", "Invalid value: specifying one of OnExitCodes and OnPodConditions is required"),
    ]


@pytest.mark.parametrize(
    ("requirement", "found"),
    [
        ({"values": [1]}, [("operator", 'Required value: valid values: ["In" "NotIn"]')]),
        (
            {"operator": "Out", "values": [1]},
            [("operator", 'Unsupported value: "Out": supported values: "In", "NotIn"')],
        ),
        ({"operator": "In"}, [("values", "Invalid value: null: at least one value is required")]),
        (
            {"operator": "In", "values": [0]},
            [("values[0]", "Invalid value: 0: must not be 0 for the In operator")],
        ),
        ({"operator": "NotIn", "values": [0]}, []),
        (
            {"operator": "In", "values": [2, 1, 2]},
            [("values[2]", "Duplicate value: 2"), ("values", "Invalid value: [2,1,2]: must be ordered")],
        ),
        (
            {"operator": "In", "values": list(range(1, 257))},
            [("values", "Too many: 256: must have at most 255 items")],
        ),
        (
            {**CODES, "containerName": "other"},
            [
                (
                    "containerName",
                    'Invalid value: "other": must be one of the container or initContainer names in the pod template',
                )
            ],
        ),
    ],
)
def test_exit_codes(in_job: Check, requirement: dict[str, Any], found: list[tuple[str, str]]) -> None:
    rule = {"action": "Count", "onExitCodes": requirement}
    assert failure(in_job, rule) == [(f"[0].onExitCodes.{path}", text) for path, text in found]


def test_exit_codes_may_be_those_of_an_init_container(in_job: Check) -> None:
    container = {"name": "main", "image": "i"}
    pod = {
        "restartPolicy": "Never",
        "containers": [container],
        "initContainers": [{**container, "name": "first"}],
    }
    rule = {"action": "Count", "onExitCodes": {**CODES, "containerName": "first"}}
    assert failure(in_job, rule, template={"spec": pod}) == []


def test_a_condition_is_named_and_has_one_of_three_statuses(in_job: Check) -> None:
    patterns = [{"type": "a/b"}, {"type": "a", "status": "Maybe"}, {"type": "-"}]
    rule = {"action": "Ignore", "onPodConditions": patterns}
    assert [path for path, _ in failure(in_job, rule)] == [
        "[0].onPodConditions[1].status",
        "[0].onPodConditions[2].type",
    ]


def test_rules_and_patterns_have_a_greatest_number(in_job: Check) -> None:
    rule = {"action": "Ignore", "onPodConditions": [{"type": "a"}] * 21}
    assert failure(in_job, *[rule] * 21)[0] == ("", "Too many: 21: must have at most 20 items")
    assert failure(in_job, rule) == [("[0].onPodConditions", "Too many: 21: must have at most 20 items")]


def test_a_success_policy_needs_indexes(in_job: Check) -> None:
    assert in_job(successPolicy={"rules": [{"succeededCount": 1}]}) == [
        (
            "successPolicy",
            'Invalid value: {"Rules":[{"SucceededIndexes":null,"SucceededCount":1}]}: '
            "requires indexed completion mode",
        )
    ]


def test_a_success_policy_without_completions_is_refused_for_lack_of_them(in_job: Check) -> None:
    rules = [{"succeededCount": 1, "succeededIndexes": "0"}]
    assert in_job(completionMode="Indexed", parallelism=1, successPolicy={"rules": rules}) == [
        ("completions", "Required value: when completion mode is Indexed")
    ]


def test_a_success_policy_has_one_to_twenty_rules(in_job: Check) -> None:
    assert success(in_job) == [
        ("", "Required value: at least one rules must be specified when the successPolicy is specified")
    ]
    assert success(in_job, *[{"succeededCount": 1}] * 21) == [
        ("", "Too many: 21: must have at most 20 items")
    ]


def test_a_success_rule_says_which_or_how_many(in_job: Check) -> None:
    assert success(in_job, {}) == [
        ("[0]", "Required value: at least one of succeededCount or succeededIndexes must be specified")
    ]


def test_no_more_indexes_succeed_than_there_are(in_job: Check) -> None:
    assert success(in_job, {"succeededCount": 6}, {"succeededCount": 3, "succeededIndexes": "0,2"}) == [
        (
            "[0].succeededCount",
            "Invalid value: 6: must be less than or equal to 5 (the number of specified completions)",
        ),
        (
            "[1].succeededCount",
            "Invalid value: 3: must be less than or equal to 2 "
            "(the number of indexes in the specified succeededIndexes field)",
        ),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", 'cannot convert string to integer for index: "x"'),
        ("1,", 'cannot convert string to integer for index: ""'),
        ("-1", 'cannot convert string to integer for index: ""'),
        ("5", 'too large index: "5"'),
        ("1-9", 'too large index: "9"'),
        ("3-1", "non-increasing order, previous: 3, current: 1"),
        ("1,1", "non-increasing order, previous: 1, current: 1"),
        (
            "1-2-3",
            'the fragment "1-2-3" violates the requirement that an index interval '
            "can have at most two parts separated by '-'",
        ),
    ],
)
def test_malformed_indexes(in_job: Check, text: str, message: str) -> None:
    assert success(in_job, {"succeededIndexes": text}) == [
        ("[0].succeededIndexes", f'Invalid value: "{text}": error parsing succeededIndexes: {message}')
    ]


def test_indexes_are_counted_and_the_list_may_not_be_endless(in_job: Check) -> None:
    assert count_indexes("0,2-4", 5) == 4
    assert count_indexes("", 5) == 0
    assert success(in_job, {"succeededIndexes": "1" * 65537})[0] == (
        "[0].succeededIndexes",
        "Too long: may not be more than 65536 bytes",
    )
