"""``successPolicy`` of an Indexed Job, and lists of indexes (pkg/apis/batch/validation)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from expander.kube.gofmt import quoted
from expander.validate.rules import formats
from expander.validate.rules.checks import Findings, each, invalid, not_negative, required, too_long, too_many
from expander.validate.rules.go_values import printed

MAX_RULES: Final = 20
MAX_INDEXES_BYTES: Final = 64 * 1024
_integer = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII).fullmatch


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
    if not _integer(text) or int(text) > 2**63 - 1:
        raise ValueError(f"cannot convert string to integer for index: {quoted(text)}")
    if int(text) >= completions:
        raise ValueError(f"too large index: {quoted(text)}")
    return int(text)
