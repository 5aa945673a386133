"""Holds items that a ResourceQuota refuses, and lets as many go as have room. No network, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from expander.base.dataclass import dataclass
from expander.base.late_module import late_module
from expander.base.regex import regex

if TYPE_CHECKING:
    from fractions import Fraction

    from expander.kube import quantity as quantities
else:  # for quotas that are full
    quantities = late_module("expander.kube.quantity")

_REFUSAL: Final = regex(r"exceeded quota: (\S+), requested: (\S+), used: (\S+), limited: (\S+)")

PROBE_SECONDS: Final = 30.0
"""Seconds after which one held item is tried although its quota shows no room."""

UNREADABLE_PROBE_SECONDS: Final = 5.0
"""The same where quotas may not be read; every success then lets two more go."""

QUOTA_LAG_SECONDS: Final = 1.0
"""Seconds after a response in which the status of a quota may not count the object yet."""


@dataclass(frozen=True, slots=True)
class Excess:
    """A refusal: ``requested`` of the quota ``quota`` was more than is left."""

    quota: str
    requested: Mapping[str, Fraction]


def parse_excess(message: str) -> Excess | None:
    """The refusal in the message of a 403 of the ResourceQuota admission plugin; None for any other."""
    match = _REFUSAL.search(message)
    if match is None:
        return None
    try:
        pairs = [part.partition("=") for part in match[2].split(",")]
        return Excess(match[1], {name: quantities.parse(amount) for name, _, amount in pairs})
    except ValueError:
        return None


def summarize_quota(message: str) -> str:
    """A refusal in short: ``quota few is full: count/jobs.batch 10 of 10``."""
    match = _REFUSAL.search(message)
    if match is None:
        return message
    used, hard = (_amounts(match[group]) for group in (3, 4))
    amounts = (f"{name} {amount} of {hard.get(name, '?')}" for name, amount in used.items())
    return f"quota {match[1]} is full: {', '.join(amounts)}"


def _amounts(text: str) -> dict[str, str]:
    return {name: amount for name, _, amount in (part.partition("=") for part in text.split(","))}


def room(excess: Excess, quota: Mapping[str, Any]) -> int | None:
    """How many objects that request the same fit into ``quota`` now; None when it does not limit them."""
    status = quota.get("status") or {}
    hard, used = status.get("hard") or {}, status.get("used") or {}
    rooms = [
        (quantities.parse(str(hard[name])) - quantities.parse(str(used.get(name, "0")))) // amount
        for name, amount in excess.requested.items()
        if name in hard and amount > 0
    ]
    return max(0, int(min(rooms))) if rooms else None


Held = TypeVar("Held")


@dataclass(slots=True)
class _Queue(Generic[Held]):
    """The held items of a collection, and what is known of the quotas that refused them.

    ``found`` is the room of those quotas when they were last ``seen``, in items. ``under_way`` has when each
    released item went; ``spent`` when those that became objects went and were answered. ``doubted`` is the
    time of a refusal since which quotas were not read; ``unreadable`` that they may not be read.
    """

    excesses: dict[str, Excess] = field(default_factory=dict)
    items: deque[Held] = field(default_factory=deque)
    found: int = 0
    seen: float = 0.0
    probed: float = 0.0
    under_way: dict[int, float] = field(default_factory=dict)
    spent: deque[tuple[float, float]] = field(default_factory=deque)
    doubted: float | None = None
    unreadable: bool = False

    @property
    def probe_at(self) -> float:
        """When one item may go without room."""
        return self.probed + (UNREADABLE_PROBE_SECONDS if self.unreadable else PROBE_SECONDS)

    def has_room(self, now: float) -> bool:
        """Whether one more fits: what became an object may not be counted in what was seen."""
        if self.unreadable:
            return self.found > 0
        while self.spent and self.spent[0][1] + QUOTA_LAG_SECONDS <= now and self.spent[0][0] <= self.seen:
            self.spent.popleft()
        return self.found > len(self.under_way) + len(self.spent)

    def next_due(self) -> list[float]:
        """Times at which an item may be released without any news."""
        if not self.items:
            return []
        found = [] if self.under_way else [self.probe_at]
        if self.spent and self.spent[0][0] <= self.seen:
            found.append(self.spent[0][1] + QUOTA_LAG_SECONDS)
        return found


class QuotaGate(Generic[Held]):
    """Queues of held items by collection: a namespace and a resource share quotas.

    From the first refusal until there is room for more than its items, items of a collection go only when
    room was seen, and one now and then without. Times are seconds of a monotonic clock.
    """

    def __init__(self) -> None:
        self._queues: dict[str, _Queue[Held]] = {}

    def __len__(self) -> int:
        return sum(len(queue.items) for queue in self._queues.values())

    def is_closed(self, collection: str) -> bool:
        """Whether items of ``collection`` have to wait."""
        return collection in self._queues

    def refuse(self, collection: str, excess: Excess, now: float) -> None:
        """An item was refused: nothing of its collection follows until there is room."""
        queue = self._queues.get(collection)
        if queue is None:
            queue = self._queues[collection] = _Queue(probed=now)
        queue.excesses[excess.quota] = excess
        queue.found = 0
        queue.doubted = now

    def enqueue(self, collection: str, item: Held, first: bool = False) -> None:
        """Hold an item of a closed collection behind the others, or before them."""
        items = self._queues[collection].items
        if first:
            items.appendleft(item)
        else:
            items.append(item)

    def release(self, collection: str, now: float) -> Held | None:
        """The next item of ``collection`` that may go, if any."""
        queue = self._queues[collection]
        if not queue.items:
            if not queue.under_way and queue.has_room(now):
                del self._queues[collection]
            return None
        if queue.has_room(now):
            queue.found -= queue.unreadable
        elif now >= queue.probe_at and not queue.under_way:
            queue.probed = now
        else:
            return None
        item = queue.items.popleft()
        queue.under_way[id(item)] = now
        return item

    def release_done(self, collection: str, item: Held, now: float, created: bool) -> None:
        """A released item was answered; ``created`` when it became an object."""
        queue = self._queues.get(collection)
        since = queue.under_way.pop(id(item), None) if queue is not None else None
        if queue is None or since is None or not created:
            return
        if queue.unreadable:
            queue.found += 2
        else:
            queue.spent.append((since, now))

    def collections(self) -> list[str]:
        """The collections that are closed."""
        return list(self._queues)

    def next_due(self, now: float) -> float | None:
        """Seconds until an item may be released without news of a quota; None when none waits."""
        times = [at for queue in self._queues.values() for at in queue.next_due() if at > now]
        return min(times) - now if times else None

    def is_doubted(self, collection: str, now: float) -> bool:
        """Whether quotas are to be read: what was seen of them may be older than the refusal."""
        queue = self._queues.get(collection)
        return queue is not None and queue.doubted is not None and now - queue.doubted >= QUOTA_LAG_SECONDS

    def update_quota(
        self, collection: str, quotas: Mapping[str, Mapping[str, Any]], now: float, listed: bool
    ) -> None:
        """The quotas of the namespace of ``collection`` by name; ``listed`` when they were read just now."""
        queue = self._queues.get(collection)
        if queue is None:
            return
        queue.excesses = {name: each for name, each in queue.excesses.items() if name in quotas}
        rooms = (room(each, quotas[name]) for name, each in queue.excesses.items())
        queue.found = min((each for each in rooms if each is not None), default=1 << 30)
        queue.seen = now
        queue.unreadable = False
        if listed:
            queue.doubted = None

    def mark_unreadable(self, collection: str) -> None:
        """The quotas of ``collection`` may not be read."""
        queue = self._queues.get(collection)
        if queue is not None and not queue.unreadable:
            queue.unreadable, queue.found, queue.doubted = True, 0, None
            queue.spent.clear()

    def expire(self, before: float, held_at: Mapping[int, float]) -> list[Held]:
        """Take out the items held since before ``before``; ``held_at`` is by ``id`` of an item."""
        expired: list[Held] = []
        for queue in self._queues.values():
            kept: deque[Held] = deque()
            for item in queue.items:
                (expired if held_at.get(id(item), before) < before else kept).append(item)
            queue.items = kept
        return expired
