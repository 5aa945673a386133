"""Lifecycle policies: what Volcano does when something happens to a Job or one of its tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from expander.base.errors import nearest
from expander.kube.time import parse_duration
from expander.validate.rules.checks import Findings, duplicate, each, invalid, required

ANY_EVENT: Final = "*"
EVENTS: Final = (
    ANY_EVENT,
    "PodFailed",
    "PodEvicted",
    "PodPending",
    "Unknown",
    "TaskCompleted",
    "TaskFailed",
    "JobUpdated",
)
"""The events a policy may name; Volcano keeps OutOfSync, CommandIssued and PodRunning to itself."""

ACTIONS: Final = (
    "AbortJob",
    "RestartJob",
    "RestartTask",
    "RestartPod",
    "RestartPartition",
    "TerminateJob",
    "CompleteJob",
    "ResumeJob",
)
"""The actions a policy may name; those on queues, EnqueueJob and SyncJob are Volcano's own."""


def check_policies(policies: Sequence[Mapping[str, Any] | None] | None, where: str) -> Findings:
    """The policies of a Job or of a task. An action nobody knows is refused with exit codes too, where the
    webhook lets it pass and the controller does nothing."""
    events: dict[str, str] = {}
    codes: set[int] = set()
    for at, policy in each(policies, where):
        yield from _check_policy(policy, at)
        for place, event in events_of(policy, at):
            if event in events:
                yield duplicate(place, event)
            events.setdefault(event, place)
        code = policy.get("exitCode")
        if code is not None and code in codes:
            yield duplicate(f"{at}.exitCode", code)
        codes.add(code)
    if ANY_EVENT in events and len(events) > 1:
        yield invalid(events[ANY_EVENT], ANY_EVENT, "if there's * here, no other policy should be here")


def events_of(policy: Mapping[str, Any], where: str) -> Iterator[tuple[str, str]]:
    """(path, event) of the events of one policy, each of them once."""
    seen = set()
    listed = [(f"{where}.events[{number}]", name) for number, name in enumerate(policy.get("events") or ())]
    for place, event in [*listed, (f"{where}.event", policy.get("event"))]:
        if event and event not in seen:
            seen.add(event)
            yield place, event


def _check_policy(policy: Mapping[str, Any], where: str) -> Findings:
    events, code = [*events_of(policy, where)], policy.get("exitCode")
    if events and code is not None:
        yield invalid(f"{where}.exitCode", code, "must not specify event and exitCode simultaneously")
    elif not events and code is None:
        yield required(f"{where}.event", "either event and exitCode should be specified")
    for place, event in events:
        if event not in EVENTS:
            yield invalid(place, event, _choices("event", event, EVENTS))
    if code == 0:
        yield invalid(f"{where}.exitCode", 0, "0 is not a valid error code")
    action = policy.get("action") or ""
    if action not in ACTIONS:
        yield invalid(f"{where}.action", action, _choices("action", action, ACTIONS))
    if (timeout := policy.get("timeout")) is not None:
        try:
            parse_duration(timeout)
        except ValueError as error:
            yield invalid(f"{where}.timeout", timeout, str(error))


def _choices(what: str, value: str, valid: Sequence[str]) -> str:
    meant = nearest(value, valid) if value else None
    hint = f', did you mean "{meant}"?' if meant else ""
    return f"invalid policy {what}; valid {what}s are {', '.join(valid)}{hint}"
