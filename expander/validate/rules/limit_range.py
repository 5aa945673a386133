"""LimitRanges (``ValidateLimitRange`` of pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.kube.quantity import Quantity
from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.core import amount
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    duplicate,
    each,
    forbidden,
    invalid,
    invalid_each,
    key,
    required,
)
from expander.validate.rules.metadata import check_metadata
from expander.validate.rules.pod.resources import (
    check_container_resource,
    check_resource_name,
    may_overcommit,
)

Limit = Mapping[str, Any]
Amounts = Mapping[str, Quantity]

TYPES: Final = ("Container", "PersistentVolumeClaim", "Pod")
_NO_AMOUNTS: Final[Amounts] = {}


def check_limit_range(limit_range: Mapping[str, Any], release: Release) -> list[Finding]:
    """What the API server would refuse in a new LimitRange with its defaults."""
    found = check_metadata(limit_range.get("metadata") or EMPTY)
    types: set[str] = set()
    for at, limit in each((limit_range.get("spec") or EMPTY).get("limits"), "spec.limits"):
        kind = limit.get("type") or ""
        found += _check_type(kind, types, f"{at}.type")
        found += _check_limit(kind, limit, at)
        types.add(kind)
    return found


def _check_type(kind: str, seen: set[str], where: str) -> Findings:
    if wrong := formats.qualified_name(kind):
        yield from invalid_each(where, kind, wrong)
    elif "/" not in kind and kind not in TYPES:
        yield invalid(where, kind, "must be a standard limit type or fully qualified")
    if kind in seen:
        yield duplicate(where, kind)


def _check_limit(kind: str, limit: Limit, where: str) -> Findings:
    fields = ["max", "min", "maxLimitRequestRatio"]
    if kind == "Pod":
        for field in ("default", "defaultRequest"):
            if limit.get(field):
                yield forbidden(f"{where}.{field}", "may not be specified when `type` is 'Pod'")
    else:
        fields[2:2] = ["default", "defaultRequest"]
    name_rule = check_container_resource if kind in ("Container", "Pod") else check_resource_name
    for field in fields:
        for name in limit.get(field) or ():
            yield from name_rule(name, key(f"{where}.{field}", name))
    if kind == "PersistentVolumeClaim" and not any(
        "storage" in (limit.get(field) or ()) for field in ("min", "max")
    ):
        yield required(
            f"{where}.limits", "either minimum or maximum storage value is required, but neither was provided"
        )
    bounds = {field: _amounts(limit, field) for field in fields}
    for name in dict.fromkeys(name for amounts in bounds.values() for name in amounts):
        yield from _check_order(name, bounds, where)
        yield from _check_ratio(name, bounds, where)


def _amounts(limit: Limit, field: str) -> Amounts:
    return {name: amount(text) for name, text in (limit.get(field) or {}).items()}


_ORDER: Final = (
    ("min", "max", "min", "min", "min value {} is greater than max value {}"),
    (
        *("min", "defaultRequest", "defaultRequest", "defaultRequest"),
        "min value {} is greater than default request value {}",
    ),
    (
        *("defaultRequest", "max", "defaultRequest", "defaultRequest"),
        "default request value {} is greater than max value {}",
    ),
    (
        *("defaultRequest", "default", "defaultRequest", "defaultRequest"),
        "default request value {} is greater than default limit value {}",
    ),
    ("min", "default", "default", "min", "min value {} is greater than default value {}"),
    ("default", "max", "default", "max", "default value {} is greater than max value {}"),
)
"""What is at most what: two fields, the field that is blamed, the field whose value is shown, the words."""


def _check_order(name: str, bounds: Mapping[str, Amounts], where: str) -> Findings:
    for low, high, blamed, shown, words in _ORDER:
        one, other = (bounds.get(field, _NO_AMOUNTS).get(name) for field in (low, high))
        if one is not None and other is not None and one.value > other.value:
            at = key(f"{where}.{blamed}", name)
            yield invalid(at, one if shown == low else other, words.format(one, other))
    limit, request = (bounds.get(field, _NO_AMOUNTS).get(name) for field in ("default", "defaultRequest"))
    if limit is None or request is None or may_overcommit(name) or limit.value == request.value:
        return
    detail = f"default value {limit} must equal to defaultRequest value {request} in {name}"
    yield invalid(key(f"{where}.defaultRequest", name), request, detail)


def _check_ratio(name: str, bounds: Mapping[str, Amounts], where: str) -> Findings:
    ratio = bounds["maxLimitRequestRatio"].get(name)
    if ratio is None:
        return
    at = key(f"{where}.maxLimitRequestRatio", name)
    if ratio.value < 1:
        yield invalid(at, ratio, f"ratio {ratio} is less than 1")
    low, high = bounds["min"].get(name), bounds["max"].get(name)
    if low is not None and high is not None and low.value > 0 and ratio.value * low.value > high.value:
        detail = f"ratio {ratio} is greater than max/min = {float(high.value / low.value):f}"
        yield invalid(at, ratio, detail)
