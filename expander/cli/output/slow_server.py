"""Says that a server lets a command wait."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from expander.cli.output.streams import say

if TYPE_CHECKING:
    from expander.client.transport import Transport

QUIET_SECONDS: Final = 4.0
"""How long a request may last before it is told of; the time to the next line doubles."""

LOOK_SECONDS: Final = 0.5
"""Seconds between two looks."""


def slow_words(transport: Transport, seconds: float = QUIET_SECONDS) -> str:
    """What is waited for, for people; empty when no request waits for so long."""
    wait = transport.waits.longest(seconds)
    return "" if wait is None else f"waiting for {transport.server}: {wait.why or 'no answer yet'}"


def tell_when_slow(transport: Transport | None) -> None:
    """From now on, say when a request to the server lasts long; nothing without a server."""
    if transport is not None:
        threading.Thread(target=_watch, args=(transport,), daemon=True).start()


def _watch(transport: Transport) -> None:
    pause = QUIET_SECONDS
    while True:
        time.sleep(LOOK_SECONDS)
        if words := slow_words(transport, pause):
            say(words)
            pause *= 2
        elif not slow_words(transport):
            pause = QUIET_SECONDS
