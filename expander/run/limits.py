"""The numbers that bound a run or another call, checked as the options of the command are."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Final

from expander.base.errors import UsageError

MIN_MEMORY: Final = 1 << 20
"""The least memory for Jobs that is meant, in bytes: fewer are a number of GiB that lacks its unit."""

_WHOLE: Final = {"jobs": 1, "memory": MIN_MEMORY, "max_log_requests": 1, "tail": 0, "expect": 0}
"""The least of those that are whole numbers."""


def check_limits(limits: Mapping[str, float | None]) -> None:
    """Raise UsageError for one that is no number or too small; None is no limit.

    ``jobs`` (pods) and ``max_log_requests`` are whole numbers from 1, ``memory`` (bytes) from `MIN_MEMORY`,
    ``tail`` (lines) and ``expect`` (Jobs) from 0, ``cpus`` more than 0; the others are seconds from 0.
    """
    for name, value in limits.items():
        if value is None:
            continue
        least = _WHOLE.get(name)
        whole, some = least is not None, name == "cpus"
        unit = " of bytes" if name == "memory" else ""
        expected = (
            f"a whole number{unit} from {least}" if whole else "more than 0" if some else "seconds, 0 or more"
        )
        fits = isinstance(value, int) if whole else isinstance(value, (int, float)) and isfinite(value)
        if not fits or isinstance(value, bool) or value < (least or 0) or (value == 0 and some):
            hint = "8 GiB are 8 << 30" if name == "memory" else None
            raise UsageError(f"{name}: found {value!r}, expected {expected}", hint=hint)
