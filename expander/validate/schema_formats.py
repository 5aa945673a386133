"""The texts Kubernetes decodes into something else than a string: quantities, times and bytes.

Go's decoders decide (apimachinery's Quantity and Time, encoding/base64). Each function takes any value
and accepts what is not text: its type is another check's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from expander.kube.quantity import quantity

TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,][0-9]+)?"
    r"(?:Z|[+-]([0-9]{2}):([0-9]{2}))"
)
BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_quantity(value: Any) -> bool:
    """Whether a text is a quantity; the decoder ignores spaces around it."""
    return not isinstance(value, str) or quantity_fault(value) is None


def quantity_fault(text: str) -> str | None:
    """What apimachinery says about a text that is no quantity."""
    try:
        quantity(text.strip(" "))
    except ValueError as error:
        return str(error)
    return None


def is_time(value: Any) -> bool:
    """Whether a text is a time as Go reads RFC 3339: an hour may have one digit."""
    if not isinstance(value, str):
        return True
    found = TIME.fullmatch(value)
    if found is None:
        return False
    year, month, day, hour, minute, second, *zone = (int(part or 0) for part in found.groups())
    if not 1 <= month <= 12 or hour > 23 or minute > 59 or second > 59 or zone[0] > 24 or zone[1] > 60:
        return False
    is_short_february = month == 2 and (year % 4 != 0 or (year % 100 == 0 and year % 400 != 0))
    return 1 <= day <= (28 if is_short_february else DAYS[month - 1])


def is_base64(value: Any) -> bool:
    """Whether a text is base64 with its padding; line ends in it do not count."""
    return not isinstance(value, str) or bool(BASE64.fullmatch(value.replace("\n", "").replace("\r", "")))


FORMATS: dict[str, Callable[[Any], bool]] = {
    "kubernetes-quantity": is_quantity,
    "kubernetes-time": is_time,
    "kubernetes-bytes": is_base64,
}
"""The name a format has in a compiled schema, and its check."""
