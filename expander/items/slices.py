"""A part of the items: ``START:STOP[:STEP]``."""

from __future__ import annotations

import re

from expander.base.errors import UsageError

_SLICE = re.compile(r"([0-9]{0,18}):([0-9]{0,18})(?::([0-9]{0,18}))?")


def parse_slice(text: str) -> slice:
    """A slice in Python's notation, without negative positions: the number of items is not known
    before the last.

    START counts from 0 and STOP is not included; an empty part means from the first, to the last,
    every one. Raises UsageError for anything else, and for a STEP of 0.
    """
    match = _SLICE.fullmatch(text)
    start, stop, step = (int(part) if part else None for part in match.groups()) if match else (None,) * 3
    if not match or step == 0:
        raise UsageError(
            f"found the slice {text!r}, expected START:STOP or START:STOP:STEP",
            hint="0:10 is the first ten items, 1::2 every second one; positions count from 0",
        )
    return slice(start, stop, step)
