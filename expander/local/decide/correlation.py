"""How many events a Job leaves behind: similar ones are combined, too many are dropped.

k8s.io/client-go/tools/record (events_cache.go) decides, in the component that sends the events: the same
event again counts up; from the tenth different message with the same reason on, within ten minutes, they
share one event whose message is that of the last; and one object sends 25 events, then one every five
minutes.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from expander.local.decide.decision import Event

MOST_MESSAGES = 10
SAME_WINDOW = 600.0
"""Seconds without a similar event after which combining starts afresh."""
BURST = 25
REFILL = 300.0
"""Seconds until an object that has used up its burst may send one more event."""
MOST_OBJECTS = 4096
COMBINED = "(combined from similar events): "


class Folded(NamedTuple):
    """An event to store: ``count`` is 1 for a new one, more for a new version of the one with this ``key``."""

    key: tuple[str, ...]
    event: Event
    count: int
    first_at: float


class _Sender:
    """What is remembered of one object."""

    __slots__ = ("at", "messages", "sent", "tokens")

    def __init__(self, now: float) -> None:
        self.messages: dict[tuple[str, str], tuple[set[str], float]] = {}
        self.sent: dict[tuple[str, ...], tuple[int, float]] = {}
        self.tokens, self.at = float(BURST), now


class Correlator:
    """Remembers the events of the last `MOST_OBJECTS` objects, in memory only, as the sender does."""

    def __init__(self) -> None:
        self._senders: OrderedDict[str, _Sender] = OrderedDict()

    def fold(self, uid: str, event: Event, now: float) -> Folded | None:
        """What to store when the object ``uid`` has an event; None when it is dropped."""
        sender = self._senders.get(uid)
        if sender is None:
            sender = self._senders[uid] = _Sender(now)
            if len(self._senders) > MOST_OBJECTS:
                self._senders.popitem(last=False)
        else:
            self._senders.move_to_end(uid)
        event, key = _combine(sender, event, now)
        count, first_at = sender.sent.get(key, (0, now))
        sender.sent[key] = (count + 1, first_at)
        sender.tokens, sender.at = min(BURST, sender.tokens + (now - sender.at) / REFILL), now
        if sender.tokens < 1:
            return None
        sender.tokens -= 1
        return Folded(key, event, count + 1, first_at)


def _combine(sender: _Sender, event: Event, now: float) -> tuple[Event, tuple[str, ...]]:
    kind = (event.type, event.reason)
    messages, last = sender.messages.get(kind, (set(), now))
    if now - last > SAME_WINDOW:
        messages = set()
    sender.messages[kind] = (messages, now)
    if event.message not in messages and len(messages) >= MOST_MESSAGES - 1:
        return event._replace(message=COMBINED + event.message), kind
    messages.add(event.message)
    return event, (*kind, event.message)
