"""A batch in another shape than a Job of each item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Literal

from expander.base.errors import ItemError, UsageError
from expander.items import Item
from expander.manifests.manifest import Manifest
from expander.pipeline.expansion import Expansion
from expander.pipeline.validator import Validator
from expander.render.template_file import Template
from expander.shapes.chunks import chunk
from expander.shapes.indexed import MOST, indexed
from expander.shapes.job_template import Row, Rows
from expander.shapes.shape import Shape, parse_shape
from expander.shapes.work_queue import Queued, queued

AHEAD = 20_000
"""Items that are looked at before the first Job is given, so that what no Job can be is seen before."""


class ShapedExpansion(Expansion):
    """The manifests of one template and its items in ``shape``; the rest is as for `Expansion`.

    The Jobs of the items are made and validated first, and each item that cannot be one is reported as usual.
    Then iterating raises InputError for what the shape cannot say. What comes out is validated again when
    ``validator`` is given. ``on_queue`` gets the messages of a work queue before its workers are given.
    """

    def __init__(
        self,
        template: Template,
        items: Iterable[Item] | None,
        output: Literal["json", "yaml"],
        on_error: Callable[[ItemError], None],
        validator: Validator | None,
        shape: Shape | str,
        on_queue: Callable[[Queued], None] | None,
    ) -> None:
        super().__init__(template, items, output, on_error, validator, unique=False)
        self.shape = parse_shape(shape) if isinstance(shape, str) else shape
        if self.shape.kind == "queue" and not (self.shape.url or self.shape.secret):
            raise UsageError(f"{self.shape} needs the URL of a broker, or a Secret that holds it")
        self._on_queue = on_queue

    def __iter__(self) -> Iterator[list[Manifest]]:
        rows = Rows(self.shape)
        stream = (row for manifests in super().__iter__() for row in rows.of(manifests))
        for manifests in self._shaped(rows, stream):
            if self._validator is not None:
                manifests = self._validator.accepted(manifests, self._fail)
            if manifests:
                yield manifests

    def _shaped(self, rows: Rows, stream: Iterator[Row]) -> Iterator[list[Manifest]]:
        if self.shape.kind == "chunks":
            yield from self._chunks(rows, stream)
            return
        items = list(islice(stream, MOST + 1)) if self.shape.kind == "indexed" else list(stream)
        if not items:
            rows.require_job()
        elif self.shape.kind == "indexed":
            yield [*rows.others(), *indexed(rows, items, self.shape, self.shape_warnings)]
        else:
            yield from self._queued(rows, items)

    def _queued(self, rows: Rows, items: Sequence[Row]) -> Iterator[list[Manifest]]:
        """The workers' Job, when the messages have been handed over."""
        found = queued(rows, items, self.shape, self.shape_warnings)
        manifests = [*rows.others(), *found.manifests]
        if self._validator is not None:
            manifests = self._validator.accepted(manifests, self._fail)
        if len(manifests) == len(rows.others()) + len(found.manifests):
            if self._on_queue is not None:
                self._on_queue(found)
            yield manifests

    def _chunks(self, rows: Rows, stream: Iterator[Row]) -> Iterator[list[Manifest]]:
        first = number = told = 0
        ahead = list(islice(stream, AHEAD))
        rows.require_job()
        stream = chain(ahead, stream)
        while items := list(islice(stream, self.shape.chunk)):
            others = rows.others()[told:]
            told += len(others)
            yield [*others, chunk(rows, items, self.shape, first, number, self.shape_warnings)]
            first += len(items)
            number += 1
        if len(rows.others()) > told:
            yield rows.others()[told:]
