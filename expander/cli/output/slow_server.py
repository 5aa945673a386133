"""Says that a server, or a plugin for its credentials, lets a command wait."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Self

from expander.base.child_processes import end_by_signals
from expander.cli.output.streams import say
from expander.client.waits import PLUGINS

if TYPE_CHECKING:
    from expander.client.transport import Transport

QUIET_SECONDS: Final = 4.0
"""How long a request may last before it is told of; the time to the next line doubles."""

LOOK_SECONDS: Final = 0.5
"""Seconds between two looks."""


def slow_words(transport: Transport | None, seconds: float = QUIET_SECONDS) -> str:
    """What is waited for, for people; empty when nothing takes so long."""
    if (plugin := PLUGINS.longest(seconds)) is not None:
        return plugin.why
    wait = None if transport is None else transport.waits.longest(seconds)
    if transport is None or wait is None:
        return ""
    return f"waiting for {transport.server}: {wait.why or 'no answer yet'}"


class SlowServer:
    """Says when something takes long, to the end of a block or of the process.

    ``transport`` is to be set when there is one. A signal that ends the process ends plugins, too.
    """

    def __init__(self) -> None:
        self.transport: Transport | None = None
        end_by_signals()
        self._over = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _watch(self) -> None:
        pause = QUIET_SECONDS
        while not self._over.wait(LOOK_SECONDS):
            if words := slow_words(self.transport, pause):
                say(words)
                pause *= 2
            elif not slow_words(self.transport):
                pause = QUIET_SECONDS
