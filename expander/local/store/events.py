"""What was recorded about objects, as rows; an API Event is made of one when somebody asks.

Events are not kept for ever in a cluster (an hour); here they stay as long as the state folder.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice, takewhile
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.log import INFO, Log
from expander.kube.scheme import BY_KIND
from expander.kube.time import api_time

log = Log("local")

_ADD: Final = "INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
_REPEAT: Final = "UPDATE events SET message=?, last=?, count=? WHERE id=?"
ABOUT: Final = ("kind", "namespace", "name", "uid")
_UIDS: Final = "6fd9a63e-8c0f-4f6b-a3ba-7d3ad5b2a9f1"
SCHEDULER: Final = "default-scheduler"
"""The source whose events are of the newer kind."""

_NAME: Final = "(name || '.' || printf('%x', CAST(first * 1e9 AS INTEGER) + id % 1000))"
"""The name of the API's Event, as `api_event` gives it."""
_INDEX: Final = f"CREATE INDEX IF NOT EXISTS event_names ON events (namespace, {_NAME})"
PAGE_ROWS: Final = 500
"""Rows read at a time."""

COLUMNS: Final = {
    **{f"{about}.{each}": each for about in ("involvedObject", "regarding") for each in ABOUT},
    **dict.fromkeys(("source", "reportingComponent", "reportingController"), "source"),
    "reason": "reason",
    "type": "type",
}
"""The columns that hold fields of an Event which it can be selected by."""

MAX_REMEMBERED_CHANGES: Final = 20_000
"""Changes to events that a watch may be behind."""


def columns_of(fields: Mapping[str, str]) -> dict[str, str]:
    """The values that columns must have where fields of an Event must have these, as far as columns tell."""
    return {COLUMNS[field]: value for field, value in fields.items() if field in COLUMNS}


@dataclass(slots=True)
class EventRecord:
    """One event: what ``source`` said of an object, first and last when (Unix seconds), how often."""

    id: int
    kind: str
    namespace: str
    name: str
    uid: str
    source: str
    type: str
    reason: str
    message: str
    first: float
    last: float
    count: int


class EventStore:
    """The events of one database; a commit of its objects makes them durable too once flushed.

    ``version`` gives the resource version of the last change to any object. ``indexed``: events are asked for
    by names, often.
    """

    def __init__(
        self, database: sqlite3.Connection, version: Callable[[], int] = lambda: 0, *, indexed: bool = False
    ) -> None:
        self._database = database
        if indexed:
            database.execute(_INDEX)
        self._version = version
        (last,) = database.execute("SELECT max(id) FROM events").fetchone()
        self._last: int = last or 0
        self._added: list[EventRecord] = []
        self._repeated: dict[int, EventRecord] = {}
        self._open: tuple[list[EventRecord], dict[int, EventRecord]] = [], {}
        """What was written into the transaction that is open: added and repeated."""
        self._changes: deque[tuple[EventRecord, bool, int]] = deque(maxlen=MAX_REMEMBERED_CHANGES)
        self.changed = 0
        """How many events were recorded or counted again by this process."""

    def add(
        self, about: tuple[str, str, str, str], source: str, what: tuple[str, str, str], now: float
    ) -> EventRecord:
        """Record ``what`` (type, reason, message) of the object ``about`` (kind, namespace, name, uid)."""
        self._last += 1
        event = EventRecord(self._last, *about, source, *what, now, now, 1)
        _log(event)
        self._added.append(event)
        self._change(event, new=True)
        return event

    def repeat(self, event: EventRecord, message: str, now: float) -> None:
        """Count an event once more, with the message it has now."""
        event.message, event.last, event.count = message, now, event.count + 1
        _log(event)
        self._repeated[event.id] = event
        self._change(event, new=False)

    def since(
        self, changed: int, wanted: Mapping[str, str] = MappingProxyType({})
    ) -> list[tuple[EventRecord, bool]] | None:
        """The events recorded, or counted again, since `changed` had that value, and whether each is new.

        ``wanted`` are values that columns must have. None when so many changes are not remembered.
        """
        count = self.changed - changed
        if count > len(self._changes):
            return None
        found = [(event, new) for event, new, _ in islice(reversed(self._changes), count)][::-1]
        for column, value in wanted.items():
            read = attrgetter(column)
            found = [each for each in found if read(each[0]) == value]
        return found

    def changed_at(self, version: int) -> int:
        """What `changed` was when the objects had ``version``, or a little less."""
        later = takewhile(lambda change: change[2] >= version, reversed(self._changes))
        return self.changed - sum(1 for _ in later)

    def _change(self, event: EventRecord, new: bool) -> None:
        self.changed += 1
        self._changes.append((event, new, self._version()))

    def of(self, namespace: str | None = None, name: str | None = None) -> Iterator[EventRecord]:
        """The events of a namespace, or of the objects of one name in it, oldest first."""
        self.flush()
        wanted = [("namespace", namespace), ("name", name)]
        given = [(f"{column}=?", value) for column, value in wanted if value is not None]
        given += [] if name is None else _names_of(name)
        where = " AND ".join(term for term, _ in given) or "true"
        query = f"SELECT * FROM events WHERE {where} ORDER BY id"
        for row in self._database.execute(query, [value for _, value in given]):
            yield EventRecord(*row)

    def listed(
        self, namespace: str | None, after: tuple[str, str], wanted: Mapping[str, str]
    ) -> Iterator[EventRecord]:
        """The events past a namespace and a name of the API's Events, in that order, a page at a time.

        ``wanted`` are values that columns must have. What comes meanwhile may or may not show.
        """
        self.flush()
        place, name = _start(namespace, after)
        while place is not None:
            yield from self._within(place, name, wanted)
            if namespace is not None:
                break
            following = "SELECT min(namespace) FROM events WHERE namespace>?"
            (place,), name = self._database.execute(following, (place,)).fetchone(), ""

    def _within(self, namespace: str, after: str, wanted: Mapping[str, str]) -> Iterator[EventRecord]:
        given = [("namespace=?", namespace), *((f"{column}=?", value) for column, value in wanted.items())]
        given += _names_of(wanted["name"]) if "name" in wanted else []
        where = " AND ".join(term for term, _ in given)
        query = (
            f"SELECT {_NAME}, * FROM events WHERE {where} AND {_NAME}>? ORDER BY {_NAME} LIMIT {PAGE_ROWS}"
        )
        values, more = [value for _, value in given], True
        while more:
            page = self._database.execute(query, (*values, after)).fetchall()
            yield from (EventRecord(*row) for _, *row in page)
            if more := len(page) == PAGE_ROWS:
                after = page[-1][0]

    def count(self, namespace: str | None, after: tuple[str, str]) -> int:
        """How many events `listed` gives."""
        self.flush()
        query = f"SELECT count(*) FROM events WHERE namespace=?1 AND {_NAME}>?2"
        query += "" if namespace is not None else " OR namespace>?1"
        (found,) = self._database.execute(query, _start(namespace, after)).fetchone()
        count: int = found
        return count

    def forget(self, namespace: str) -> None:
        """Delete the events of a namespace."""
        self.flush()
        if not self._database.in_transaction:
            self._database.execute("BEGIN")
        self._database.execute("DELETE FROM events WHERE namespace=?", (namespace,))

    def withdraw(self, uid: str) -> None:
        """Take back what was recorded of an object since the last commit, before anybody heard of it."""
        if any(event.uid == uid for event in self._added):
            self._added = [event for event in self._added if event.uid != uid]
            kept = [change for change in self._changes if change[0].uid != uid]
            self.changed -= len(self._changes) - len(kept)
            self._changes = deque(kept, MAX_REMEMBERED_CHANGES)

    def flush(self) -> None:
        """Write into the open transaction, which is begun if there is none."""
        if not (self._added or self._repeated):
            return
        if not self._database.in_transaction:
            self._database.execute("BEGIN")
        self._open[0].extend(self._added)
        self._open[1].update(self._repeated)
        self._database.executemany(_ADD, map(_row, self._added))
        if self._repeated:
            repeated = [(each.message, each.last, each.count, each.id) for each in self._repeated.values()]
            self._database.executemany(_REPEAT, repeated)
        self._added, self._repeated = [], {}

    def committed(self) -> None:
        """What was flushed is durable."""
        self._open = [], {}

    def rolled_back(self) -> None:
        """What was flushed is not in the file: it is written again with the next flush."""
        added, repeated = self._open
        self._open = [], {}
        new = {event.id for event in self._added}
        self._added = [*(event for event in added if event.id not in new), *self._added]
        self._repeated = repeated | self._repeated


