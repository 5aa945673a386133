"""The items of a group as the page has them, with what changed since a reader looked last. Pure.

An item keeps its number until `reset` gives all of them new ones, which is another generation. Items are kept
as the JSON that readers get, so that many readers cost little more than one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from itertools import takewhile
from typing import TypeAlias

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
        self._rows: list[str | None] = []
        self._changed: dict[int, int] = {}
        """The version in which each row became what it is, by its number; the last change comes last."""
        self._news: tuple[tuple[int, int, int], str] = (0, 0, 0), ""
        """What was told last, and the versions and texts that it is about."""
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
            self._numbers, self._keys, self._rows, self._changed = {}, [], [], {}
            self.generation += 1
            for key in self._records:
                self._set(key, now)

    def put(self, records: Iterable[ItemRecord], gone: Iterable[Key], now: float) -> bool:
        """Drop items that are ``gone``, and take new states of items; whether a reader sees a difference.

        An item may be both: its Job was deleted, and another made under its name.
        """
        with self._lock:
            self._version += 1
            touched: dict[Key, None] = {}
            for key in gone:
                self._records.pop(key, None)
                touched[key] = None
            for record in records:
                self._records[key_of(record)] = record
                touched[key_of(record)] = None
                if (own := own_job(record)) is not None:
                    self._given[record.namespace, own] = record
                    touched[record.namespace, own, None] = None
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
        row = None if record is None else _json(self._encoder.item(record, now))
        number = self._numbers.get(key)
        if number is None:
            if row is None:
                return False
            number = self._numbers[key] = len(self._rows)
            self._keys.append(key)
            self._rows.append(row)
            self._changed[number] = self._version
            return True
        if self._rows[number] == row:
            return False
        self._rows[number] = row
        del self._changed[number]
        self._changed[number] = self._version
        return True

    def _shown(self, key: Key) -> ItemRecord | None:
        """The item as it is shown, None if it is gone, or part of another one."""
        record = self._records.get(key)
        if record is None or own_job(record) is not None:
            return None
        return after_index(record, self._given.get((record.namespace, record.job)))

    def news(self, seen: Cursor, now: float) -> str | None:
        """What a reader has not seen yet, as JSON, None if that is nothing; ``seen`` moves on."""
        with self._lock:
            if seen.generation != self.generation:
                if None in self._rows:
                    self.reset(list(self._records.values()), now)
                told: str | None = self._snapshot(now)
            elif seen.version == self._version:
                return None
            else:
                told = self._changes(seen, now)
            seen.generation, seen.version = self.generation, self._version
            seen.texts = self._encoder.text_count
            return told

    def _snapshot(self, now: float) -> str:
        before, _, after = _json(self._encoder.data([], now)).rpartition("[]")  # the items come last
        rows = ",".join(filter(None, self._rows))
        return f'{{"snapshot":{before}[{rows}]{after},"generation":{self.generation}}}'

    def _changes(self, seen: Cursor, now: float) -> str | None:
        """The rows that changed since; those who have seen as much are told the same."""
        key = (seen.version, self._version, seen.texts)
        if self._news[0] != key:
            changed = takewhile(lambda each: each[1] > seen.version, reversed(self._changed.items()))
            numbers = sorted(number for number, _ in changed)
            rows = ",".join(f"[{number},{self._rows[number] or 'null'}]" for number in numbers)
            texts, time = _json(self._encoder.texts[seen.texts :]), round(now - self._encoder.begin, 3)
            self._news = key, f'{{"items":[{rows}],"texts":{texts},"now":{time}}}' if rows else ""
        return self._news[1] or None

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


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
