"""The values of CEL at run time, and what is true of all of them: equality, order, membership, size.

Booleans, integers, floats, texts, bytes, lists, maps and null are Python's own. Data that is looked at
through a schema is a `TypedMap` or `TypedList`, whose parts become values when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final, NoReturn, TypeAlias

from expander.base.dataclass import dataclass

Convert: TypeAlias = Callable[[Any], Any]
"""JSON data to a value. Raises CelError for data that its schema does not allow."""

ABSENT: Final[Any] = type("Absent", (), {"__repr__": lambda self: "ABSENT"})()
"""What is not there, where None is null."""

MIN_INT: Final = -(2**63)
MAX_INT: Final = 2**63 - 1


class CelError(Exception):
    """An error of evaluation, in the words of cel-go."""


class UncheckedError(CelError):
    """Only a server knows what was asked for; what does not hang on it is decided all the same."""


def more_telling(first: CelError, second: CelError) -> CelError:
    """Which of two errors stands for both: what is not known could decide where an error could not."""
    return second if isinstance(second, UncheckedError) else first


class Uint(int):
    """An unsigned integer."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time in nanoseconds."""

    nanoseconds: int


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A moment, in nanoseconds since 1970 in UTC."""

    nanoseconds: int


@dataclass(frozen=True, slots=True)
class Optional:
    """A value that may be absent."""

    value: Any = ABSENT


NONE: Final = Optional()


@dataclass(frozen=True, slots=True)
class Type:
    """The type of a value."""

    name: str


class TypedMap:
    """An object or map of JSON data; ``fields`` are those an object has, ``other`` converts any other key."""

    __slots__ = ("fields", "other", "raw")

    def __init__(
        self, raw: Mapping[str, Any], fields: Mapping[str, Convert], other: Convert | None = None
    ) -> None:
        self.raw, self.fields, self.other = raw, fields, other

    def get(self, key: Any) -> Any:
        """The value of a key; ABSENT when there is none that the schema knows."""
        found = self.raw.get(key, ABSENT)
        if found is ABSENT:
            return ABSENT
        convert = self.fields.get(key, self.other)
        return ABSENT if convert is None else convert(found)

    def keys(self) -> list[str]:
        """The keys that the schema knows."""
        return list(self.raw) if self.other is not None else [key for key in self.raw if key in self.fields]


class TypedList:
    """A list of JSON data. ``kind`` is its list type; ``keys`` those of a list that is a map."""

    __slots__ = ("convert", "keys", "kind", "raw")

    def __init__(
        self, raw: Sequence[Any], convert: Convert, kind: str = "", keys: tuple[str, ...] = ()
    ) -> None:
        self.raw, self.convert, self.kind, self.keys = raw, convert, kind, keys

    def __iter__(self) -> Iterator[Any]:
        return map(self.convert, self.raw)

    def __len__(self) -> int:
        return len(self.raw)

    def key_of(self, entry: Any) -> Any:
        """What makes an entry of a set or a map one of its own."""
        if self.kind != "map":
            return entry
        return tuple(field(entry, name, None) for name in self.keys)


NUMBERS: Final = frozenset((int, float, Uint))
LISTS: Final = frozenset((list, TypedList))
MAPS: Final = frozenset((dict, TypedMap))
TYPES: Final[Mapping[type, str]] = {
    bool: "bool",
    bytes: "bytes",
    dict: "map",
    Duration: "google.protobuf.Duration",
    float: "double",
    int: "int",
    IPv4Address: "net.IP",
    IPv6Address: "net.IP",
    list: "list",
    type(None): "null_type",
    Optional: "optional_type",
    str: "string",
    Timestamp: "google.protobuf.Timestamp",
    Type: "type",
    TypedList: "list",
    TypedMap: "map",
    Uint: "uint",
}


def no_overload() -> NoReturn:
    """The error for arguments of types that a function does not take."""
    raise CelError("no such overload")


def field(target: Any, name: str, default: Any = ABSENT) -> Any:
    """A field of an object or the value of a map's key; ``default`` when it is absent."""
    kind = type(target)
    if kind is TypedMap:
        found = target.get(name)
        return default if found is ABSENT else found
    if kind is dict:
        return target.get(name, default)
    return no_overload()


def element(target: Any, key: Any) -> Any:
    """``target[key]``; CelError when there is no such thing."""
    found = lookup(target, key)
    if found is not ABSENT:
        return found
    if type(target) in LISTS:
        raise CelError(f"index out of bounds: {_written(key)}")
    raise CelError(f"no such key: {_written(key)}")


