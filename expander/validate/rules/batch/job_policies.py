"""``podFailurePolicy`` of a Job (pkg/apis/batch/validation).

``successPolicy`` of an Indexed Job, and lists of indexes (pkg/apis/batch/validation).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.base.regex import regex
from expander.kube.gofmt import quoted
from expander.validate.finding import Finding, Reason
from expander.validate.rules import formats
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    duplicate,
    each,
    invalid,
    invalid_each,
    not_negative,
    not_supported,
    required,
    too_long,
    too_many,
)
from expander.validate.rules.goprint import printed

ACTIONS: Final = ("Count", "FailIndex", "FailJob", "Ignore")
OPERATORS: Final = ("In", "NotIn")
STATUSES: Final = ("False", "True", "Unknown")
MAX_RULES: Final = 20
MAX_EXIT_CODES: Final = 255
MAX_PATTERNS: Final = 20


def check_failure_policy(spec: Mapping[str, Any], where: str) -> Findings:
    """``spec`` is that of the Job, ``where`` the path of its ``podFailurePolicy``."""
    rules = spec["podFailurePolicy"].get("rules") or ()
    if len(rules) > MAX_RULES:
        yield too_many(f"{where}.rules", len(rules), MAX_RULES)
    names = _container_names(spec)
    per_index = spec.get("backoffLimitPerIndex") is not None
    for at, rule in each(rules, f"{where}.rules"):
        yield from _check_action(rule.get("action") or "", f"{at}.action", per_index=per_index)
        exit_codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions")
        if exit_codes is not None:
            yield from _check_exit_codes(exit_codes, f"{at}.onExitCodes", names)
        if conditions:
            yield from _check_conditions(conditions, f"{at}.onPodConditions")
        if exit_codes is not None and conditions:
            yield _whole_rule(at, "specifying both OnExitCodes and OnPodConditions is not supported")
        if exit_codes is None and not conditions:
            yield _whole_rule(at, "specifying one of OnExitCodes and OnPodConditions is required")


def _container_names(spec: Mapping[str, Any]) -> set[str]:
    pod = (spec.get("template") or EMPTY).get("spec") or EMPTY
    containers = [*(pod.get("containers") or ()), *(pod.get("initContainers") or ())]
    return {(container or EMPTY).get("name") or "" for container in containers}


def _check_action(action: str, where: str, *, per_index: bool) -> Findings:
    if not action:
        yield required(where, valid_values(ACTIONS))
    elif action not in ACTIONS:
        yield not_supported(where, action, ACTIONS)
    elif action == "FailIndex" and not per_index:
        yield invalid(where, action, "requires the backoffLimitPerIndex to be set")


def _check_exit_codes(requirement: Mapping[str, Any], where: str, names: set[str]) -> Findings:
    operator = requirement.get("operator") or ""
    if not operator:
        yield required(f"{where}.operator", valid_values(OPERATORS))
    elif operator not in OPERATORS:
        yield not_supported(f"{where}.operator", operator, OPERATORS)
    container = requirement.get("containerName")
    if container is not None and container not in names:
        detail = "must be one of the container or initContainer names in the pod template"
        yield invalid(f"{where}.containerName", container, detail)
    codes = requirement.get("values")
    if not codes:
        yield invalid(f"{where}.values", codes, "at least one value is required")
        return
    if len(codes) > MAX_EXIT_CODES:
        yield too_many(f"{where}.values", len(codes), MAX_EXIT_CODES)
    yield from _check_codes([code or 0 for code in codes], operator, f"{where}.values")


def _check_codes(codes: list[int], operator: str, where: str) -> Findings:
    seen: set[int] = set()
    for index, code in enumerate(codes):
        if code == 0 and operator == "In":
            yield invalid(f"{where}[{index}]", code, "must not be 0 for the In operator")
        if code in seen:
            yield duplicate(f"{where}[{index}]", code)
        seen.add(code)
    if sorted(codes) != codes:
        yield invalid(where, codes, "must be ordered")


def _check_conditions(patterns: Sequence[Mapping[str, Any] | None], where: str) -> Findings:
    if len(patterns) > MAX_PATTERNS:
        yield too_many(where, len(patterns), MAX_PATTERNS)
    for at, pattern in each(patterns, where):
        name = pattern.get("type") or ""
        yield from invalid_each(f"{at}.type", name, formats.qualified_name(name))
        status = pattern.get("status") or "True"
        if status not in STATUSES:
            yield not_supported(f"{at}.status", status, STATUSES)


def _whole_rule(where: str, detail: str) -> Finding:
    """The rule as a whole is wrong; the server leaves its value out."""
    return Finding(where, Reason.INVALID, f"Invalid value: {detail}")


def valid_values(choices: Sequence[str]) -> str:
    """An enumeration as the server lists it for a field that is missing."""
    return f"valid values: [{' '.join(map(quoted, choices))}]"


MAX_INDEXES_BYTES: Final = 64 * 1024
_INTEGER = regex(r"[+-]?[0-9]{1,19}", re.ASCII)


def check_success_policy(spec: Mapping[str, Any], where: str) -> Findings:
    """``spec`` is that of the Job, ``where`` the path of its ``successPolicy``.

    Without ``completions`` the rules are not looked at: the Job is invalid for lack of them.
    """
    policy, completions = spec["successPolicy"], spec.get("completions")
    if spec.get("completionMode") != "Indexed":
        yield invalid(where, printed("SuccessPolicy", policy), "requires indexed completion mode")
        return
    rules = policy.get("rules") or ()
    if not rules:
        detail = "at least one rules must be specified when the successPolicy is specified"
        yield required(f"{where}.rules", detail)
    if len(rules) > MAX_RULES:
        yield too_many(f"{where}.rules", len(rules), MAX_RULES)
    if completions is not None:
        for at, rule in each(rules, f"{where}.rules"):
            yield from _check_rule(rule, at, completions)


def _check_rule(rule: Mapping[str, Any], where: str, completions: int) -> Findings:
    indexes, count = rule.get("succeededIndexes"), rule.get("succeededCount")
    if indexes is None and count is None:
        yield required(where, "at least one of succeededCount or succeededIndexes must be specified")
    total = 0
    if indexes is not None:
        at = f"{where}.succeededIndexes"
        if formats.byte_length(indexes) > MAX_INDEXES_BYTES:
            yield too_long(at, MAX_INDEXES_BYTES)
        try:
            total = count_indexes(indexes, completions)
        except ValueError as error:
            yield invalid(at, indexes, f"error parsing succeededIndexes: {error}")
    if count is None:
        return
    at = f"{where}.succeededCount"
    yield from not_negative(count, at)
    if count > completions:
        yield invalid(
            at, count, f"must be less than or equal to {completions} (the number of specified completions)"
        )
    if indexes is not None and count > total:
        source = "the number of indexes in the specified succeededIndexes field"
        yield invalid(at, count, f"must be less than or equal to {total} ({source})")


def count_indexes(text: str, completions: int) -> int:
    """How many indexes ``0,2-4`` names; all of them are below ``completions`` and in rising order.

    Raises ValueError in the server's words.
    """
    last: int | None = None
    total = 0
    for interval in text.split(",") if text else ():
        first, end = _interval(interval, completions)
        if last is not None and last >= first:
            raise ValueError(f"non-increasing order, previous: {last}, current: {first}")
        total += end - first + 1
        last = end
    return total


def _interval(text: str, completions: int) -> tuple[int, int]:
    limits = text.split("-")
    if len(limits) > 2:
        raise ValueError(
            f"the fragment {quoted(text)} violates the requirement that an index interval "
            "can have at most two parts separated by '-'"
        )
    first = _index(limits[0], completions)
    if len(limits) == 1:
        return first, first
    end = _index(limits[1], completions)
    if first >= end:
        raise ValueError(f"non-increasing order, previous: {first}, current: {end}")
    return first, end


def _index(text: str, completions: int) -> int:
    if not _INTEGER.fullmatch(text) or int(text) > 2**63 - 1:
        raise ValueError(f"cannot convert string to integer for index: {quoted(text)}")
    if int(text) >= completions:
        raise ValueError(f"too large index: {quoted(text)}")
    return int(text)
