"""Whether the indexes that succeeded are enough for a Job's successPolicy.

pkg/controller/job (success_policy.go) decides: the first rule that is met, by the indexes below
spec.completions.
"""

from __future__ import annotations

from expander.kube import index_sets
from expander.kube.wellknown import Object
from expander.local.controllers.job.conditions import SUCCESS_CRITERIA_MET, FinishedCondition


def match(policy: Object | None, completions: int, done: index_sets.Intervals) -> FinishedCondition | None:
    """The verdict of the first rule that ``done``, the succeeded indexes, meets; None for none."""
    if policy is None or not done:
        return None
    for number, rule in enumerate(policy.get("rules") or ()):
        if _met(rule, completions, done):
            return FinishedCondition(
                SUCCESS_CRITERIA_MET, "SuccessPolicy", f"Matched rules at index {number}"
            )
    return None


def _met(rule: Object, completions: int, done: index_sets.Intervals) -> bool:
    count = rule.get("succeededCount")
    if rule.get("succeededIndexes") is None:
        return count is not None and index_sets.total(done) >= count
    wanted = index_sets.parse(rule["succeededIndexes"], completions)
    if not wanted:
        return False
    got = index_sets.overlap(wanted, done)
    return got == index_sets.total(wanted) or (count is not None and got >= count)
