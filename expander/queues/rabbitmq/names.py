"""The queues that stand beside a work queue in RabbitMQ; each message in one counts one thing."""

from __future__ import annotations

from typing import NamedTuple


class Names(NamedTuple):
    """``work`` holds what waits and ``failed`` what was given up.

    ``filled`` has a key of each item that was put in, ``done`` the id of each that was completed,
    ``redelivered`` of each that was handed out again, ``late`` of each completion that the broker may not
    have heard of, ``taken`` of each that was taken out after it was given up. ``filling`` is there while a
    fill is not finished, ``busy`` has a consumer for each worker that has an item.
    """

    work: str
    filled: str
    done: str
    failed: str
    redelivered: str
    late: str
    taken: str
    filling: str
    busy: str

    @classmethod
    def of(cls, name: str) -> Names:
        """The names that go with the work queue ``name``."""
        return cls(name, *[f"{name}.{field}" for field in cls._fields[1:]])

    @property
    def beside(self) -> tuple[str, ...]:
        """The queues that workers write to."""
        return self.done, self.failed, self.redelivered, self.late


ATTEMPTS = "x-expander-attempts"
"""The header with how often a message was attempted before."""

REASON = "x-expander-reason"
"""The header that says why a message was given up."""
