"""What of a retry a server would refuse."""

import pytest

from expander.base.errors import UsageError
from expander.group.retry.plan import (
    RetryCandidate,
    RetryPlan,
    RetrySelection,
    change,
    drop_invalid,
    escalate,
    plan_retry,
)
from expander.kube.objects import Object
from expander.run.escalation import Escalation
from tests.cli.groups import job

SCHEMA = {
    "type": "object",
    "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer", "maximum": 2}}}},
}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "renders.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "renders", "singular": "render", "kind": "Render", "listKind": "RenderList"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}],
    },
}


def candidate(size: int) -> RetryCandidate:
    tree = {
        "apiVersion": "example.com/v1",
        "kind": "Render",
        "metadata": {"name": f"set-{size}"},
        "spec": {"size": size},
    }
    return RetryCandidate(tree, "", tree)


def test_custom_resources_are_checked_by_the_definitions_that_are_given() -> None:
    plan = RetryPlan([candidate(1), candidate(3)])
    drop_invalid(plan)
    assert len(plan.candidates) == 2
    drop_invalid(plan, [DEFINITION])
    assert [each.tree["metadata"]["name"] for each in plan.candidates] == ["set-1"]
    assert [each.message for each in plan.skipped] == [
        "spec.size: Invalid value: 3: spec.size in body should be less than or equal to 2"
    ]


def test_a_field_is_given_one_value_by_whatever_path() -> None:
    tree = job("a")
    tree["metadata"].setdefault("annotations", {})
    change(tree, [("backoffLimit", "1"), ("spec.backoffLimit", "1")])
    told = "sets 'backoffLimit' twice, as backoffLimit and spec.backoffLimit: '1' and '2'"
    with pytest.raises(UsageError, match=told):
        change(tree, [("backoffLimit", "1"), ("spec.backoffLimit", "2")])


def killed(name: str, reason: str, *, uid: str) -> tuple[Object, Object]:
    """A failed Job, and its pod that ended for ``reason``."""
    limits = {"resources": {"limits": {"memory": "100Mi"}}}
    made = job(name, container=limits)
    made["metadata"] |= {"namespace": "default", "uid": uid}
    made["status"] = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}
    ended = {"terminated": {"exitCode": 137, "reason": reason}}
    owner = {"kind": "Job", "name": name, "uid": uid, "controller": True}
    pod = {
        "kind": "Pod",
        "metadata": {"name": f"{name}-x", "namespace": "default", "ownerReferences": [owner]},
        "spec": made["spec"]["template"]["spec"],
        "status": {"phase": "Failed", "containerStatuses": [{"name": "main", "state": ended}]},
    }
    return made, pod


def memory(tree: Object) -> str:
    found: str = tree["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]
    return found


def test_what_ran_out_of_memory_begins_with_more_and_the_rest_as_it_was() -> None:
    jobs, pods = zip(killed("a", "OOMKilled", uid="1"), killed("b", "Error", uid="2"), strict=True)
    policy = Escalation.parse("x2", None, ())
    assert policy is not None
    plan = plan_retry(jobs, RetrySelection())
    assert [each.change for each in escalate(plan, pods, policy)] == ["memory 200Mi"]
    assert [memory(each.tree) for each in plan.candidates] == ["200Mi", "100Mi"]
    changes = [("resources.limits.memory", "5Gi")]
    plan = plan_retry(jobs, RetrySelection(changes=changes))
    escalate(plan, pods, policy, changes)
    assert [memory(each.tree) for each in plan.candidates] == ["5Gi", "5Gi"]
