"""Policies cost once per shape: what a batch is told is what each of its manifests is told alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expander.manifests.manifest import Manifest
from expander.render.compiled import RenderedBlock, RenderedManifest
from expander.validate.check import check
from expander.validate.policies.case import Case
from expander.validate.policies.once import Leaves, ReviewOncePerTemplate
from expander.validate.policies.policy import Policy
from expander.validate.policies.policy_set import Policies
from expander.validate.policies.review import Review
from tests.render.batch import results
from tests.validate.policies.samples import PODS, binding, limited, loaded, namespace, policy, review
from tests.validate.test_template_cache import FIELDS, VALUES, template

EXPRESSIONS = [
    "object.metadata.name.startsWith('j-a')",
    "object.spec.parallelism <= 3",
    "!has(object.spec.completions) || object.spec.completions < 4",
    "object.spec.template.spec.containers.all(c, c.image.contains('b') && c.imagePullPolicy == 'Always')",
    "object.spec.template.spec.containers[0].command[0] == 'x' || object.spec.parallelism == 1",
    "object.metadata.?labels.?free.orValue('a') == 'a'",
    "object.metadata.annotations.size() < 3",
    "object.spec.template.spec.containers.exists(c, c.?env.orValue([]).exists(e, e.value == '1'))",
    "request.name != 'j-b'",
    "object.spec.template.spec.?serviceAccountName.orValue('') == ''",
    "object.spec.template.metadata == object.metadata",
    "request.userInfo.username == object.metadata.name",
]
MESSAGES = [
    "'name ' + object.metadata.name",
    "'image ' + object.spec.template.spec.containers[0].image",
    None,
]


def case_of(policies: Policies, tree: Mapping[str, Any], leaves: Leaves) -> Case:
    return Case(policies, tree, leaves=leaves)


def told(review: Review) -> Any:
    charges = [(each.quota, {k: str(v) for k, v in each.amounts.items()}) for each in review.charges]
    return [*map(str, review.findings)], [*map(str, review.warnings)], charges


@settings(max_examples=120)
@given(
    st.lists(st.sampled_from(sorted(FIELDS)), unique=True, max_size=5),
    st.lists(st.sampled_from(VALUES), min_size=1, max_size=6, unique=True),
    st.lists(st.sampled_from(EXPRESSIONS), min_size=1, max_size=3, unique=True),
    st.sampled_from(MESSAGES),
    st.booleans(),
)
def test_a_batch_is_told_what_each_manifest_is_told(
    fields: list[str], values: list[str], expressions: list[str], message: str | None, of_pods: bool
) -> None:
    validations = [
        {"expression": each, **({"messageExpression": message} if message else {})} for each in expressions
    ]
    rules: dict[str, Any] = {"rules": (PODS,)} if of_pods else {}
    quota = limited("ResourceQuota", hard={"pods": "5", "count/jobs.batch": "3", "limits.cpu": "1"})
    policies = loaded(policy(*validations, **rules), binding(), namespace(enforce="baseline"), quota)
    once, in_blocks = (ReviewOncePerTemplate(partial(case_of, policies), lambda _: False) for _ in range(2))
    made = results(template(fields, "$ITEM"), *values)
    good = [each for each in made if isinstance(each, Manifest) and check(each.tree) == []]
    expected = [told(review(each.tree, policies)) for each in good]
    assert [told(once(each)[0]) for each in good] == expected
    if isinstance(made, RenderedBlock) and len(good) == len(made):
        assert [told(each) for each, _ in in_blocks.of(made)] == expected


def manifests(count: int, text: str) -> list[RenderedManifest]:
    made = results(text, *[f"i{number}" for number in range(count)])
    return [each for each in made if isinstance(each, RenderedManifest)]


JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "j-$ITEM"},
    "spec": {
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "main", "image": "busybox", "args": ["$ITEM"]}],
            }
        }
    },
}


def count_of(*expressions: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often the validations of a policy are evaluated for 50 items."""
    asked: list[Any] = []
    evaluate = Policy.outcomes

    def outcomes(self: Policy, given: Any) -> Any:
        asked.append(given)
        return evaluate(self, given)

    monkeypatch.setattr(Policy, "outcomes", outcomes)
    policies = loaded(policy(*expressions), binding())
    once = ReviewOncePerTemplate(partial(case_of, policies), lambda _: False)
    for each in manifests(50, json.dumps(JOB)):
        once(each)
    return len(asked)


def test_a_policy_about_constant_parts_is_evaluated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    images = "object.spec.template.spec.containers.all(c, c.image == 'busybox' && size(c.args) == 1)"
    assert (
        count_of(
            images, "!has(object.spec.completions) || object.spec.completions < 9", monkeypatch=monkeypatch
        )
        == 1
    )


def test_a_policy_about_names_is_evaluated_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_of("object.metadata.name.startsWith('j')", monkeypatch=monkeypatch) == 50
    assert (
        count_of(
            "object.spec.template.spec.containers.all(c, c.image == 'x' || c.args[0] == 'i1')",
            monkeypatch=monkeypatch,
        )
        == 50
    )
