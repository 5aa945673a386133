"""The operators of CEL on two values (cel-go ``common/types``)."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from expander.validate.cel.values import (
    LISTS,
    CelError,
    Duration,
    Timestamp,
    Uint,
    added_lists,
    compare,
    contains,
    equals,
    no_overload,
    whole,
)


def add(one: Any, other: Any) -> Any:
    """Sums of numbers and times; texts, bytes and lists joined."""
    kind, second = type(one), type(other)
    if kind is second:
        if kind is int:
            return whole(one + other)
        if kind in (str, float, bytes):
            return one + other
        if kind is Uint:
            return _unsigned(int(one) + int(other))
        if kind is Duration:
            return Duration(whole(one.nanoseconds + other.nanoseconds))
    if kind in LISTS and second in LISTS:
        return added_lists(one, other)
    if {kind, second} == {Duration, Timestamp}:
        return Timestamp(one.nanoseconds + other.nanoseconds)
    return no_overload()


def subtract(one: Any, other: Any) -> Any:
    """Differences of numbers and times."""
    kind, second = type(one), type(other)
    if kind is second:
        if kind is int:
            return whole(one - other)
        if kind is float:
            return one - other
        if kind is Uint:
            return _unsigned(int(one) - int(other))
        if kind in (Duration, Timestamp):
            return Duration(whole(one.nanoseconds - other.nanoseconds))
    if kind is Timestamp and second is Duration:
        return Timestamp(one.nanoseconds - other.nanoseconds)
    return no_overload()


def multiply(one: Any, other: Any) -> Any:
    """Products of numbers of one type."""
    if type(one) is not type(other):
        return no_overload()
    if type(one) is int:
        return whole(one * other)
    if type(one) is Uint:
        return _unsigned(int(one) * int(other))
    return one * other if type(one) is float else no_overload()


def divide(one: Any, other: Any) -> Any:
    """Quotients; integers are cut towards zero."""
    if type(one) is not type(other):
        return no_overload()
    if type(one) is float:
        if other:
            return one / other
        return math.nan if one == 0 or one != one else math.copysign(math.inf, one) * math.copysign(1, other)
    if type(one) not in (int, Uint):
        return no_overload()
    if not other:
        raise CelError("division by zero")
    quotient = abs(one) // abs(other)
    return type(one)(whole(quotient if (one < 0) == (other < 0) else -quotient))


def modulo(one: Any, other: Any) -> Any:
    """The rest of a division of integers, with the sign of the dividend."""
    if type(one) is not type(other) or type(one) not in (int, Uint):
        return no_overload()
    if not other:
        raise CelError("modulus by zero")
    rest = abs(one) % abs(other)
    return type(one)(-rest if one < 0 else rest)


def negate(value: Any) -> Any:
    """The same number below zero."""
    if type(value) is int:
        return whole(-value)
    if type(value) is Duration:
        return Duration(-value.nanoseconds)
    return -value if type(value) is float else no_overload()


def _unsigned(value: int) -> Uint:
    if not 0 <= value < 2**64:
        raise CelError("unsigned integer overflow")
    return Uint(value)


def _ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """An order of values by that of their `compare`; whole numbers have Python's."""

    def ordered(one: Any, other: Any) -> bool:
        if type(one) is type(other) is int:
            return holds(one, other)
        return holds(compare(one, other), 0)

    return ordered


BINARY: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": modulo,
    "==": equals,
    "!=": lambda one, other: not equals(one, other),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "in": lambda value, collection: contains(collection, value),
}
