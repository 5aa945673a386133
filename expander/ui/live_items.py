"""The items of a group as the page has them, with what changed since a reader looked last. Pure.

An item keeps its number until `reset` gives all of them new ones, which is another generation.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any, TypeAlias

from expander.base.dataclass import dataclass
from expander.group.records import ItemRecord
from expander.group.report import after_index, item_order, own_job
from expander.group.report_data import ItemEncoder

Key: TypeAlias = tuple[str, str, int | None]
"""What an item is known by: the namespace and name of its Job, and its index."""


def key_of(record: ItemRecord) -> Key:
    """The key of a record; a Job that is created again under its name has the same."""
    return record.namespace, record.job, record.index


@dataclass(slots=True)
class Cursor:
    """How much of the items a reader has seen."""

    generation: int = 0
    version: int = 0
    texts: int = 0


class LiveItems:
    """Items by number; readers and the one writer may be in different threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.generation = 0
        self._version = 0
        self._records: dict[Key, ItemRecord] = {}
        self._given: dict[tuple[str, str], ItemRecord] = {}
        """By the name of the Job that an index has of its own, that index."""
        self._numbers: dict[Key, int] = {}
        self._keys: list[Key] = []
        self._rows: list[list[Any] | None] = []
        self._changed: list[int] = []
        """The version in which each row became what it is."""
        self._encoder = ItemEncoder((), 0.0)

    def reset(self, records: Iterable[ItemRecord], now: float) -> None:
        """Begin anew with these items, in the order in which they were given."""
        with self._lock:
            self._records = {key_of(each): each for each in sorted(records, key=item_order)}
            found = self._records.values()
            self._given = {
                (each.namespace, own): each for each in found if (own := own_job(each)) is not None
            }
            starts = [one.started for one in found]
            starts += [attempt.started for one in found for attempt in one.attempts]
            self._encoder = ItemEncoder(found, min((at for at in starts if at is not None), default=now))
            self._numbers, self._keys, self._rows, self._changed = {}, [], [], []
            self.generation += 1
            for key in self._records:
                self._set(key, now)

    def put(self, records: Iterable[ItemRecord], gone: Iterable[Key], now: float) -> bool:
        """Take new states of items, and drop those that are ``gone``; whether a reader sees a difference."""
        with self._lock:
            self._version += 1
            touched: dict[Key, None] = {}
            for record in records:
                self._records[key_of(record)] = record
                touched[key_of(record)] = None
                if (own := own_job(record)) is not None:
                    self._given[record.namespace, own] = record
                    touched[record.namespace, own, None] = None
            for key in gone:
                self._records.pop(key, None)
                touched[key] = None
            if self._has_news_of_columns(touched):
                self.reset(self._records.values(), now)
                return True
            return sum(self._set(key, now) for key in touched) > 0

    def _has_news_of_columns(self, keys: Iterable[Key]) -> bool:
        """Whether one of these items has a column, or is in a namespace, that no item had before."""
        known = {*self._encoder.columns}
        namespace = self._keys[0][0] if self._keys else ""
        found = [self._records[key] for key in keys if key in self._records]
        several = not self._encoder.several and any(one.namespace != namespace for one in found)
        return several or any(not known.issuperset(one.columns) for one in found)

    def _set(self, key: Key, now: float) -> bool:
        """Make the row of an item anew; whether it differs."""
        record = self._shown(key)
        row = None if record is None else self._encoder.item(record, now)
        number = self._numbers.get(key)
        if number is None:
            if row is None:
                return False
            self._numbers[key] = len(self._rows)
            self._keys.append(key)
            self._rows.append(row)
            self._changed.append(self._version)
            return True
        if self._rows[number] == row:
            return False
        self._rows[number], self._changed[number] = row, self._version
        return True

    def _shown(self, key: Key) -> ItemRecord | None:
        """The item as it is shown, None if it is gone, or part of another one."""
        record = self._records.get(key)
        if record is None or own_job(record) is not None:
            return None
        return after_index(record, self._given.get((record.namespace, record.job)))

    def news(self, seen: Cursor, now: float) -> dict[str, Any] | None:
        """What a reader has not seen yet, None if that is nothing; ``seen`` moves on."""
        with self._lock:
            texts = self._encoder.texts
            if seen.generation != self.generation:
                rows = [row for row in self._rows if row is not None]
                whole = len(rows) == len(self._rows)
                if not whole:
                    self.reset(list(self._records.values()), now)
                    texts, rows = self._encoder.texts, [row for row in self._rows if row is not None]
                seen.generation, seen.version, seen.texts = self.generation, self._version, len(texts)
                return {"snapshot": self._encoder.data(rows, now), "generation": self.generation}
            if seen.version == self._version:
                return None
            changed = [
                [number, self._rows[number]] for number, at in enumerate(self._changed) if at > seen.version
            ]
            seen.version = self._version
            if not changed:
                return None
            more, seen.texts = texts[seen.texts :], len(texts)
            return {"items": changed, "texts": more, "now": round(now - self._encoder.begin, 3)}

    def shown(self) -> tuple[int, list[tuple[int, ItemRecord]]]:
        """The generation, and each item with its number."""
        with self._lock:
            found = [(number, self._shown(key)) for key, number in self._numbers.items()]
            return self.generation, [(number, record) for number, record in found if record is not None]

    def record(self, generation: int, number: int) -> ItemRecord | None:
        """The item with that number; None if it is gone, or numbers are others now."""
        with self._lock:
            if generation != self.generation or not 0 <= number < len(self._keys):
                return None
            return self._shown(self._keys[number])
