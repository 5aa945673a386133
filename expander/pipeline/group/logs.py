"""Which logs are wanted: those of which items, pods and containers, in which order and by which name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from expander.kube.objects import Object, statuses_of, uid_of
from expander.pipeline.group.records import Record
from expander.pipeline.group.source import Reader
from expander.run.outcomes import FAILED


class Start(NamedTuple):
    """One start of a container, whose log is one thing to read; ``title`` is what people call it."""

    title: str
    pod: Object
    container: str
    previous: bool
    restarts: int

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from other starts."""
        return uid_of(self.pod), self.container, self.restarts


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which logs, and which part of each.

    ``names`` are items, ``ITEM/INDEX``, Jobs or pods (none: all); ``failed`` only items that have failed;
    ``containers`` by name (none: all); ``previous`` the start before the last one; ``tail`` lines;
    ``since`` seconds before now.
    """

    names: tuple[str, ...] = ()
    failed: bool = False
    containers: tuple[str, ...] = ()
    previous: bool = False
    tail: int | None = None
    since: float | None = None
    timestamps: bool = False
    _named: set[str] = field(default_factory=set, repr=False)

    def starts(self, record: Record) -> Iterator[Start]:
        """The logs of an item that are wanted and exist: attempts in order, init containers first."""
        if self.failed and record.state != FAILED:
            return
        whole = not self.names or self._is_named(record.item, record.job, record.label)
        for number, attempt in enumerate(record.attempts, 1):
            if not whole and not self._is_named(attempt.name):
                continue
            name = record.label if number == 1 else f"{record.label} #{number}"
            statuses = list(statuses_of(attempt.pod))
            for status in statuses:
                container, restarts = status["name"], int(status.get("restartCount") or 0)
                state = status.get("state") or {}
                begun = "running" in state or "terminated" in state or bool(status.get("lastState"))
                if self.containers and container not in self.containers:
                    continue
                if restarts if self.previous else begun:
                    title = name if len(statuses) == 1 else f"{name} {container}"
                    yield Start(title, attempt.pod, container, self.previous, restarts)

    def read(self, reader: Reader, start: Start, *, follow: bool = False) -> Iterator[bytes]:
        """The wanted part of a log, in pieces of any size."""
        return reader.log(
            start.pod,
            start.container,
            previous=start.previous,
            follow=follow and not start.previous,
            tail=self.tail,
            since=self.since,
            timestamps=self.timestamps,
        )

    @property
    def unknown(self) -> list[str]:
        """The names that nothing had so far."""
        return [name for name in self.names if name not in self._named]

    def _is_named(self, *names: str) -> bool:
        found = [name for name in names if name and name in self.names]
        self._named.update(found)
        return bool(found)
