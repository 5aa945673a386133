"""Optional values (cel-go ``cel/library.go``: OptionalTypes)."""

from __future__ import annotations

from typing import Any, Final

from expander.validate.cel.functions.arguments import listed
from expander.validate.cel.values import ABSENT, NONE, CelError, Optional, is_zero, no_overload


def _optional(value: Any) -> Optional:
    return value if type(value) is Optional else no_overload()


def _value(optional: Any) -> Any:
    if _optional(optional).value is ABSENT:
        raise CelError("optional.none() dereference")
    return optional.value


def _or(optional: Any, other: Any) -> Optional:
    return _optional(other) if _optional(optional).value is ABSENT else optional


def _or_value(optional: Any, other: Any) -> Any:
    return other if _optional(optional).value is ABSENT else optional.value


def _unwrapped(values: Any) -> list[Any]:
    return [each.value for each in listed(values) if _optional(each).value is not ABSENT]


FUNCTIONS: Final = {
    ("optional.none", 0): lambda: NONE,
    ("optional.of", 1): Optional,
    ("optional.ofNonZeroValue", 1): lambda value: NONE if is_zero(value) else Optional(value),
    ("optional.unwrap", 1): _unwrapped,
}
METHODS: Final = {
    ("hasValue", 0): lambda optional: _optional(optional).value is not ABSENT,
    ("or", 1): _or,
    ("orValue", 1): _or_value,
    ("unwrapOpt", 0): _unwrapped,
    ("value", 0): _value,
}
