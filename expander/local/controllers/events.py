"""Records events and keeps them few, by the rules of client-go's EventCorrelator.

Ten different messages for one reason within ten minutes become one event that says so; the same message
again only counts; and of one object no more than 25 come through, then one in five minutes
(k8s.io/client-go/tools/record/events_cache.go decides).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import field
from typing import Final

from expander.base.dataclass import dataclass
from expander.local.store.database import Object
from expander.local.store.events import EventRecord, EventStore

MAX_SIMILAR_EVENTS: Final = 10
"""So many different messages of one reason are combined."""
AGGREGATION_SECONDS: Final = 600.0
"""Seconds without a similar event after which the count of similar ones starts again."""
SPAM_BURST: Final = 25
"""Events of one object that come through at once."""
SPAM_REFILL_SECONDS: Final = 300.0
"""Seconds after which one more comes through."""
MAX_CACHED_OBJECTS: Final = 4096
"""Objects whose events are remembered."""

COMBINED_PREFIX: Final = "(combined from similar events): "


@dataclass(slots=True)
class _Aggregate:
    """The recent messages of one type and reason; the combined ones count as one message, None."""

    last: float
    messages: set[str] = field(default_factory=set)
    events: dict[str | None, EventRecord] = field(default_factory=dict)


@dataclass(slots=True)
class _Subject:
    """What is remembered of one object; ``tokens`` are the events that still come through."""

    last: float
    tokens: float = SPAM_BURST
    reasons: dict[tuple[str, str], _Aggregate] = field(default_factory=dict)


class Recorder:
    """Writes the events of one component, such as ``job-controller``."""

    def __init__(self, events: EventStore, source: str) -> None:
        self._events = events
        self._source = source
        self._subjects: OrderedDict[str, _Subject] = OrderedDict()

    def record(self, obj: Object, type: str, reason: str, message: str, now: float) -> None:
        """Record one event of ``obj`` unless there were too many."""
        metadata = obj["metadata"]
        uid = metadata["uid"]
        subject = self._subjects.get(uid)
        if subject is None:
            subject = self._subjects[uid] = _Subject(now)
            if len(self._subjects) > MAX_CACHED_OBJECTS:
                self._subjects.popitem(last=False)
        else:
            self._subjects.move_to_end(uid)
        key, message, similar = _correlate(subject, type, reason, message, now)
        if not _passes_spam_filter(subject, now):
            return
        known = similar.events.get(key)
        if known is not None:
            self._events.repeat(known, message, now)
        else:
            about = (obj["kind"], metadata.get("namespace", ""), metadata["name"], uid)
            similar.events[key] = self._events.add(about, self._source, (type, reason, message), now)

    def forget(self, uid: str) -> None:
        """The object is gone."""
        self._subjects.pop(uid, None)


def _correlate(
    subject: _Subject, type: str, reason: str, message: str, now: float
) -> tuple[str | None, str, _Aggregate]:
    """What the event is counted as, its message, and its like."""
    similar = subject.reasons.get((type, reason))
    if similar is None:
        similar = subject.reasons[type, reason] = _Aggregate(now)
    elif now - similar.last > AGGREGATION_SECONDS:
        similar.messages.clear()
    similar.last = now
    similar.messages.add(message)
    if len(similar.messages) < MAX_SIMILAR_EVENTS:
        return message, message, similar
    similar.messages.pop()
    return None, COMBINED_PREFIX + message, similar


def _passes_spam_filter(subject: _Subject, now: float) -> bool:
    if subject.tokens < SPAM_BURST:
        subject.tokens = min(SPAM_BURST, subject.tokens + (now - subject.last) / SPAM_REFILL_SECONDS)
    subject.last = now
    if subject.tokens < 1:
        return False
    subject.tokens -= 1
    return True
