"""The manifests of one template and its items, as they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Literal

from expander.base.errors import ItemError, Problem
from expander.items import Item
from expander.manifests.manifest import Manifest
from expander.pipeline.taken import NAMES_NEEDED, Taken
from expander.render.template_file import Template

if TYPE_CHECKING:
    from expander.pipeline.validator import Validator

LARGEST_CHUNK = 512


class Expansion:
    """The manifests of one template and its items.

    Iterating gives lists of manifests in the order of the items. An item that cannot become a manifest,
    or takes a name that another has, goes to ``on_error`` as an `ItemError`; the others go on. ``warnings``
    and ``failed`` (how many items did not become manifests) are complete when the iteration is over. Without
    ``unique`` names may be there twice.
    """

    def __init__(
        self,
        template: Template,
        items: Iterable[Item] | None,
        output: Literal["json", "yaml"],
        on_error: Callable[[ItemError], None],
        validator: Validator | None = None,
        unique: bool = True,
    ) -> None:
        self._unique = unique
        self._validator = validator
        self._template = template
        self._items = items
        self._output = output
        self._on_error = on_error
        self.failed = 0
        self.shape_warnings: list[str] = []

    @property
    def warnings(self) -> list[str]:
        """What a user should know about the template."""
        found = [*self._template.warnings, *(self._validator.warnings if self._validator else ())]
        return [*found, *self.shape_warnings]

    def __iter__(self) -> Iterator[list[Manifest]]:
        taken = Taken()
        for results in self._results():
            manifests = [result for result in results if not isinstance(result, ItemError)]
            if len(manifests) < len(results):
                for result in results:
                    if isinstance(result, ItemError):
                        self._fail(result)
            collisions = taken.add(manifests) if self._unique else []
            if collisions:
                refused = {id(manifest) for manifest, _ in collisions}
                for manifest, first in collisions:
                    self._fail(_collision(manifest, first))
                manifests = [manifest for manifest in manifests if id(manifest) not in refused]
            if manifests and self._validator is not None:
                manifests = self._validator.accepted(manifests, self._fail)
            if manifests:
                yield manifests

    def _fail(self, error: ItemError) -> None:
        self.failed += 1
        self._on_error(error)

    def _results(self) -> Iterator[Sequence[Manifest | ItemError]]:
        if self._items is None:
            yield from _in_chunks(self._template.render_alone(self._output))  # type: ignore[attr-defined]
            return
        size = 1
        items = iter(self._items)
        while chunk := list(islice(items, size)):
            yield self._template.render(chunk, self._output)
            size = min(size * 2, LARGEST_CHUNK)


def _in_chunks(results: Iterator[Manifest | ItemError]) -> Iterator[list[Manifest | ItemError]]:
    while chunk := list(islice(results, LARGEST_CHUNK)):
        yield chunk


def _collision(manifest: Manifest, first: str) -> ItemError:
    item = None if manifest.item is None else str(manifest.item)
    holder = f"{first} has" if first else "another manifest of the batch has"
    place = f" in namespace {manifest.namespace}" if manifest.namespace else ""
    words = f"{manifest.kind} {manifest.name!r}{place} is a name that {holder} already"
    hint = "names must differ within a batch"
    if item:
        hint = "use what tells the items apart in metadata.name ($INDEX always does)"
    if not manifest.name:
        words = f"{manifest.kind}s of several items need a name each, and this has none"
        hint = f"use $ITEM or $INDEX in metadata.name; {NAMES_NEEDED}"
    return ItemError(Problem(words, manifest.where, item, "metadata.name", hint))
