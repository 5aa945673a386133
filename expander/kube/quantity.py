"""Kubernetes quantities: ``500m``, ``1.5Gi``, ``1e3``.

The grammar, the rounding and the canonical form are those of ``resource.Quantity`` in
k8s.io/apimachinery, which decides when the API server decodes a quantity. Values are exact fractions.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache

from expander.base.dataclass import dataclass
from expander.base.regex import lazy_patterns, regex

with lazy_patterns():  # its pattern is for fractions in texts
    from fractions import Fraction

GRAMMAR = regex(r"([+-]?)0*([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[+-]?[0-9]*)")
AMOUNT = regex(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgtpeKMGTPE]?)([iI]?)(?:[bB](?:ytes?)?)?\s*")
DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in DECIMAL.items()}
BINARY_SUFFIX = {exponent: suffix for suffix, exponent in BINARY.items()} | {0: ""}
NANO, MILLI = -9, -3
MAX_INT64 = 2**63 - 1
MAX_EXPONENT = 3999
"""Powers of ten beyond this are taken for it: no machine has as much, and the numbers stay small."""
MAX_CHARS = 1000
"""Longer texts are refused; apimachinery would compute with a number of that many digits."""


class Form(Enum):
    """The kind of suffix a quantity was written with and keeps."""

    DECIMAL_EXPONENT = "12e6"
    DECIMAL_SI = "12M"
    BINARY_SI = "12Mi"


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount and the form it was written in.

    ``written`` is the text the API server keeps as it is; None when it writes the canonical form.
    """

    value: Fraction
    form: Form
    written: str | None = None

    def __str__(self) -> str:
        """The text the API server answers with."""
        return self.canonical() if self.written is None else self.written

    def rounded_up(self, scale: int = MILLI) -> Quantity:
        """Without digits below ten to the ``scale``, rounded away from zero: what resource lists hold."""
        value = away_from_zero(self.value, scale)
        return self if value == self.value else Quantity(value, self.form)

    def canonical(self) -> str:
        """The largest suffix that needs no fraction, in the quantity's own form where that is exact."""
        whole = self.value.denominator == 1
        if self.form is Form.BINARY_SI and whole and abs(self.value) >= 1024:
            return binary_text(int(self.value))
        return decimal_text(self.value, self.form)


def parse(text: str) -> Fraction:
    """The amount ``text`` stands for.

    Raises ValueError, in the API server's words, when it is not a quantity. Amounts below 1n are
    rounded away from zero to 1n.
    """
    return quantity(text).value


def canonical(text: str) -> str:
    """The text the API server answers with for ``text`` (``0.1`` -> ``100m``); ValueError as `parse`."""
    return str(quantity(text))


def compare(left: str, right: str) -> int:
    """-1, 0 or 1 as ``left`` is less than, equal to or more than ``right``; ValueError as `parse`."""
    a, b = parse(left), parse(right)
    return (a > b) - (a < b)


def fault(text: str) -> str | None:
    """What to tell a person of a text that is no quantity, with what was meant; None for one that is."""
    try:
        quantity(text)
    except ValueError:
        meant = " or ".join(_meant(text))
        return "must be a quantity, " + (f"did you mean {meant}?" if meant else "as 500m or 64Mi")
    return None


def _meant(text: str) -> list[str]:
    """The quantities that a number of bytes in other words may be: ``64MB``, ``64 gib``."""
    found = AMOUNT.fullmatch(text)
    if found is None or len(text) > MAX_CHARS:
        return []
    number, unit = found[1], found[2].upper()
    if not unit:
        return [number]
    binary = f"{number}{unit}i"
    return [binary] if found[3] else [f"{number}{'k' if unit == 'K' else unit}", binary]


@lru_cache(maxsize=4096)
def quantity(text: str) -> Quantity:
    """The quantity ``text`` stands for; ValueError as `parse`."""
    found = GRAMMAR.fullmatch(text) if text else None
    if found is None:
        raise ValueError(
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        )
    if len(text) > MAX_CHARS:
        raise ValueError("unable to parse numeric part of quantity")
    sign, whole, part, suffix = found[1], found[2] or "0", found[3] or "", found[4]
    base, exponent, form = interpret(suffix)
    digits = whole + part
    value = Fraction(int(digits)) * (Fraction(base) ** exponent) / 10 ** len(part)
    if is_small(digits, part, exponent, form, value):
        if sign == "-":
            value = -value
        return Quantity(value, form, text if is_kept(digits, exponent - len(part), form) else None)
    value = away_from_zero(value, NANO)
    if form is Form.BINARY_SI:
        value = min(value, Fraction(MAX_INT64))
        if 0 < value < 1:
            form = Form.DECIMAL_SI
    return Quantity(-value if sign == "-" else value, form)


def interpret(suffix: str) -> tuple[int, int, Form]:
    """Base, exponent and form a suffix stands for; ValueError for one that does not exist."""
    if suffix in DECIMAL:
        return 10, DECIMAL[suffix], Form.DECIMAL_SI
    if suffix in BINARY:
        return 2, BINARY[suffix], Form.BINARY_SI
    if re.fullmatch(r"[eE][+-]?[0-9]+", suffix) and abs(int(suffix[1:])) < 2**63:
        return 10, max(-MAX_EXPONENT, min(MAX_EXPONENT, int(suffix[1:]))), Form.DECIMAL_EXPONENT
    raise ValueError("unable to parse quantity's suffix")


def is_small(digits: str, part: str, exponent: int, form: Form, value: Fraction) -> bool:
    """Whether apimachinery holds the quantity in 64 bits instead of an arbitrary decimal."""
    if form is Form.BINARY_SI:
        return not part and 14 - len(digits) - exponent * 3 // 10 >= 0 and value <= MAX_INT64
    return len(digits) <= 18 and exponent - len(part) >= NANO


def is_kept(digits: str, scale: int, form: Form) -> bool:
    """Whether a quantity held in 64 bits looks canonical enough to be written back as it came."""
    if form is Form.BINARY_SI:
        return int(digits) % 8 != 0
    return scale % 3 == 0 and not digits.endswith("000") and digits[0] != "0"


def away_from_zero(value: Fraction, scale: int) -> Fraction:
    """``value`` without digits below ten to the ``scale``."""
    unit = Fraction(10) ** scale
    count = -(-abs(value) // unit)
    return (count if value >= 0 else -count) * unit


def decimal_text(value: Fraction, form: Form) -> str:
    """``value``, a whole number of billionths, with a power of a thousand as suffix."""
    number, exponent = int(value / Fraction(10) ** NANO), NANO
    if number == 0:
        return "0"
    while number % 1000 == 0:
        number, exponent = number // 1000, exponent + 3
    if form is Form.DECIMAL_EXPONENT or exponent not in DECIMAL_SUFFIX:
        return f"{number}e{exponent}" if exponent else str(number)
    return f"{number}{DECIMAL_SUFFIX[exponent]}"


def binary_text(number: int) -> str:
    """``number`` with the largest power of 1024 as suffix that divides it."""
    exponent = 0
    while number % 1024 == 0 and exponent < 60:
        number, exponent = number // 1024, exponent + 10
    return f"{number}{BINARY_SUFFIX[exponent]}"