def _log(event: EventRecord) -> None:
    if log.enabled(INFO):
        log.info(
            "%(kind)s %(namespace)s/%(name)s %(reason)s: %(event)s",
            kind=event.kind,
            namespace=event.namespace,
            name=event.name,
            reason=event.reason,
            event=event.message,
            source=event.source,
        )


def api_event(event: EventRecord) -> dict[str, Any]:
    """The v1 Event that the source's recorder would have written: the scheduler's is of the newer kind."""
    from uuid import UUID, uuid5

    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{event.name}.{int(event.first * 1e9) + event.id % 1000:x}",
            "namespace": event.namespace,
            "uid": str(uuid5(UUID(_UIDS), f"{event.uid}/{event.id}")),
            "resourceVersion": str(event.id),
            "creationTimestamp": api_time(event.first),
        },
        "involvedObject": {
            "kind": event.kind,
            "namespace": event.namespace,
            "name": event.name,
            "uid": event.uid,
            "apiVersion": BY_KIND[event.kind].api_version,
        },
        "reason": event.reason,
        "message": event.message,
        "type": event.type,
        **(_of_scheduler(event) if event.source == SCHEDULER else _of_controller(event)),
        "reportingComponent": event.source,
    }


def _of_controller(event: EventRecord) -> dict[str, Any]:
    return {
        "source": {"component": event.source},
        "firstTimestamp": api_time(event.first),
        "lastTimestamp": api_time(event.last),
        "count": event.count,
        "eventTime": None,
        "reportingInstance": "",
    }


def _of_scheduler(event: EventRecord) -> dict[str, Any]:
    """Events of events.k8s.io/v1 have no count, but a series when they were repeated."""
    found: dict[str, Any] = {
        "source": {},
        "firstTimestamp": None,
        "lastTimestamp": None,
        "eventTime": _micro(event.first),
        "action": "Binding" if event.reason == "Scheduled" else "Scheduling",
        "reportingInstance": event.source,
    }
    if event.count > 1:
        found["series"] = {"count": event.count, "lastObservedTime": _micro(event.last)}
    return found


def _start(namespace: str | None, after: tuple[str, str]) -> tuple[str | None, str]:
    """Where to begin past ``after``; None is behind all of the namespace."""
    if namespace is None or after[0] == namespace:
        return after
    return (namespace if after[0] < namespace else None), ""


def _names_of(name: str) -> list[tuple[str, str]]:
    """What the index knows of events about objects of that name: a dot follows it, and before a slash."""
    return [(f"{_NAME}>?", f"{name}."), (f"{_NAME}<?", f"{name}/")]


_row: Final = attrgetter(*EventRecord.__slots__)


def _micro(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
