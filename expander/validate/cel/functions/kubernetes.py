"""Quantities, formats, versions (``cel/library`` of apiserver: quantity.go, format.go, semver.go)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Final

from expander.base.named_tuple import NamedTuple
from expander.base.regex import regex
from expander.kube.quantity import parse as parse_quantity
from expander.validate.cel.functions.arguments import text
from expander.validate.cel.functions.times import parse_timestamp
from expander.validate.cel.urls import parse_request_uri
from expander.validate.cel.values import MAX_INT, MIN_INT, NONE, CelError, Optional, no_overload
from expander.validate.rules import formats


class Amount(NamedTuple):
    """A quantity."""

    value: Fraction


class Version(NamedTuple):
    """A semantic version; ``before`` are the identifiers of a pre-release."""

    numbers: tuple[int, int, int]
    before: tuple[str, ...]
    build: tuple[str, ...]

    def order(self) -> tuple[Any, ...]:
        """What versions are compared by; the build says nothing."""
        parts = tuple((0, int(each), "") if each.isdecimal() else (1, 0, each) for each in self.before)
        return (self.numbers, not parts, parts)


class Format(NamedTuple):
    """A named format: what is wrong with a text."""

    name: str
    faults: Callable[[str], Sequence[str]]


_PART: Final = r"(?:0|[1-9]\d*)"
_IDENTIFIER: Final = r"(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION: Final = regex(
    rf"({_PART})\.({_PART})\.({_PART})(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)


def to_quantity(value: Any) -> Amount:
    """``quantity(text)``."""
    try:
        return Amount(parse_quantity(text(value)))
    except ValueError as error:
        raise CelError(str(error)) from None


def _accepts(parse: Callable[[Any], object]) -> Callable[[Any], bool]:
    def accepts(value: Any) -> bool:
        try:
            parse(text(value))
        except (CelError, ValueError):
            return type(value) is not str and no_overload()
        return True

    return accepts


def _amount(value: Any) -> Fraction:
    if type(value) is int:
        return Fraction(value)
    return value.value if isinstance(value, Amount) else no_overload()


def _is_integer(value: Any) -> bool:
    amount = _amount(value)
    return amount.denominator == 1 and MIN_INT <= amount <= MAX_INT


def _as_integer(value: Any) -> int:
    if not _is_integer(value):
        raise CelError("cannot convert value to integer")
    return int(_amount(value))


def _sign(value: Any) -> int:
    amount = _amount(value)
    return (amount > 0) - (amount < 0)


def to_version(value: Any, normalized: Any = False) -> Version:
    """``semver(text)``; with ``normalized`` a ``v`` in front, missing numbers and zeros are allowed."""
    written = text(value)
    if normalized is True:
        core, rest = regex(r"([^-+]*)(.*)").fullmatch(written.removeprefix("v")).groups()  # type: ignore[union-attr]
        numbers = [each.lstrip("0") or "0" if each.isdecimal() else each for each in core.split(".")]
        written = ".".join(numbers + ["0"] * (3 - len(numbers))) + rest
    found = _VERSION.fullmatch(written)
    if found is None:
        raise CelError(f'invalid semantic version "{value}"')
    before, build = (tuple(each.split(".")) if each else () for each in found.groups()[3:])
    return Version((int(found[1]), int(found[2]), int(found[3])), before, build)


def _is_version(value: Any, normalized: Any = False) -> bool:
    return _accepts(lambda written: to_version(written, normalized))(value)


def _number(at: int) -> Callable[[Any], int]:
    return lambda value: value.numbers[at] if isinstance(value, Version) else no_overload()


def _order(one: Any, other: Any) -> int:
    if isinstance(one, Version) and isinstance(other, Version):
        first, second = one.order(), other.order()
        return (first > second) - (first < second)
    if isinstance(one, Amount) and isinstance(other, Amount):
        return (one > other) - (one < other)
    return no_overload()


def _prefix(rule: Callable[[str], Sequence[str]]) -> Callable[[str], Sequence[str]]:
    """``rule`` for the beginning of a name, which may end with a dash."""
    return lambda value: rule(f"{value[:-1]}a" if len(value) > 1 and value.endswith("-") else value)


def _parsed(parse: Callable[[str], object], fault: str) -> Callable[[str], Sequence[str]]:
    def faults(value: str) -> Sequence[str]:
        try:
            parse(value)
        except (CelError, ValueError):
            return (fault,)
        return ()

    return faults


def _spelt(expression: str, fault: str) -> Callable[[str], Sequence[str]]:
    pattern = regex(expression)
    return lambda value: () if pattern.fullmatch(value) else (fault,)


_NAMED: Final = {
    each.name: each
    for each in (
        Format("dns1123Label", formats.dns_label),
        Format("dns1123Subdomain", formats.dns_subdomain),
        Format("dns1035Label", formats.dns_1035_label),
        Format("qualifiedName", formats.qualified_name),
        Format("dns1123LabelPrefix", _prefix(formats.dns_label)),
        Format("dns1123SubdomainPrefix", _prefix(formats.dns_subdomain)),
        Format("dns1035LabelPrefix", _prefix(formats.dns_1035_label)),
        Format("labelValue", formats.label_value),
        Format("uri", _parsed(parse_request_uri, "invalid URI")),
        Format(
            "uuid",
            _spelt(
                "[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}", "does not match the UUID format"
            ),
        ),
        Format(
            "byte", _spelt("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", "invalid base64")
        ),
        Format("date", _parsed(lambda value: parse_timestamp(f"{value}T00:00:00Z"), "invalid date")),
        Format("datetime", _parsed(parse_timestamp, "invalid datetime")),
    )
}


def _format_named(name: Any) -> Optional:
    found = _NAMED.get(text(name))
    return NONE if found is None else Optional(found)


def _validate(form: Any, value: Any) -> Optional:
    if not isinstance(form, Format):
        return no_overload()
    faults = list(form.faults(text(value)))
    return Optional(faults) if faults else NONE


def _constant(form: Format) -> Callable[[], Format]:
    return lambda: form


FUNCTIONS: Final = {
    ("format.named", 1): _format_named,
    ("isQuantity", 1): _accepts(to_quantity),
    ("isSemver", 1): _is_version,
    ("isSemver", 2): _is_version,
    ("quantity", 1): to_quantity,
    ("semver", 1): to_version,
    ("semver", 2): to_version,
    **{(f"format.{name}", 0): _constant(form) for name, form in _NAMED.items()},
}
METHODS: Final = {
    ("add", 1): lambda one, other: Amount(_amount(one) + _amount(other)),
    ("asApproximateFloat", 0): lambda value: float(_amount(value)),
    ("asInteger", 0): _as_integer,
    ("compareTo", 1): _order,
    ("isGreaterThan", 1): lambda one, other: _order(one, other) > 0,
    ("isInteger", 0): _is_integer,
    ("isLessThan", 1): lambda one, other: _order(one, other) < 0,
    ("major", 0): _number(0),
    ("minor", 0): _number(1),
    ("patch", 0): _number(2),
    ("sign", 0): _sign,
    ("sub", 1): lambda one, other: Amount(_amount(one) - _amount(other)),
    ("validate", 1): _validate,
}
