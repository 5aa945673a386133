"""Which shape is asked for: the words of ``--as``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from expander.base.errors import UsageError
from expander.manifests.edits import GROUP_LABEL

Kind: TypeAlias = Literal["jobs", "indexed", "chunks", "queue"]
Broker: TypeAlias = Literal["redis", "rabbitmq"]

FORMS = "jobs, indexed, chunks=N, queue=redis or queue=rabbitmq"


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape and its numbers.

    ``chunk`` is the number of items of one Job (chunks), ``broker`` what holds the messages (queue).
    ``parallelism`` is how many pods of one Job run at a time, None for a number that fits the items.
    ``url`` is where workers find it, ``secret`` names a Secret whose key ``url`` says so instead; with both
    the Secret is part of the batch, which should then stay on this machine. ``queue``
    is the name of the queue, None for the Job's. ``group_label`` is the key of the label with the group.
    """

    kind: Kind = "jobs"
    chunk: int = 0
    broker: Broker | None = None
    parallelism: int | None = None
    url: str | None = None
    secret: str | None = None
    queue: str | None = None
    group_label: str = GROUP_LABEL

    @property
    def words(self) -> str:
        """The shape in a sentence."""
        return {
            "jobs": "a Job of each item",
            "indexed": "an Indexed Job",
            "chunks": "a Job of several items",
            "queue": "a worker Job",
        }[self.kind]

    def __str__(self) -> str:
        ends = {"chunks": f"={self.chunk}", "queue": f"={self.broker}"}
        return self.kind + ends.get(self.kind, "")


JOBS = Shape()


def parse_shape(text: str) -> Shape:
    """The shape that a value of ``--as`` means. Raises UsageError for any other text."""
    if text in ("jobs", "indexed"):
        return Shape("jobs" if text == "jobs" else "indexed")
    if text in ("queue=redis", "queue=rabbitmq"):
        return Shape("queue", broker="redis" if text == "queue=redis" else "rabbitmq")
    if found := re.fullmatch(r"chunks=([1-9][0-9]{0,5})", text):
        return Shape("chunks", chunk=int(found[1]))
    hint = None
    if text.startswith("chunks"):
        hint = "N is how many items a Job gets: chunks=100"
    elif text.startswith("queue"):
        hint = "name the broker: queue=redis or queue=rabbitmq"
    raise UsageError(f"there is no shape {text!r}; expected {FORMS}", hint=hint)
