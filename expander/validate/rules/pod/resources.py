"""Requests and limits of containers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from expander.kube.quantity import Quantity
from expander.validate.rules import formats
from expander.validate.rules.amounts import amount, check_quantity, is_whole
from expander.validate.rules.checks import (
    NOT_NEGATIVE,
    Findings,
    duplicate,
    each,
    forbidden,
    invalid,
    invalid_each,
    key,
    not_found,
    required,
)
from expander.validate.rules.pod import resource_names

NameRule = Callable[[str, str], Findings]
_COMPUTE: Final = frozenset(("cpu", "memory"))


def check_resources(
    resources: Mapping[str, Any],
    where: str,
    claims: frozenset[str] = frozenset(),
    name_rule: NameRule = resource_names.check_container_resource,
) -> Findings:
    """Amounts are of known resources and not negative, and a request is at most its limit.

    ``claims`` are the names a ``claims`` entry may use, ``name_rule`` decides which resources are known.
    """
    limits: Mapping[str, Any] = resources.get("limits") or {}
    requests: Mapping[str, Any] = resources.get("requests") or {}
    for name, text in limits.items():
        at = key(f"{where}.limits", name)
        yield from name_rule(name, at)
        yield from check_quantity(text, at)
        yield from check_amount(name, amount(text), at)
    for name, text in requests.items():
        at, request = key(f"{where}.requests", name), amount(text)
        yield from name_rule(name, at)
        yield from check_quantity(text, at)
        yield from check_amount(name, request, at)
        yield from _check_against_limit(name, request, limits, where)
    names = (*limits, *requests)
    if _COMPUTE.isdisjoint(names) and any(map(resource_names.is_huge_pages, names)):
        yield forbidden(where, "HugePages require cpu or memory")
    if used := resources.get("claims"):
        yield from _check_claims(used, f"{where}.claims", claims)


def check_amount(name: str, given: Quantity, where: str) -> Findings:
    """The amount of one resource: not negative, whole where the resource is, whole pages of huge pages."""
    if given.value < 0:
        yield invalid(where, str(given), NOT_NEGATIVE)
    if resource_names.is_counted(name) and not is_whole(given):
        yield invalid(where, given, "must be an integer")
    if resource_names.is_huge_pages(name) and not resource_names.fits_huge_pages(name, given):
        yield invalid(where, str(given), f"{given} is not positive integer multiple of {name}")


def _check_against_limit(name: str, request: Quantity, limits: Mapping[str, Any], where: str) -> Findings:
    exact = not resource_names.may_overcommit(name)
    if name not in limits:
        if exact:
            yield required(f"{where}.limits", "Limit must be set for non overcommitable resources")
        return
    limit = amount(limits[name])
    if exact and request.value != limit.value:
        yield invalid(f"{where}.requests", str(request), f"must be equal to {name} limit of {limit}")
    elif request.value > limit.value:
        detail = f"must be less than or equal to {name} limit of {limit}"
        yield invalid(f"{where}.requests", str(request), detail)


def _check_claims(claims: Sequence[Any], where: str, known: frozenset[str]) -> Findings:
    """A claim of the pod is used once, as a whole or by one request of it at a time."""
    used: set[str] = set()
    for at, claim in each(claims, where):
        name, request = claim.get("name") or "", claim.get("request") or ""
        if not name:
            yield required(at)
            continue
        if name in used:
            yield duplicate(at, name)
        else:
            if request:
                yield from invalid_each(f"{at}.request", request, formats.dns_label(request))
            use = f"{name}/{request}" if request else name
            parts = sum(1 for other in used if other.startswith(f"{name}/"))
            if use in used:
                yield duplicate(at, use)
            elif not request:
                yield from (duplicate(at, name) for _ in range(parts))
            used.add(use)
        if name not in known:
            names = f": {', '.join(sorted(known))}" if known else " which is empty"
            yield not_found(at, name, f"must be one of the names in pod.spec.resourceClaims{names}")
