"""Objects as the bytes of a row: JSON, or JSON deflated with a dictionary of objects that are like it.

The Jobs and pods of a batch differ in a few words: with one of them as the preset dictionary (RFC 1950) the
others take a tenth. Dictionaries are rows of the same file, written in the transaction of the first object
that needs them, and never change. A packed row begins with the number of its dictionary, JSON with a brace.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from expander.base.regex import regex

if TYPE_CHECKING:
    from zlib import _Compress, _Decompress


def _plain(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


encode: Callable[[Any], bytes]
decode: Callable[[bytes], Any]

try:
    from orjson import JSONEncodeError, dumps, loads

    def _fast(value: Any) -> bytes:
        try:
            return dumps(value)
        except JSONEncodeError as error:
            raise RecursionError(str(error)) from None

    encode, decode = _fast, loads
except ImportError:
    encode, decode = _plain, json.loads

DICTIONARY_TABLE: Final = """
CREATE TABLE dictionaries (id INTEGER PRIMARY KEY, sort TEXT NOT NULL, data BLOB NOT NULL);
"""

MAX_DICTIONARIES: Final = 100
"""In one file: their numbers are less than the code of a brace."""

MAX_DICTIONARY_BYTES: Final = 7 * 1024
"""What deflate can look back to with `_WINDOW_BITS`, or a little less."""

_WINDOW_BITS: Final = -13
_SMALL_WINDOW_BITS: Final = -12
_SMALL_DICTIONARY_BYTES: Final = 3 * 1024
"""What deflate can look back to with half the window, which takes half the memory to copy."""
_LEVEL: Final = 3
_MEMORY_LEVEL: Final = 4

_GOOD_RATIO: Final = 3
"""How often a packed object goes into its JSON; where it is less, the object becomes part of a dictionary."""

_BRACE: Final = ord("{")


class RestingObject(Mapping[str, Any]):
    """An object that rests in the file as the JSON ``text``, decoded when something of it is asked for that
    is not told by what it is listed by. Neither is changed.
    """

    __slots__ = ("_head", "_tree", "name", "namespace", "text", "uid")

    def __init__(self, text: bytes, uid: str, namespace: str, name: str) -> None:
        self.text = text
        self.uid = uid
        self.namespace = namespace
        self.name = name
        self._head = _HEAD.match(text)
        self._tree: dict[str, Any] | None = None

    @property
    def tree(self) -> dict[str, Any]:
        """The object."""
        if self._tree is None:
            self._tree = decode(self.text)
        return self._tree

    @property
    def labels(self) -> Mapping[str, str] | None:
        """metadata.labels."""
        if self._head is None:
            found: Mapping[str, str] | None = self.tree["metadata"].get("labels")
            return found
        return _labels(self._head["labels"])

    @property
    def bare(self) -> bytes | None:
        """The JSON without apiVersion and kind; None for one that does not begin with them."""
        return None if self._head is None else b"{" + self.text[self._head.start("metadata") :]

    def __getitem__(self, key: str) -> Any:
        if self._head is not None and (group := _TOLD.get(key)):
            return self._head[group].decode()
        return self.tree[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tree)

    def __len__(self) -> int:
        return len(self.tree)


_HEAD: Final = regex(
    rb'\{"apiVersion":"([^"\\]*)","kind":"([^"\\]*)",'
    rb'(?P<metadata>"metadata":\{[^{}]*?"labels":(?P<labels>\{(?:"[^"\\]*":"[^"\\]*",?)*\}))'
)
"""An object whose labels are told before anything else in its metadata that has a brace."""

_TOLD: Final = {"apiVersion": 1, "kind": 2}


@lru_cache
def _labels(text: bytes) -> Mapping[str, str]:
    found: Mapping[str, str] = decode(text)
    return found


class PackedConnection(sqlite3.Connection):
    """A connection to a state file, which packs and unpacks the objects in it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._dictionaries: dict[int, tuple[str, bytes]] | None = None
        self._compressors: dict[str, tuple[bytes, _Compress]] = {}
        self._decompressors: dict[int, _Decompress] = {}

    def pack(self, obj: Mapping[str, Any], sort: str | None) -> bytes:
        """The bytes for ``obj``, within the open transaction. Objects of one ``sort`` are like each other;
        those of None are not packed."""
        data = encode(obj)
        if sort is None:
            return data
        sort = f"{obj['kind']}/{sort}"
        packed = self._packed(data, sort)
        if packed is not None and len(packed) * _GOOD_RATIO <= len(data):
            return packed
        if len(data) * 2 <= MAX_DICTIONARY_BYTES and self._learn(data, sort):
            packed = self._packed(data, sort)
        return data if packed is None else packed

    def text(self, data: bytes) -> bytes:
        """The JSON of an object; sqlite3.DatabaseError when its bytes are damaged."""
        number = data[0] if data else 0
        if number == _BRACE:
            return data
        if number not in self._decompressors:
            found = self.execute("SELECT data FROM dictionaries WHERE id=?", (number,)).fetchone()
            if found is None:
                raise sqlite3.DatabaseError(f"an object is damaged: it has no dictionary {number}")
            self._decompressors[number] = zlib.decompressobj(_WINDOW_BITS, zdict=found[0])
        try:
            return self._decompressors[number].copy().decompress(memoryview(data)[1:])
        except zlib.error as error:
            raise sqlite3.DatabaseError(f"an object is damaged: {error}") from error

    def unpack(self, data: bytes) -> Any:
        """The object in a row."""
        return decode(self.text(data))

    def forget_dictionaries(self) -> None:
        """A transaction was rolled back: read again which dictionaries there are."""
        self._dictionaries = None
        self._compressors.clear()
        self._decompressors.clear()

    def _packed(self, data: bytes, sort: str) -> bytes | None:
        """None as long as there is no dictionary for this sort."""
        found = self._compressors.get(sort)
        if found is None:
            same = [number for number, each in self._known().items() if each[0] == sort]
            if not same:
                return None
            text = self._known()[same[-1]][1]
            bits = _SMALL_WINDOW_BITS if len(text) <= _SMALL_DICTIONARY_BYTES else _WINDOW_BITS
            compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, bits, _MEMORY_LEVEL, zdict=text)
            found = self._compressors[sort] = bytes((same[-1],)), compressor
        number, compressor = found[0], found[1].copy()
        return number + compressor.compress(data) + compressor.flush()

    def _learn(self, data: bytes, sort: str) -> bool:
        """Make ``data`` part of a new dictionary for its sort; False when there are enough of them."""
        known = self._known()
        if len(known) == MAX_DICTIONARIES:
            return False
        before = next((text for each, text in reversed(known.values()) if each == sort), b"")
        number, text = len(known) + 1, (before + data)[-MAX_DICTIONARY_BYTES:]
        self.execute("INSERT INTO dictionaries VALUES (?,?,?)", (number, sort, text))
        known[number] = sort, text
        self._compressors.pop(sort, None)
        return True

    def _known(self) -> dict[int, tuple[str, bytes]]:
        if self._dictionaries is None:
            rows = self.execute("SELECT id, sort, data FROM dictionaries ORDER BY id")
            self._dictionaries = {number: (sort, text) for number, sort, text in rows}
        return self._dictionaries
