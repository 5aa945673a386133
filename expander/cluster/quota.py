"""Quota: what a refusal says, and how many more objects of its kind fit.

The API server's ResourceQuota admission refuses with 403 and names the quota, what was requested and what
is used; the quota controller lowers ``status.used`` when objects are gone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from expander.kube.quantity import parse

_REFUSAL: Final = re.compile(r"exceeded quota: (\S+), requested: (\S+), used: (\S+), limited: (\S+)")


@dataclass(frozen=True, slots=True)
class Excess:
    """What a refusal says: ``requested`` of the quota ``quota`` was more than there is."""

    quota: str
    requested: Mapping[str, Fraction]


def excess_of(message: str) -> Excess | None:
    """The refusal in the message of a 403 Status; None when it is about something else."""
    match = _REFUSAL.search(message)
    if match is None:
        return None
    try:
        pairs = [part.partition("=") for part in match[2].split(",")]
        return Excess(match[1], {name: Fraction(parse(amount)) for name, _, amount in pairs})
    except ValueError:
        return None


def in_short(message: str) -> str:
    """A refusal in few words: ``quota few is full: count/jobs.batch 10 of 10``."""
    match = _REFUSAL.search(message)
    if match is None:
        return message
    used, hard = (dict(part.split("=", 1) for part in match[group].split(",")) for group in (3, 4))
    amounts = (f"{name} {amount} of {hard.get(name, '?')}" for name, amount in used.items())
    return f"quota {match[1]} is full: {', '.join(amounts)}"


def room(excess: Excess, quota: Mapping[str, Any]) -> int | None:
    """How many objects that request the same fit into ``quota`` now; None when it does not limit them."""
    status = quota.get("status") or {}
    hard, used = status.get("hard") or {}, status.get("used") or {}
    rooms = [
        (Fraction(parse(str(hard[name]))) - Fraction(parse(str(used.get(name, "0"))))) // amount
        for name, amount in excess.requested.items()
        if name in hard and amount > 0
    ]
    return max(0, int(min(rooms))) if rooms else None
