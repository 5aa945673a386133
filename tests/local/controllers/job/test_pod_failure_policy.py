"""Which failures a podFailurePolicy acts on."""

from __future__ import annotations

from typing import Any

import pytest

from expander.local.controllers.job.pod_failure_policy import Match, match
from tests.local.controllers.job.objects import Object, ask, indexed, make_job, make_pod, reason, types


def on_codes(action: str, *values: int, operator: str = "In", **more: Any) -> Object:
    return {"action": action, "onExitCodes": {"operator": operator, "values": list(values), **more}}


def on_conditions(action: str, *kinds: str) -> Object:
    return {"action": action, "onPodConditions": [{"type": kind, "status": "True"} for kind in kinds]}


def action(pod: Object, *rules: Object) -> str | None:
    return match({"rules": list(rules)}, pod).action


def test_the_first_rule_that_matches_wins() -> None:
    pod = make_pod("a", "Failed", code=42)
    assert action(pod, on_codes("Ignore", 1), on_codes("Count", 42), on_codes("FailJob", 42)) == "Count"
    assert match(None, pod) == match({"rules": [on_codes("Ignore", 1)]}, pod) == Match()


@pytest.mark.parametrize(
    ("code", "operator", "matches"), [(3, "In", True), (4, "In", False), (4, "NotIn", True)]
)
def test_exit_codes_are_in_the_values_or_not(code: int, operator: str, matches: bool) -> None:
    pod = make_pod("a", "Failed", code=code)
    assert (action(pod, on_codes("FailJob", 3, operator=operator)) == "FailJob") is matches


def test_a_container_that_ended_well_matches_no_rule() -> None:
    assert action(make_pod("a", "Failed", code=0), on_codes("FailJob", 3, operator="NotIn")) is None


def test_a_container_that_has_not_ended_matches_no_rule() -> None:
    assert action(make_pod("a", "Running"), on_codes("FailJob", 3, operator="NotIn")) is None


def test_a_rule_may_ask_for_one_container() -> None:
    pod = make_pod("a", "Failed", code=7)
    assert action(pod, on_codes("FailJob", 7, containerName="main")) == "FailJob"
    assert action(pod, on_codes("FailJob", 7, containerName="side")) is None


def test_init_containers_come_after_containers() -> None:
    pod = make_pod("a", "Failed", code=7)
    failed = {"name": "setup", "state": {"terminated": {"exitCode": 7}}}
    pod["status"]["initContainerStatuses"] = [failed]
    assert match({"rules": [on_codes("FailJob", 7)]}, pod).message == (
        "Container main for pod default/a failed with exit code 7 matching FailJob rule at index 0"
    )
    pod["status"]["containerStatuses"] = []
    assert "Container setup" in match({"rules": [on_codes("FailJob", 7)]}, pod).message


def test_a_condition_matches_with_its_status() -> None:
    pod = make_pod("a", "Failed", conditions=("DisruptionTarget",))
    assert action(pod, on_conditions("Ignore", "Other", "DisruptionTarget")) == "Ignore"
    pod["status"]["conditions"][0]["status"] = "False"
    assert action(pod, on_conditions("Ignore", "DisruptionTarget")) is None


def test_fail_job_ends_the_job_with_the_pod_s_message() -> None:
    job = make_job({}, podFailurePolicy={"rules": [on_conditions("FailJob", "ConfigIssue")]}, parallelism=2)
    decision = ask(job, make_pod("a", "Failed", conditions=("ConfigIssue",)), make_pod("b"))
    assert types(decision) == ["FailureTarget"]
    assert decision.status["conditions"][0]["message"] == (
        "Pod default/a has condition ConfigIssue matching FailJob rule at index 0"
    )
    assert decision.delete == ["b"]
    assert decision.status["failed"] == 2


def test_an_ignored_failure_is_not_counted_but_waited_for() -> None:
    job = make_job({}, backoffLimit=0, podFailurePolicy={"rules": [on_codes("Ignore", 5)]})
    decision = ask(job, make_pod("a", "Failed", code=5))
    assert "failed" not in decision.status
    assert types(decision) == []
    assert (decision.create, decision.release) == ([], ["a"])
    assert decision.again_at is not None


def test_a_deleted_pod_is_judged_only_when_it_has_failed() -> None:
    job = make_job({}, backoffLimit=0, podFailurePolicy={"rules": [on_codes("FailJob", 143)]})
    running = ask(job, make_pod("a", deleted=True))
    assert (types(running), running.create, running.status["terminating"]) == ([], [], 1)
    ended = ask(job, make_pod("a", "Failed", code=143, deleted=True))
    assert (types(ended), reason(ended)) == (["FailureTarget", "Failed"], "PodFailurePolicy")


def test_fail_index_gives_up_the_index_at_once() -> None:
    policy = {"rules": [on_codes("FailIndex", 5)]}
    job = indexed({}, completions=2, parallelism=2, backoffLimitPerIndex=3, podFailurePolicy=policy)
    decision = ask(job, make_pod("a", "Failed", code=5, index=0), make_pod("b", index=1))
    assert decision.status["failedIndexes"] == "0"
    assert (decision.create, decision.release) == ([], ["a"])
