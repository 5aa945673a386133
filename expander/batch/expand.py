"""The manifests of one template and its items, made as they are asked for."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import replace
from itertools import islice
from math import inf
from operator import attrgetter
from typing import TYPE_CHECKING, Literal

from expander.base.errors import InputError, ItemError, Problem, UsageError
from expander.base.option_names import if_typed, option
from expander.batch.unique_names import NAMES_NEEDED, UniqueNames
from expander.batch.validator import Validator, locate
from expander.items.block import ItemBlocks
from expander.items.item import Item, item_number
from expander.kube.wellknown import RUN_TO_COMPLETION
from expander.manifests.edits import ITEM_ANNOTATION
from expander.manifests.manifest import Manifest
from expander.render.compiled import RenderedBlock
from expander.render.placeholder import COMMAND_SOURCE
from expander.render.template_file import Template
from expander.shapes.shape import Shape

if TYPE_CHECKING:
    from expander.shapes.work_queue import QueueBatch

MAX_CHUNK_ITEMS = 512
MAX_BLOCK_ITEMS = 1024

FIRST_MANIFESTS = 100
"""So many manifests are looked at for objects that later items may share."""


class Expansion:
    """The manifests of one template and its items.

    Iterating gives lists of manifests in the order of the items. An item that cannot become a manifest, or
    takes a name that another has, goes to ``on_error`` as an `ItemError`, also in the order of the items,
    whatever finds what is wrong; the others go on. ``warnings`` and
    ``failed`` (how many items did not become manifests) are complete when the iteration is over. Without
    ``unique`` names may be there twice. ``notes`` is what the reader of the items has to say. An object that
    is no Job and the same for all items is made once. Of an item of which one object is refused none is made.
    """

    is_sent = True
    """Whether the manifests of the items are those that a server gets."""

    def __init__(
        self,
        template: Template,
        items: Iterable[Item] | None,
        output: Literal["json", "yaml"],
        on_error: Callable[[ItemError], None],
        validator: Validator | None = None,
        unique: bool = True,
        notes: Sequence[str] = (),
    ) -> None:
        self._unique = unique
        self._notes = notes
        self._validator = validator
        self._template = template
        self._items = items
        self._output = output
        self._on_error = on_error
        self._errors: list[ItemError] = []
        """Those that are not told yet."""
        self._refused: set[int] = set()
        """The numbers of items read last that are refused."""
        self._read = 0
        """The number of the last item that has become a manifest, or has not."""
        self.failed = 0
        self.shape_warnings: list[str] = []

    @property
    def warnings(self) -> list[str]:
        """What a user should know about the template."""
        found = list(self._template.warnings)
        if self._validator is not None:
            found += [*self._validator.warnings, *self._validator.batch_warnings()]
        return [*found, *self.shape_warnings, *self._notes]

    def __iter__(self) -> Iterator[Sequence[Manifest]]:
        try:
            yield from self._accepted()
        except (InputError, UsageError):
            self._tell()
            raise
        self._tell()

    def _accepted(self) -> Iterator[Sequence[Manifest]]:
        taken, shared = UniqueNames(), _Shared()
        for results in self._results():
            manifests = made = self._made(results)
            collisions = taken.add(manifests) if self._unique else []
            repeated: set[int] = set()
            """Objects that are there already, by `id`."""
            if collisions:
                refused = {id(manifest) for manifest, _ in collisions}
                for manifest, first in collisions:
                    if self._items is None or not shared.has(manifest):
                        self.refuse(_collision(manifest, first))
                    elif shared.claim(manifest):
                        refused.discard(id(manifest))
                    else:
                        repeated.add(id(manifest))
                manifests = [manifest for manifest in manifests if id(manifest) not in refused]
            if self._items is not None:
                shared.note(manifests)
            if manifests and self._validator is not None:
                manifests = self._validator.accepted(manifests, self.refuse, is_sent=self.is_sent)
            if self._refused:
                manifests = self._whole(made, manifests, repeated, shared)
            self._tell(self._read)
            if manifests:
                yield manifests

    def _whole(
        self, made: Sequence[Manifest], accepted: Sequence[Manifest], repeated: Set[int], shared: _Shared
    ) -> Sequence[Manifest]:
        """The ``accepted`` of ``made`` without those of items of which another one is refused.

        What one of these would have had in common with later items is made for the first of them.
        """
        refused, self._refused = self._refused, set()
        if isinstance(made, RenderedBlock):  # of a template with one object
            return accepted
        good = {*map(id, accepted)}
        found = []
        for manifest in made:
            is_refused = item_number(manifest.item) in refused
            if id(manifest) in repeated:
                if not is_refused and shared.claim(manifest):
                    found.append(manifest)
            elif id(manifest) in good:
                if is_refused:
                    shared.release(manifest)
                else:
                    found.append(manifest)
        return found

    def each(self, on_warning: Callable[[str], None] | None = None) -> Iterator[Manifest]:
        """The manifests one by one; in the end ``on_warning`` gets what to know about the shape."""
        for manifests in self:
            yield from manifests
        if on_warning is not None:
            for words in (*self.shape_warnings, *self._notes):
                on_warning(words)

    def refuse(self, error: ItemError) -> None:
        """Count an item that does not become a manifest, and keep the error until it is told."""
        self.failed += 1
        self._errors.append(error)
        if error.number:
            self._refused.add(error.number)

    def _tell(self, last: float = inf) -> None:
        """Tell the errors of the items up to number ``last``, which are all known, in their order."""
        if self._errors:
            number = attrgetter("number")
            errors = sorted(self._errors, key=number)
            told = bisect_right(errors, last, key=number)
            self._errors = errors[told:]
            for error in errors[:told]:
                self._on_error(error)

    def _made(self, results: Sequence[Manifest | ItemError]) -> Sequence[Manifest]:
        """The manifests among ``results``; the errors are told."""
        if isinstance(results, RenderedBlock):
            return results
        manifests = []
        for result in results:
            if isinstance(result, ItemError):
                self.refuse(result)
            else:
                manifests.append(result)
        return manifests

    def _results(self) -> Iterator[Sequence[Manifest | ItemError]]:
        if self._items is None:
            yield from self._template.render_alone(self._output)  # type: ignore[attr-defined]
            return
        if isinstance(self._items, ItemBlocks):
            yield from self._of_blocks(self._items)
            return
        size, early = 1, list[Item]()
        lacking: InputError | None = None
        items = iter(self._items)
        while chunk := list(islice(items, size)):
            try:
                results = self._template.render(early + chunk, self._output)
            except InputError as error:
                if not self._template.lacks_columns or len(early) >= MAX_CHUNK_ITEMS:
                    raise
                early += chunk  # later items may have what these lack
                lacking = error
            else:
                self._read = chunk[-1].number
                yield results
                early, lacking = [], None
            size = min(size * 2, MAX_CHUNK_ITEMS)
        if lacking is not None:
            raise lacking

    def _of_blocks(self, items: ItemBlocks) -> Iterator[Sequence[Manifest | ItemError]]:
        size = 1
        for block in items.blocks:
            start = 0
            while start < len(block):
                part = block[start : start + size]
                self._read = part.numbers[-1]
                yield self._template.render(part, self._output)
                start, size = start + size, min(size * 2, MAX_BLOCK_ITEMS)


class _Shared:
    """The objects beside the Jobs of the first items: later items may have the same ones."""

    def __init__(self) -> None:
        self._contents: dict[str, str] = {}
        self._released: set[str] = set()
        self._early = FIRST_MANIFESTS

    def note(self, manifests: Sequence[Manifest]) -> None:
        """Remember the first manifests, and what is made without an item."""
        if self._early <= 0:
            if isinstance(manifests, RenderedBlock):
                return  # all are of items
            manifests = [manifest for manifest in manifests if manifest.item is None]
        self._early -= len(manifests)
        for manifest in manifests:
            if manifest.kind not in RUN_TO_COMPLETION:
                self._contents[manifest.identity] = _content(manifest)

    def has(self, manifest: Manifest) -> bool:
        """Whether the same object was there before, for another item."""
        known = self._contents.get(manifest.identity)
        return known is not None and bool(manifest.name) and known == _content(manifest)

    def release(self, manifest: Manifest) -> None:
        """An object is not made after all, as its item is refused."""
        self._released.add(manifest.identity)

    def claim(self, manifest: Manifest) -> bool:
        """Whether an object that was there before is to be made all the same, as that was released."""
        if manifest.identity not in self._released:
            return False
        self._released.discard(manifest.identity)
        return True


def _content(manifest: Manifest) -> str:
    """The object without the item that it was made for."""
    tree = json.loads(manifest.json())
    annotations = tree["metadata"].get("annotations") or {}
    annotations.pop(ITEM_ANNOTATION, None)
    if not annotations:
        tree["metadata"].pop("annotations", None)
    return json.dumps(tree)


def _collision(manifest: Manifest, first: str) -> ItemError:
    item = None if manifest.item is None else str(manifest.item)
    holder = first or "another manifest of the batch"
    place = f" in namespace {manifest.namespace}" if manifest.namespace else ""
    words = f"duplicate {manifest.kind} name {manifest.name!r}{place}, already used by {holder}"
    hint = "names must be unique within a batch"
    where = locate(manifest, ("metadata", "name"))
    of_command = where.file == COMMAND_SOURCE
    if item:
        key = f" or as {option('--key')}" if isinstance(manifest.item, Item) and manifest.item.columns else ""
        name = f"the command{key}" if of_command else "metadata.name"
        hint = f"use what differs between items in {name} ($INDEX always does)"
        hint += if_typed("; --unique drops repeats")
    if not manifest.name:
        words = f"{manifest.kind} without a name: each needs its own"
        hint = f"use $ITEM or $INDEX in metadata.name; {NAMES_NEEDED}"
    problem = Problem(words, where, item, "metadata.name", hint)
    if of_command:  # nobody sees its template
        problem = replace(problem, where=None, field=None)
    return ItemError(problem, number=item_number(manifest.item))


class ShapedExpansion(Expansion):
    """The manifests of one template and its items in ``shape``; the rest is as for `Expansion`.

    The Jobs of the items are made and validated first, and each item that cannot be one is reported as usual.
    Then iterating raises InputError for what the shape cannot say. What comes out is validated again when
    ``validator`` is given. ``on_queue`` gets the messages of a work queue before its workers are given. The
    Jobs of the items are rendered as what they are read as.
    """

    is_sent = False

    def __init__(
        self,
        template: Template,
        items: Iterable[Item] | None,
        on_error: Callable[[ItemError], None],
        validator: Validator | None,
        shape: Shape,
        on_queue: Callable[[QueueBatch], None] | None,
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__(template, items, "json", on_error, validator, unique=False, notes=notes)
        self.shape = shape
        self._on_queue = on_queue

    def __iter__(self) -> Iterator[Sequence[Manifest]]:
        from expander.shapes.job_template import Rows
        from expander.shapes.work_queue import QueueBatch

        rows = Rows(self.shape)
        stream = (row for manifests in super().__iter__() for row in rows.of(manifests))
        for made in self.shape.type.load()(rows, stream, self.shape, self.shape_warnings):
            wanted = made.manifests if isinstance(made, QueueBatch) else made
            manifests = wanted if self._validator is None else self._validator.accepted(wanted, self.refuse)
            self._tell()
            if isinstance(made, QueueBatch):
                if len(manifests) < len(wanted):
                    continue  # workers that a server refuses need no messages
                if self._on_queue is not None:
                    self._on_queue(made)
            if manifests:
                yield manifests
