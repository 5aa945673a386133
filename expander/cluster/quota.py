"""Quota: what a refusal says, and how many of the held items there is room for.

The API server's ResourceQuota admission refuses with 403 and names the quota, what was requested and what
is used; the quota controller lowers ``status.used`` when objects are gone.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, Generic, TypeVar

from expander.base.quantity import parse

_REFUSAL: Final = re.compile(r"exceeded quota: (\S+), requested: (\S+), used: (\S+), limited: (\S+)")

PROBE: Final = 30.0
"""Seconds after which one held item is tried although its quota shows no room, or cannot be read."""

Held = TypeVar("Held")


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


def room(excess: Excess, quotas: Iterable[Mapping[str, Any]]) -> int | None:
    """How many objects that request the same fit into the quota now; None when it is not there any more."""
    for quota in quotas:
        if quota["metadata"]["name"] != excess.quota:
            continue
        status = quota.get("status") or {}
        hard, used = status.get("hard") or {}, status.get("used") or {}
        rooms = [
            (Fraction(parse(str(hard[name]))) - Fraction(parse(str(used.get(name, "0"))))) // amount
            for name, amount in excess.requested.items()
            if name in hard and amount > 0
        ]
        return max(0, int(min(rooms))) if rooms else None
    return None


@dataclass(slots=True)
class _Line(Generic[Held]):
    """Items that wait for one quota, and how many of them may go."""

    excess: Excess
    items: deque[Held] = field(default_factory=deque)
    permits: int = 0
    under_way: int = 0
    looked: float = 0.0
    probed: float = 0.0


class QuotaGate(Generic[Held]):
    """Holds items back while there is no room for them.

    A ``place`` is what shares a fate: a namespace and a kind. From the first refusal until all its items
    are through, items of a place only go when room was seen, and one every `PROBE` seconds without.
    """

    def __init__(self) -> None:
        self._lines: dict[str, _Line[Held]] = {}

    def __len__(self) -> int:
        return sum(len(line.items) for line in self._lines.values())

    def closed(self, place: str) -> bool:
        """Whether items of ``place`` have to wait in line."""
        return place in self._lines

    def refuse(self, place: str, item: Held, excess: Excess, now: float) -> None:
        """An item was refused: it goes to the front of the line, and nothing follows until there is room."""
        line = self._lines.setdefault(place, _Line(excess, probed=now, looked=now))
        line.excess = excess
        line.permits = 0
        line.items.appendleft(item)

    def join(self, place: str, item: Held) -> None:
        """An item of a closed place waits behind the others."""
        self._lines[place].items.append(item)

    def release(self, place: str, now: float) -> Held | None:
        """The next item of ``place`` that may go, if any."""
        line = self._lines[place]
        if not line.items:
            if not line.under_way:
                del self._lines[place]
            return None
        if line.permits:
            line.permits -= 1
        elif now - line.probed >= PROBE and not line.under_way:
            line.probed = now
        else:
            return None
        line.under_way += 1
        return line.items.popleft()

    def over(self, place: str) -> None:
        """An item that was released has had its answer."""
        line = self._lines.get(place)
        if line is not None and line.under_way:
            line.under_way -= 1

    def places(self) -> list[str]:
        """The places that are closed."""
        return list(self._lines)

    def look(self, place: str, quotas: Iterable[Mapping[str, Any]], now: float) -> None:
        """The quotas of the namespace of ``place`` were read: let as many go as fit.

        What is under way may not be counted yet, so it is taken off.
        """
        line = self._lines.get(place)
        if line is None:
            return
        found = room(line.excess, quotas)
        line.permits = len(line.items) if found is None else max(0, found - line.under_way)
        if line.permits:
            line.probed = now

    def expired(self, since: float, held_at: Mapping[int, float]) -> list[Held]:
        """Take out the items that were held before ``since``; ``held_at`` is by ``id`` of an item."""
        gone: list[Held] = []
        for line in self._lines.values():
            kept: deque[Held] = deque()
            for item in line.items:
                (gone if held_at.get(id(item), since) < since else kept).append(item)
            line.items = kept
        return gone
