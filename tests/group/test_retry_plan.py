"""What of a retry a server would refuse."""

from expander.group.retry_plan import RetryCandidate, RetryPlan, drop_invalid

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
