"""Who has a name already: identities of a batch, with the item that took each.

Names that only rise, in the order of texts or, as numbers do, of lengths and texts, are different: they are
kept aside, packed. Where one value of each item makes the identity, the values are looked at in its place.
The first one out of order brings an index of all identities, in memory or on disk.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from operator import lt
from typing import TYPE_CHECKING, Any, TypeAlias

from expander.base.digests import blake2b
from expander.base.errors import InputError
from expander.items.block import ItemBlock
from expander.manifests.manifest import Manifest
from expander.render.compiled import RenderedBlock

if TYPE_CHECKING:
    import sqlite3

MAX_IN_MEMORY = 150_000
"""So many identities are kept in memory as they are; of more the items are known by number alone."""


NAMES_NEEDED = "a generated name (generateName) cannot be recognized when a request is repeated"
"""Why objects of a batch have names of their own."""

Names: TypeAlias = "Sequence[str] | range"

Holder: TypeAlias = object
"""Who has a name: an `Item`, the number of one, or None where there are no items."""


class UniqueNames:
    """The identities (kind, namespace, name) a batch has used."""

    def __init__(self, in_memory: int = MAX_IN_MEMORY) -> None:
        self._limit = in_memory
        self._rising: _RisingNames | None = _RisingNames(in_memory)
        self._taken: dict[str, Holder] = {}
        self._database: sqlite3.Connection | None = None

    def add(self, manifests: Sequence[Manifest]) -> list[tuple[Manifest, str]]:
        """Take the identities of ``manifests``; those that are taken already, with who has them.

        The second of each pair describes the item that was first, or is an empty text.
        """
        if self._rising is not None:
            if self._rising.add(manifests):
                return []
            earlier, self._rising = self._rising, None
            for names, holders in earlier:
                self._add_new(names, holders)
        identities, items = _identities(manifests)
        if self._add_new(identities, items):
            return []
        found = []
        for identity, item, manifest in zip(identities, items, manifests, strict=True):
            first = self._add_one(identity, item)
            if first is not None:
                found.append((manifest, first))
        return found

    def _add_new(self, identities: Sequence[str], holders: Sequence[Holder]) -> bool:
        """Take all of ``identities`` if none is taken or there twice; whether they were."""
        count = len(identities)
        if len(set(identities)) < count or not self._taken.keys().isdisjoint(identities):
            return False
        if self._database is None:
            if len(self._taken) + count <= self._limit:
                self._taken.update(zip(identities, holders, strict=True))
                return True
            self._database = _database()
        keys = list(map(_digest, identities))
        held = f"SELECT 1 FROM taken WHERE key IN ({','.join('?' * count)}) LIMIT 1"
        if self._database.execute(held, keys).fetchone() is not None:
            return False
        rows = sorted(zip(keys, _numbers(holders), strict=True))
        self._database.executemany("INSERT INTO taken VALUES (?, ?)", rows)
        return True

    def _add_one(self, identity: str, holder: Holder) -> str | None:
        """Take one identity; who has it, when it is taken."""
        if identity in self._taken:
            return _description(self._taken[identity])
        if self._add_new([identity], [holder]):
            return None
        assert self._database is not None
        found = self._database.execute("SELECT item FROM taken WHERE key = ?", (_digest(identity),))
        return _description(found.fetchone()[0])


def _identities(manifests: Sequence[Manifest]) -> tuple[Sequence[str], Sequence[Holder]]:
    if isinstance(manifests, RenderedBlock):
        return manifests.identities, manifests.items
    return [manifest.identity for manifest in manifests], [manifest.item for manifest in manifests]


class _RisingNames:
    """Names in rising order, with who has them: as they are up to a limit, then packed.

    A name stands between the same constant texts in each identity.
    """

    def __init__(self, in_memory: int) -> None:
        self._limit = in_memory
        self._count = 0
        self._constants: tuple[str, ...] = ()
        self._plain: list[tuple[Names, Sequence[Holder]]] = []
        self._packed: list[tuple[bytes | range, Sequence[int]]] = []
        self._last = ""
        self._by_text = self._by_length = True

    def add(self, manifests: Sequence[Manifest]) -> bool:
        """Keep the names of ``manifests`` if they go on rising; whether they do."""
        found = self._names(manifests)
        if found is None:
            return False
        names, holders = found
        is_range = isinstance(names, range)
        seen = [self._last, *(map(repr, names[:: len(names) - 1 or 1]) if is_range else names)]
        alike = len(set(map(len, seen))) == 1
        rise = (self._by_text or alike) and _rise(seen)
        self._by_text = self._by_text and rise and not (is_range and len(seen[1]) < len(seen[-1]))
        if self._by_length:
            self._by_length = rise if alike else _rise([(len(name), name) for name in seen])
        if not (self._by_text or self._by_length):
            return False
        self._last = seen[-1]
        self._count += len(names)
        self._plain.append((names, holders))
        if self._count > self._limit:
            self._packed += [(_packed(names), _numbers(holders)) for names, holders in self._plain]
            self._plain.clear()
        return True

    def _names(self, manifests: Sequence[Manifest]) -> tuple[Names, Sequence[Holder]] | None:
        """The names, with who has them; None where they stand between other texts than those before."""
        if isinstance(manifests, RenderedBlock) and (found := manifests.names) is not None:
            constants, names = found
            if constants == (self._constants or constants):
                self._constants = constants
                is_falling = isinstance(names, range) and (names.step < 0 or names[0] < 0)
                return list(map(repr, names)) if is_falling else names, manifests.items
        identities, holders = _identities(manifests)
        self._constants = self._constants or ("", "")
        if len(self._constants) > 2:
            return None
        before, behind = self._constants
        names = [identity.removeprefix(before).removesuffix(behind) for identity in identities]
        fits = all(f"{before}{name}{behind}" == each for name, each in zip(names, identities, strict=True))
        return (names, holders) if fits else None

    def __iter__(self) -> Iterator[tuple[Sequence[str], Sequence[Holder]]]:
        for data, holders in chain(self._packed, self._plain):
            names = zlib.decompress(data).decode().split("\0") if isinstance(data, bytes) else data
            yield [str(name).join(self._constants) for name in names], holders


def _rise(values: Sequence[Any]) -> bool:
    return all(map(lt, values, islice(values, 1, None)))


def _packed(names: Names) -> bytes | range:
    return names if isinstance(names, range) else zlib.compress("\0".join(names).encode(), 1)


def _numbers(holders: Sequence[Holder]) -> Sequence[int]:
    """The numbers of the items, 0 where there are no items."""
    if isinstance(holders, (range, array)):
        return holders
    if isinstance(holders, ItemBlock):
        return holders.numbers
    if not any(holders):
        return array("q", bytes(8 * len(holders)))
    return array("q", [getattr(holder, "number", 0) for holder in holders])


def _description(holder: Holder) -> str:
    """Who has a name, for a message."""
    if isinstance(holder, int):
        return f"item {holder}" if holder else ""
    return str(holder or "")


def _digest(identity: str) -> bytes:
    return blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).digest()


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
    database.execute("CREATE TABLE taken (key BLOB PRIMARY KEY, item INTEGER) WITHOUT ROWID")
    database.execute("BEGIN")
    return database
