"""Which shape is asked for: the values of ``--as``, and a table of what each shape is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any, TypeAlias

from expander.base.dataclass import dataclass
from expander.base.errors import UsageError
from expander.manifests.edits import GROUP_LABEL
from expander.shapes.broker import BUILT_IN, brokers

Build: TypeAlias = Callable[..., Iterator[Any]]
"""From `Rows`, an iterator of each `Row`, the `Shape` and a list for warnings to lists of manifests, or to a
`QueueBatch` with its messages. Raises InputError for what the shape cannot say.
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape and its numbers.

    ``kind`` is a name of `SHAPES`. ``chunk`` is how many items one Job has (chunks), ``broker`` what holds
    the messages (queue). ``parallelism`` is how many pods of one Job run at a time, None for a number that
    fits the items. ``url`` is where workers find the broker, ``secret`` names a Secret whose key ``url`` says
    so instead; with both the Secret is part of the batch, which should then stay on this machine. ``queue``
    is the name of the queue, None for the Job's. ``group_label`` is the key of the label with the group.
    """

    kind: str = "jobs"
    chunk: int = 0
    broker: str | None = None
    parallelism: int | None = None
    url: str | None = None
    secret: str | None = None
    queue: str | None = None
    group_label: str = GROUP_LABEL

    @property
    def type(self) -> ShapeType:
        """What shapes of this kind are."""
        return SHAPES[self.kind]

    @property
    def words(self) -> str:
        """The shape in a sentence."""
        return self.type.words

    def __str__(self) -> str:
        argument = self.chunk or self.broker
        return f"{self.kind}={argument}" if argument else self.kind


def _nothing(argument: str | None) -> Mapping[str, Any] | None:
    return {} if argument is None else None


@dataclass(frozen=True, slots=True)
class ShapeType:
    """One kind of shape, as ``--as NAME`` or ``--as NAME=ARGUMENT`` asks for it.

    ``words`` say what it makes, ``forms`` how it is written. ``build`` is the ``module:function`` of its
    `Build`, loaded when it is used; without one the Jobs of the items stay as they are. ``options`` are the
    fields of `Shape` that may be chosen beside the argument. ``parse`` reads the argument (None: there is
    none) into fields of `Shape`, or gives None; ``hint`` then says what is missing.
    """

    words: str
    forms: tuple[str, ...]
    build: str = ""
    options: frozenset[str] = frozenset()
    parse: Callable[[str | None], Mapping[str, Any] | None] = lambda argument: (
        {} if argument is None else None
    )
    hint: str | None = None

    def load(self) -> Build:
        """The function that builds the shape."""
        module, _, name = self.build.partition(":")
        found: Build = getattr(import_module(module), name)
        return found


def _chunks(argument: str | None) -> Mapping[str, Any] | None:
    found = re.fullmatch("[1-9][0-9]{0,5}", argument or "")
    return {"chunk": int(found[0])} if found else None


def _queue(argument: str | None) -> Mapping[str, Any] | None:
    return {"broker": argument} if argument in {broker.name for broker in brokers()} else None


SHAPES: Mapping[str, ShapeType] = {
    "jobs": ShapeType("a Job of each item", ("jobs",)),
    "indexed": ShapeType(
        "an Indexed Job", ("indexed",), "expander.shapes.indexed:build", frozenset(["parallelism"])
    ),
    "chunks": ShapeType(
        "a Job of several items",
        ("chunks=N",),
        "expander.shapes.chunks:build",
        parse=_chunks,
        hint="N is how many items a Job gets: chunks=100",
    ),
    "queue": ShapeType(
        "a worker Job",
        tuple(f"queue={name}" for name in BUILT_IN),
        "expander.shapes.work_queue:build",
        frozenset(["parallelism", "queue", "secret", "url"]),
        _queue,
        f"name the broker: {' or '.join(f'queue={name}' for name in BUILT_IN)}",
    ),
}
"""The shapes by name."""

JOBS = Shape()


def parse_shape(text: str) -> Shape:
    """The shape that a value of ``--as`` means. Raises UsageError for any other text."""
    kind, has_argument, argument = text.partition("=")
    known = SHAPES.get(kind)
    fields = None if known is None else known.parse(argument if has_argument else None)
    if fields is None:
        *others, last = [form for shape in SHAPES.values() for form in shape.forms]
        raise UsageError(
            f"unknown shape {text!r}; expected {', '.join(others)} or {last}",
            hint=next((each.hint for name, each in SHAPES.items() if text.startswith(name)), None),
        )
    return replace(Shape(kind), **fields)
