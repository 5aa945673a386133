"""Addresses of hosts that Services of the type ExternalName lead to: the machine's resolver says them.

It may take its time, so it is asked in a thread; what is known already holds meanwhile.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

POLL_SECONDS: Final = 0.1
"""How often it is looked whether an answer has come."""

TTL_SECONDS: Final = 30.0
"""An answer that is older is asked for again when somebody wants it, and one that failed anyway."""


def addresses_of(host: str) -> list[str]:
    """The IPv4 addresses of a host, in the order of the resolver; none if it knows none."""
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(address[0]) for *_, address in found]


class HostLookup:
    """Asks ``resolve`` for the addresses of hosts, each in a thread. Times are Unix seconds."""

    def __init__(self, resolve: Callable[[str], list[str]] = addresses_of) -> None:
        self._resolve = resolve
        self._known: dict[str, list[str]] = {}
        self._answered: dict[str, float] = {}
        self._asked: set[str] = set()
        self._answers: SimpleQueue[tuple[str, list[str]]] = SimpleQueue()
        self._now = 0.0

    def addresses(self, host: str) -> list[str]:
        """What is known of a host by now; `refresh` tells when it is something else."""
        at = self._answered.get(host)
        if at is None or self._now - at >= TTL_SECONDS:
            self._ask(host)
        return self._known.get(host, [])

    def refresh(self, now: float) -> bool:
        """Take the answers that have come; whether a host has other addresses than before."""
        self._now, changed = now, False
        while not self._answers.empty():
            host, found = self._answers.get()
            self._asked.discard(host)
            self._answered[host] = now
            changed |= found != self._known.get(host, [])
            self._known[host] = found
        for host, at in self._answered.items():
            if not self._known[host] and now - at >= TTL_SECONDS:
                self._ask(host)
        return changed

    def deadline(self) -> float | None:
        """When to call `refresh` though nothing happened; None for never."""
        return self._now + POLL_SECONDS if self._asked else None

    def _ask(self, host: str) -> None:
        if host not in self._asked:
            self._asked.add(host)
            threading.Thread(target=self._answer, args=(host,), name="host-lookup", daemon=True).start()

    def _answer(self, host: str) -> None:
        self._answers.put((host, self._resolve(host)))
