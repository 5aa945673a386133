"""What every work queue offers, whichever broker holds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from expander.queues.message import Message


@dataclass(frozen=True, slots=True)
class Lease:
    """An item in the hands of one worker.

    ``attempt`` counts from 1. ``token`` is the broker's word for this very lease: after the item went to
    somebody else the token is worth nothing. ``seconds`` is how long the lease holds without being renewed.
    """

    message: Message
    attempt: int
    token: Any
    seconds: float

    @property
    def item(self) -> Any:
        """The item's value."""
        return self.message.item


@dataclass(frozen=True, slots=True)
class Filled:
    """What a fill did: messages added, and items that were there already."""

    added: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Status:
    """The numbers of a queue; None for what the broker does not know.

    ``ready`` messages wait, ``leased`` are in the hands of workers, ``done`` were completed, ``failed`` were
    given up, ``workers`` are alive. ``filled`` messages were put in by `Queue.fill`. ``redelivered``
    counts messages handed out again after a worker failed or vanished, ``duplicates`` completions that came
    after the item had gone to another worker.
    """

    ready: int
    leased: int | None
    done: int
    failed: int
    workers: int
    filled: int
    redelivered: int
    duplicates: int


Fate = Literal["again", "failed", "lost"]
"""What becomes of an item whose work failed: handed out again, given up, or another worker's already."""


class Queue(Protocol):
    """A work queue. Every method raises BrokerError when the broker cannot be used."""

    name: str

    def fill(self, messages: Iterable[Message], group: str, again: bool) -> Filled:
        """Put in the messages that no fill of the same ``group`` put in before; with ``again`` all."""

    def take(self, seconds: float, attempts: int | None) -> Lease | None:
        """The next item, None when none is ready now. Waits a moment at most.

        An item that was attempted ``attempts`` times without an end is given up instead of handed out.
        """

    def keep(self, lease: Lease) -> None:
        """Renew a lease. Raises LeaseLost when it is lost; a broker that is away for a moment is not."""

    def complete(self, lease: Lease) -> bool:
        """The work is done. False when it came too late: it is counted as a duplicate."""

    def fail(self, lease: Lease, reason: str, attempts: int | None) -> Fate:
        """The work failed: the item is handed out again, or given up after so many ``attempts``."""

    def release(self, lease: Lease) -> None:
        """Give the item back untouched: this was no attempt."""

    def empty(self) -> bool | None:
        """Whether nothing waits and nobody works; None when the broker cannot know."""

    def status(self) -> Status:
        """The numbers of now; changes nothing."""

    def drain(self, *, failed_only: bool) -> Iterator[Mapping[str, Any]]:
        """Take out every message, each as an object for JSON, and forget the counts and what was filled.

        A message is gone from the broker after the next one was asked for. With ``failed_only`` only those
        that were given up.
        """

    def close(self) -> None:
        """Let go of the connection."""
