"""When a container is restarted, and what a resize does to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.validate.rules.checks import (
    Findings,
    duplicate,
    each,
    invalid,
    not_supported,
    required,
    too_many,
)
from expander.validate.rules.pod.facts import PodFacts

_POLICIES: Final = ("Always", "Never", "OnFailure")
_ACTIONS: Final = ("Restart", "RestartAllContainers")
_OPERATORS: Final = ("In", "NotIn")
_MAX_RULES: Final = 20
_MAX_EXIT_CODES: Final = 255
_RESIZED: Final = ("cpu", "memory")
_RESIZE_POLICIES: Final = ("NotRequired", "RestartContainer")


def check_restart_policy(container: Mapping[str, Any], where: str, *, init: bool = False) -> Findings:
    """``restartPolicy`` of the container itself, and the rules that go before it.

    The server does not look at the rules of an init container that has no policy.
    """
    policy, rules = container.get("restartPolicy"), container.get("restartPolicyRules") or ()
    if policy is not None and policy not in _POLICIES:
        yield not_supported(f"{where}.restartPolicy", policy, _POLICIES)
    if policy is None and rules:
        yield required(f"{where}.restartPolicy", "must specify restartPolicy when restart rules are used")
        if init:
            return
    if len(rules) > _MAX_RULES:
        yield too_many(f"{where}.restartPolicyRules", len(rules), _MAX_RULES)
    for at, rule in each(rules, f"{where}.restartPolicyRules"):
        yield from _check_rule(rule, at)


def _check_rule(rule: Mapping[str, Any], where: str) -> Findings:
    action, codes = rule.get("action") or "", rule.get("exitCodes")
    if action not in _ACTIONS:
        yield not_supported(f"{where}.action", action, _ACTIONS)
    if codes is None:
        yield required(f"{where}.exitCodes", "must be specified")
        return
    operator, values = codes.get("operator") or "", codes.get("values") or ()
    if operator not in _OPERATORS:
        yield not_supported(f"{where}.exitCodes.operator", operator, _OPERATORS)
    if len(values) > _MAX_EXIT_CODES:
        yield too_many(f"{where}.exitCodes.values", len(values), _MAX_EXIT_CODES)


def check_resize_policy(policies: Sequence[Any], where: str, pod: PodFacts) -> Findings:
    """One policy for cpu and one for memory; in a pod that never restarts none may ask for a restart."""
    seen: set[str] = set()
    for at, policy in each(policies, where):
        resource, restart = policy.get("resourceName") or "", policy.get("restartPolicy") or ""
        if resource in seen:
            yield duplicate(at, resource)
        seen.add(resource)
        yield from _check_choice(resource, _RESIZED, where)
        yield from _check_choice(restart, _RESIZE_POLICIES, where)
        if pod.restart_policy == "Never" and restart != "NotRequired":
            yield invalid(where, restart, "must be 'NotRequired' when pod `restartPolicy` is 'Never'")


def _check_choice(value: str, allowed: tuple[str, ...], where: str) -> Findings:
    if not value:
        yield required(where)
    elif value not in allowed:
        yield not_supported(where, value, allowed)
