"""Jobs that a cluster took, but whose pods it refuses: for quota, limits, a missing service account.

The Job controller says so in events with the reason FailedCreate, and goes on trying.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

MOST: Final = 10_000
"""Jobs that are remembered: the newest of the batch, and those whose pods are refused."""

TOLD: Final = 5
"""Kinds of refusals that are told of at once."""

Key = tuple[str, str]


class Podless:
    """Brings Jobs of a batch and events together, whichever comes first. Safe for threads.

    ``say`` gets a line for the first Job of each kind of refusal.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._ours: dict[Key, None] = {}
        self._refused: dict[Key, str] = {}
        self._told: set[str] = set()

    def add(self, namespace: str, name: str) -> None:
        """A Job of the batch that the cluster has."""
        with self._lock:
            self._ours[namespace, name] = None
            if len(self._ours) > MOST:
                del self._ours[next(iter(self._ours))]
            self._tell((namespace, name))

    def event(self, event: Mapping[str, Any]) -> None:
        """An event of the cluster; any but FailedCreate of a Job is passed over."""
        about = event.get("involvedObject") or {}
        if event.get("reason") != "FailedCreate" or about.get("kind") != "Job":
            return
        key = (str(about.get("namespace")), str(about.get("name")))
        with self._lock:
            self._refused[key] = str(event.get("message")).removeprefix("Error creating: ")
            if len(self._refused) > MOST:
                del self._refused[next(iter(self._refused))]
            self._tell(key)

    def has(self, namespace: str, name: str) -> bool:
        """Whether pods of that Job were refused."""
        with self._lock:
            return (namespace, name) in self._refused

    def found(self) -> list[tuple[str, str, str]]:
        """Namespace, name and message of each Job of the batch whose pods were refused."""
        with self._lock:
            return [(*key, words) for key, words in self._refused.items() if key in self._ours]

    def _tell(self, key: Key) -> None:
        words = self._refused.get(key)
        if words is None or key not in self._ours or len(self._told) >= TOLD:
            return
        shape = re.sub(r'"[^"]*"|\d+', "", words)
        if shape not in self._told:
            self._told.add(shape)
            self._say(f"warning: job.batch/{key[1]} was accepted, but its pods are refused: {words}")
