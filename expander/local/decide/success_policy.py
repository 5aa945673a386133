"""Whether the indexes that succeeded are enough for a Job's successPolicy.

pkg/controller/job (success_policy.go) decides: the first rule that is met, by the indexes below
spec.completions.
"""

from __future__ import annotations

from expander.local.decide import indexes
from expander.local.decide.conditions import SUCCESS_CRITERIA_MET, Verdict
from expander.local.decide.wellknown import Object


def match(policy: Object | None, completions: int, done: indexes.Intervals) -> Verdict | None:
    """The verdict of the first rule that ``done``, the succeeded indexes, meets; None for none."""
    if policy is None or not done:
        return None
    for number, rule in enumerate(policy.get("rules") or ()):
        if _met(rule, completions, done):
            return Verdict(SUCCESS_CRITERIA_MET, "SuccessPolicy", f"Matched rules at index {number}")
    return None


def _met(rule: Object, completions: int, done: indexes.Intervals) -> bool:
    count = rule.get("succeededCount")
    if rule.get("succeededIndexes") is None:
        return count is not None and indexes.total(done) >= count
    wanted = indexes.parse(rule["succeededIndexes"], completions)
    if not wanted:
        return False
    got = indexes.overlap(wanted, done)
    return got == indexes.total(wanted) or (count is not None and got >= count)
