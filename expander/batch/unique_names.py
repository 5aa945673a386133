"""Who has a name already: identities of a batch, with the item that took each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expander.base.errors import InputError
from expander.manifests.manifest import Manifest

if TYPE_CHECKING:
    import sqlite3

MAX_IN_MEMORY = 150_000
"""So many identities are kept in memory; more go to a temporary database, and memory stays as it is."""


NAMES_NEEDED = "a generated name (generateName) cannot be recognized when a request is repeated"
"""Why objects of a batch have names of their own."""


class UniqueNames:
    """The identities (kind, namespace, name) a batch has used."""

    def __init__(self, in_memory: int = MAX_IN_MEMORY) -> None:
        self._limit = in_memory
        self._items: dict[str, object | None] = {}
        self._database: sqlite3.Connection | None = None

    def add(self, manifests: Sequence[Manifest]) -> list[tuple[Manifest, str]]:
        """Take the identities of ``manifests``; those that are taken already, with who has them.

        The second of each pair describes the item that was first, or is an empty text.
        """
        identities = [manifest.identity for manifest in manifests]
        if self._database is None and len(self._items) + len(identities) > self._limit:
            self._database = _database()
        seen = self._items
        if self._database is None and seen.keys().isdisjoint(identities):
            before = len(seen)
            seen.update(zip(identities, [manifest.item for manifest in manifests], strict=True))
            if len(seen) - before == len(identities):
                return []
            for identity in identities:
                seen.pop(identity, None)
        found = []
        for identity, manifest in zip(identities, manifests, strict=True):
            first = self._take(identity, manifest.item)
            if first is not None:
                found.append((manifest, first))
        return found

    def _take(self, identity: str, item: object | None) -> str | None:
        if identity in self._items:
            return str(self._items[identity] or "")
        if self._database is None:
            self._items[identity] = item
            return None
        from hashlib import blake2b

        key = blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        text = str(item or "")
        cursor = self._database.execute("INSERT OR IGNORE INTO taken VALUES (?, ?)", (key, text))
        if cursor.rowcount:
            return None
        (first,) = self._database.execute("SELECT item FROM taken WHERE key = ?", (key,)).fetchone()
        return str(first)


def duplicate_name(manifest: Manifest) -> InputError:
    """The error for a manifest whose identity is taken, where there are no items."""
    if manifest.name:
        return InputError(f"duplicate {manifest.kind} {manifest.name!r}", where=manifest.where)
    words = f"more than one {manifest.kind} without metadata.name"
    return InputError(words, where=manifest.where, hint=f"give each a name: {NAMES_NEEDED}")


def _database() -> sqlite3.Connection:
    import sqlite3

    database = sqlite3.connect("", isolation_level=None)  # a temporary file that nobody else sees
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA cache_size = -16000")
    database.execute("CREATE TABLE taken (key BLOB PRIMARY KEY, item TEXT) WITHOUT ROWID")
    database.execute("BEGIN")
    return database
