"""Quota: what a refusal says, and how many more objects of its kind fit.

The API server's ResourceQuota admission refuses with 403 and names the quota, what was requested and what
is used; the quota controller lowers ``status.used`` when objects are gone.

Holds items back while a quota has no room for them, and lets as many go as there is room for.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, Generic, TypeVar

from expander.kube.quantity import parse

_REFUSAL: Final = re.compile(r"exceeded quota: (\S+), requested: (\S+), used: (\S+), limited: (\S+)")


@dataclass(frozen=True, slots=True)
class Excess:
    """What a refusal says: ``requested`` of the quota ``quota`` was more than there is."""

    quota: str
    requested: Mapping[str, Fraction]


def parse_excess(message: str) -> Excess | None:
    """The refusal in the message of a 403 Status; None when it is about something else."""
    match = _REFUSAL.search(message)
    if match is None:
        return None
    try:
        pairs = [part.partition("=") for part in match[2].split(",")]
        return Excess(match[1], {name: Fraction(parse(amount)) for name, _, amount in pairs})
    except ValueError:
        return None


def summarize_quota(message: str) -> str:
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


PROBE_SECONDS: Final = 30.0
"""Seconds after which one held item is tried although its quota shows no room."""

UNREADABLE_PROBE_SECONDS: Final = 5.0
"""The same where quotas cannot be read; every success then lets two more go."""

QUOTA_LAG_SECONDS: Final = 1.0
"""Seconds after an answer in which news of a quota may not count the object yet."""

Held = TypeVar("Held")


@dataclass(slots=True)
class _Queue(Generic[Held]):
    """Items that wait, and what is known of the quotas that refused them.

    ``found`` is the room of those quotas when they were last ``seen``, in items; ``under_way`` has when each
    item was let go, ``spent`` when those that became objects were let go and answered; ``doubted`` is the
    time of a refusal after which quotas have not been read yet; ``blind`` that they cannot be read.
    """

    excesses: dict[str, Excess] = field(default_factory=dict)
    items: deque[Held] = field(default_factory=deque)
    found: int = 0
    seen: float = 0.0
    probed: float = 0.0
    under_way: dict[int, float] = field(default_factory=dict)
    spent: deque[tuple[float, float]] = field(default_factory=deque)
    doubted: float | None = None
    blind: bool = False

    def has_room(self, now: float) -> bool:
        """Whether one more fits: what became an object may not be counted in what was seen."""
        if self.blind:
            return self.found > 0
        while self.spent and self.spent[0][1] + QUOTA_LAG_SECONDS <= now and self.spent[0][0] <= self.seen:
            self.spent.popleft()
        return self.found > len(self.under_way) + len(self.spent)


class QuotaGate(Generic[Held]):
    """Lines of items. A ``place`` is what shares a fate: a namespace and a kind.

    From the first refusal until there is room for more than its items, they only go when room was seen, and
    one now and then without. Times are seconds of a clock that never goes back.
    """

    def __init__(self) -> None:
        self._lines: dict[str, _Queue[Held]] = {}

    def __len__(self) -> int:
        return sum(len(line.items) for line in self._lines.values())

    def closed(self, place: str) -> bool:
        """Whether items of ``place`` have to wait in line."""
        return place in self._lines

    def refuse(self, place: str, excess: Excess, now: float) -> None:
        """An item was refused: nothing of its place follows until there is room."""
        line = self._lines.get(place)
        if line is None:
            line = self._lines[place] = _Queue(probed=now)
        line.excesses[excess.quota] = excess
        line.found = 0
        line.doubted = now

    def join(self, place: str, item: Held, first: bool = False) -> None:
        """An item of a closed place waits behind the others, or before them."""
        items = self._lines[place].items
        if first:
            items.appendleft(item)
        else:
            items.append(item)

    def release(self, place: str, now: float) -> Held | None:
        """The next item of ``place`` that may go, if any."""
        line = self._lines[place]
        if not line.items:
            if not line.under_way and line.has_room(now):
                del self._lines[place]
            return None
        if line.has_room(now):
            line.found -= line.blind
        elif (
            now - line.probed >= (UNREADABLE_PROBE_SECONDS if line.blind else PROBE_SECONDS)
            and not line.under_way
        ):
            line.probed = now
        else:
            return None
        item = line.items.popleft()
        line.under_way[id(item)] = now
        return item

    def over(self, place: str, item: Held, now: float, made: bool) -> None:
        """An item that was released has had its answer; ``made`` when an object came of it."""
        line = self._lines.get(place)
        since = line.under_way.pop(id(item), None) if line is not None else None
        if line is None or since is None or not made:
            return
        if line.blind:
            line.found += 2
        else:
            line.spent.append((since, now))

    def places(self) -> list[str]:
        """The places that are closed."""
        return list(self._lines)

    def is_doubted(self, place: str, now: float) -> bool:
        """Whether quotas are to be read: news of them may have come before the refusal it belongs after."""
        line = self._lines.get(place)
        return line is not None and line.doubted is not None and now - line.doubted >= QUOTA_LAG_SECONDS

    def look(self, place: str, quotas: Mapping[str, Mapping[str, Any]], now: float, read: bool) -> None:
        """What the quotas of the namespace of ``place`` say, by name; ``read`` when they were asked for."""
        line = self._lines.get(place)
        if line is None:
            return
        line.excesses = {name: each for name, each in line.excesses.items() if name in quotas}
        rooms = (room(each, quotas[name]) for name, each in line.excesses.items())
        line.found = min((each for each in rooms if each is not None), default=1 << 30)
        line.seen = now
        line.blind = False
        if read:
            line.doubted = None

    def look_away(self, place: str) -> None:
        """The quotas of ``place`` cannot be read."""
        line = self._lines.get(place)
        if line is not None and not line.blind:
            line.blind, line.found, line.doubted = True, 0, None
            line.spent.clear()

    def expired(self, since: float, held_at: Mapping[int, float]) -> list[Held]:
        """Take out the items that were held before ``since``; ``held_at`` is by ``id`` of an item."""
        gone: list[Held] = []
        for line in self._lines.values():
            kept: deque[Held] = deque()
            for item in line.items:
                (gone if held_at.get(id(item), since) < since else kept).append(item)
            line.items = kept
        return gone
