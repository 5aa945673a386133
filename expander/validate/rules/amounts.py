"""Amounts of resources as fields hold them: texts, numbers or null, and possibly no quantity at all."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Final

from expander.kube.quantity import Form, Quantity, quantity
from expander.validate.rules.checks import Findings, invalid

Written = str | int | float | None

_ZERO: Final = Quantity(Fraction(0), Form.DECIMAL_SI)


@lru_cache(maxsize=4096)
def amount(written: Written) -> Quantity:
    """The quantity of a field; null counts as zero, and so does what `check_quantity` finds to be none."""
    try:
        return _ZERO if written is None else quantity(str(written))
    except ValueError:
        return _ZERO


def check_quantity(written: Written, where: str) -> Findings:
    """The field holds a quantity. The server refuses any other while it decodes, with the same words."""
    if amount(written) is not _ZERO or written is None:
        return
    try:
        quantity(str(written))
    except ValueError as error:
        yield invalid(where, written, str(error))


def whole_units(given: Quantity) -> int:
    """The amount in whole units, rounded away from zero."""
    return int(given.rounded_up(0).value)


def is_whole(given: Quantity) -> bool:
    """True when nothing of a unit is left over, to the precision of a thousandth."""
    return given.rounded_up().value.denominator == 1