def lookup(target: Any, key: Any) -> Any:
    """``target[key]``, or ABSENT."""
    kind = type(target)
    if kind in LISTS:
        if type(key) is float and key.is_integer():
            key = int(key)
        if type(key) not in (int, Uint):
            raise CelError(f"unsupported index type '{type_name(key)}' in list")
        if not 0 <= key < len(target):
            return ABSENT
        return target[key] if kind is list else target.convert(target.raw[key])
    if kind is TypedMap:
        return target.get(key) if type(key) is str else ABSENT
    if kind is dict:
        return target.get(key, ABSENT)
    return no_overload()


def _written(key: Any) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def equals(one: Any, other: Any) -> bool:
    """Whether two values are equal; values of different types are not, but for numbers."""
    kind, second = type(one), type(other)
    if kind in NUMBERS:
        return second in NUMBERS and bool(one == other)
    if kind in LISTS:
        return second in LISTS and _equal_lists(one, other)
    if kind in MAPS:
        if second not in MAPS or size(one) != size(other):
            return False
        for key in one.keys():  # noqa: SIM118 (a TypedMap is not iterated)
            there = lookup(other, key)
            if there is ABSENT or not equals(lookup(one, key), there):
                return False
        return True
    if kind is not second:
        return False
    if kind is Optional and ABSENT not in (one.value, other.value):
        return equals(one.value, other.value)
    return bool(one == other)


def _equal_lists(one: Any, other: Any) -> bool:
    if len(one) != len(other):
        return False
    if type(one) is TypedList and one.kind in ("set", "map"):
        mine = list(one)
        keys = [one.key_of(each) for each in mine]
        for each in other:
            places = [at for at, key in enumerate(keys) if _same_key(key, one.key_of(each))]
            if not places or (one.kind == "map" and not equals(mine[places[-1]], each)):
                return False
        return True
    return all(map(equals, one, other))


def _same_key(one: Any, other: Any) -> bool:
    if type(one) is tuple:
        return all(map(equals, one, other))
    return equals(one, other)


def added_lists(one: Any, other: Any) -> Any:
    """``one + other``; the union of sets, and maps merged by key."""
    if type(one) is not TypedList or one.kind not in ("set", "map"):
        return [*one, *other]
    found = list(one)
    keys = [one.key_of(each) for each in found]
    for each in other:
        key = one.key_of(each)
        places = [at for at, known in enumerate(keys) if _same_key(known, key)]
        if not places:
            found.append(each)
            keys.append(key)
        elif one.kind == "map":
            found[places[0]] = each
    return found


def contains(collection: Any, value: Any) -> bool:
    """``value in collection``."""
    kind = type(collection)
    if kind in LISTS:
        return any(equals(each, value) for each in collection)
    if kind in MAPS:
        return lookup(collection, value) is not ABSENT
    return no_overload()


def compare(one: Any, other: Any) -> int:
    """Negative, 0 or positive as ``one`` is less than, equal to or more than ``other``."""
    kind, second = type(one), type(other)
    if kind in NUMBERS and second in NUMBERS:
        if one != one or other != other:
            raise CelError("NaN values cannot be ordered")
    elif kind is not second or kind not in (str, bool, bytes):
        if kind is second and kind in (Duration, Timestamp):
            one, other = one.nanoseconds, other.nanoseconds
        else:
            no_overload()
    return int(one > other) - int(one < other)


def size(value: Any) -> int:
    """The characters of a text, bytes, or entries."""
    kind = type(value)
    if kind in LISTS or kind in (str, bytes, dict):
        count: int = len(value)
        return count
    if kind is TypedMap:
        return len(value.keys())
    return no_overload()


def entries(value: Any) -> Iterator[Any]:
    """What a comprehension goes through: the entries of a list, the keys of a map."""
    kind = type(value)
    if kind in LISTS:
        return iter(value)
    if kind in MAPS:
        return iter(list(value.keys()))
    return no_overload()


def pairs(value: Any) -> Iterator[tuple[Any, Any]]:
    """The same with two variables: places or keys, and values."""
    if type(value) in LISTS:
        return enumerate(value)
    return iter([(key, lookup(value, key)) for key in entries(value)])


def type_name(value: Any) -> str:
    """The name of a value's type."""
    return TYPES.get(type(value), type(value).__name__)


def truth(value: Any) -> bool:
    """A condition."""
    return value if type(value) is bool else no_overload()


def whole(value: int) -> int:
    """The result of integer arithmetic."""
    if not MIN_INT <= value <= MAX_INT:
        raise CelError("integer overflow")
    return value


def is_zero(value: Any) -> bool:
    """Whether a value is the zero value of its type."""
    if type(value) in LISTS or type(value) in MAPS:
        return not size(value)
    if isinstance(value, Duration | Timestamp):
        return not value.nanoseconds
    return not value
