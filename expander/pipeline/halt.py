"""When a run stops before everything is done: a policy as a value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from expander.base.errors import UsageError

_FORM = re.compile(r"(now|soon),(fail|success|done)=([0-9]{1,9})(%?)")

SMALL = 3
"""Percentages count from so many ended Jobs on: one failure of one is not yet 100 %."""


@dataclass(frozen=True, slots=True)
class Halt:
    """Stop when ``count`` Jobs (or, with ``percent``, so many of 100 ended) have failed, succeeded or ended.

    ``now`` stops what runs; otherwise (``soon``) nothing new begins and what runs is waited for.
    """

    now: bool
    what: Literal["fail", "success", "done"]
    count: int
    percent: bool = False

    @classmethod
    def parse(cls, text: str) -> Halt:
        """``now,fail=1``, ``soon,fail=10%``, ``now,success=1``, ``soon,done=100``; UsageError otherwise."""
        match = _FORM.fullmatch(text)
        if match is None or int(match[3]) == 0 or (match[4] and int(match[3]) > 100):
            raise UsageError(
                f"found {text!r}, expected WHEN,WHAT=NUMBER",
                hint="WHEN is now or soon, WHAT is fail, success or done, NUMBER a count or a percentage: "
                "now,fail=1 or soon,fail=10%",
            )
        return cls(match[1] == "now", match[2], int(match[3]), bool(match[4]))  # type: ignore[arg-type]

    def reached(self, succeeded: int, failed: int) -> bool:
        """Whether it is time to stop, with so many Jobs ended."""
        ended = succeeded + failed
        counted = {"fail": failed, "success": succeeded, "done": ended}[self.what]
        if not self.percent:
            return counted >= self.count
        return ended >= SMALL and counted * 100 >= self.count * ended


FIRST_FAILURE = Halt(True, "fail", 1)
