"""When a successPolicy is met."""

from __future__ import annotations

import pytest

from expander.kube import index_sets
from expander.local.controllers.job import success_policy
from tests.local.controllers.job.objects import Object, ask, indexed, make_pod, types


@pytest.mark.parametrize(
    ("rules", "done", "met"),
    [
        ([{"succeededCount": 2}], {0, 4}, 0),
        ([{"succeededCount": 3}], {0, 4}, None),
        ([{"succeededIndexes": "0-2"}], {0, 1}, None),
        ([{"succeededIndexes": "0-2"}], {0, 1, 2}, 0),
        ([{"succeededIndexes": "0-2", "succeededCount": 2}], {0, 2, 4}, 0),
        ([{"succeededIndexes": "0"}, {"succeededIndexes": "3,4"}], {3, 4}, 1),
        ([{"succeededIndexes": "0,9"}], {0}, 0),
        ([{"succeededIndexes": "9"}], {0}, None),
        ([{"succeededCount": 1}], set(), None),
    ],
)
def test_the_first_rule_that_is_met_counts(rules: list[Object], done: set[int], met: int | None) -> None:
    verdict = success_policy.match({"rules": rules}, 5, index_sets.of(done))
    assert (None if verdict is None else verdict.message) == (
        None if met is None else f"Matched rules at index {met}"
    )


def test_the_pods_that_still_run_are_deleted_and_not_counted() -> None:
    job = indexed({}, completions=3, parallelism=3, successPolicy={"rules": [{"succeededIndexes": "1"}]})
    pods = [make_pod("a", index=0), make_pod("b", "Succeeded", index=1), make_pod("c", index=2)]
    decision = ask(job, *pods)
    assert (types(decision), decision.delete) == (["SuccessCriteriaMet"], ["a", "c"])
    assert sorted(decision.release) == ["a", "b", "c"]
    assert (decision.status["completedIndexes"], decision.status["terminating"]) == ("1", 2)
    assert "failed" not in decision.status
    last = ask({**job, "status": decision.status})
    assert types(last) == ["SuccessCriteriaMet", "Complete"]
    assert [each["reason"] for each in last.status["conditions"]] == ["SuccessPolicy"] * 2
