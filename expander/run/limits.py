"""The numbers that bound a run, checked as the options of the command are."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from expander.base.errors import UsageError


def check_limits(limits: Mapping[str, float | None]) -> None:
    """Raise UsageError for one that is no number or too small; None is no limit.

    ``jobs`` (pods) and ``memory`` (bytes) are whole numbers from 1, ``cpus`` more than 0; the others are
    seconds from 0.
    """
    for name, value in limits.items():
        if value is None:
            continue
        whole = name in ("jobs", "memory")
        expected = "a whole number from 1" if whole else "more than 0" if name == "cpus" else "0 or more"
        fits = isinstance(value, int) if whole else isinstance(value, (int, float)) and isfinite(value)
        if not fits or isinstance(value, bool) or value < 0 or (value == 0 and expected != "0 or more"):
            raise UsageError(f"{name}: found {value!r}, expected {expected}")
