"""Long requests in turns of a certain time, between which others are answered."""

from __future__ import annotations

import asyncio
import time
from typing import Final

TURN_SECONDS: Final = 0.01
"""Seconds of work before others are answered: a turn for each object would take as long as all that others
ask for meanwhile.
"""
TURN_ROUNDS: Final = 5
"""Rounds of the event loop that others have then: a request takes some of them."""


class Turns:
    """The turns of one request, the first of which begins now."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    async def give(self) -> bool:
        """Let others be answered if it is time; whether it was."""
        if time.monotonic() - self._begun < TURN_SECONDS:
            return False
        for _ in range(TURN_ROUNDS):
            await asyncio.sleep(0)
        self._begun = time.monotonic()
        return True
