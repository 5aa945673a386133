"""Quantities of resources (``250m``, ``64Mi``, ``1e3``) as apimachinery's ``resource.Quantity`` has them.

A quantity is an exact count of billionths and the family of its suffix; it is written back in the
canonical form the server uses in its messages. Values finer than a billionth round away from zero and
values beyond 2**63-1 are cut to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from functools import lru_cache
from typing import Final, Literal

Family = Literal["binary", "decimal", "exponent"]

_NANO: Final = 10**9
_LIMIT: Final = (2**63 - 1) * _NANO
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_NAMES: Final = {power: name for name, power in _DECIMAL.items()}
_BINARY: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_grammar = re.compile(
    r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:([KMGTPE]i)|[eE]([+-]?[0-9]+)|([numkMGTPE]?))", re.ASCII
).fullmatch


@dataclass(frozen=True, slots=True)
class Quantity:
    """``nanos`` billionths, written with suffixes of ``family``."""

    nanos: int
    family: Family

    @property
    def value(self) -> int:
        """The quantity in whole units, rounded away from zero."""
        return _away_from_zero(self.nanos, _NANO)

    @property
    def is_whole(self) -> bool:
        """True when nothing is left of it below one unit, to the precision of a thousandth."""
        return _away_from_zero(self.nanos, _NANO // 1000) % 1000 == 0

    def __str__(self) -> str:
        if self.family == "binary" and abs(self.nanos) >= 1024 * _NANO:
            return _binary_text(self.value)
        return _decimal_text(self.nanos, exponent=self.family == "exponent")


_ZERO: Final = Quantity(0, "decimal")


@lru_cache(maxsize=4096)
def parse(text: str | int | float | None) -> Quantity:
    """The quantity written as ``text``; a JSON number is read as its text, null as zero.

    Raises ValueError for a text that is no quantity.
    """
    if text is None:
        return _ZERO
    found = _grammar(str(text))
    if found is None:
        raise ValueError(f"{text!r} is no quantity")
    digits, binary, exponent, decimal = found.groups()
    if exponent is not None:
        # beyond these powers every number is cut to the limit or rounds to one billionth
        power = max(-40, min(40, int(exponent[:6])))
        return Quantity(_nanos(Decimal(digits).scaleb(power)), "exponent")
    if binary is not None:
        return Quantity(_nanos(Decimal(digits) * 1024 ** _BINARY.index(binary)), "binary")
    return Quantity(_nanos(Decimal(digits).scaleb(_DECIMAL[decimal])), "decimal")


def parse_or_zero(text: str | int | float | None) -> Quantity:
    """As `parse`, but a text that is no quantity counts as zero: `check_quantity` finds it."""
    try:
        return parse(text)
    except ValueError:
        return _ZERO


def _nanos(number: Decimal) -> int:
    if number.adjusted() > 30:
        return -_LIMIT if number.is_signed() else _LIMIT
    count = int((number * _NANO).to_integral_value(ROUND_UP))
    return max(-_LIMIT, min(_LIMIT, count))


def _away_from_zero(count: int, unit: int) -> int:
    return -(-count // unit) if count >= 0 else count // unit


def _binary_text(value: int) -> str:
    power = 0
    while value and value % 1024 == 0 and power < len(_BINARY) - 1:
        value //= 1024
        power += 1
    return f"{value}{_BINARY[power]}"


def _decimal_text(nanos: int, *, exponent: bool) -> str:
    if nanos == 0:
        return "0"
    power = -9
    while nanos % 1000 == 0 and power < 18:
        nanos //= 1000
        power += 3
    if exponent:
        return f"{nanos}e{power}" if power else str(nanos)
    return f"{nanos}{_DECIMAL_NAMES[power]}"
