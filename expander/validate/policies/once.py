"""Reviews of a batch: what the manifests of a template share is looked at once.

A manifest is reviewed with its free placeholders (`template_cache`) as leaves. What its review did not read
does not matter: other manifests with the same values in the columns that it read have the same review.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, Final, TypeAlias

from expander.manifests.manifest import Manifest
from expander.render.compiled import RenderedBlock, RenderedManifest
from expander.render.placeholder import Row
from expander.validate.policies.policy_set import Review
from expander.validate.policies.tracking import Path
from expander.validate.template_cache import (
    MAX_CACHED_CHARS,
    MAX_REMEMBERED,
    MAX_TEMPLATES,
    RowColumns,
)

Leaves: TypeAlias = Mapping[Path, tuple[int, ...]]
Reviewing: TypeAlias = Callable[[Mapping[str, Any], Leaves], "tuple[Review, frozenset[int]]"]

_NO_LEAVES: Final[Leaves] = {}


class ReviewOncePerTemplate:
    """Reviews of manifests, as ``review`` gives them, and whether an item could change them.

    ``is_custom`` says of which trees any placeholder may decide.
    """

    def __init__(self, review: Reviewing, is_custom: Callable[[Mapping[str, Any]], bool]) -> None:
        self._review = review
        self._is_custom = is_custom
        self._templates: dict[int, _TemplateReviews] = {}

    def __call__(self, manifest: Manifest) -> tuple[Review, bool]:
        """The review of a manifest, and whether it is that of all manifests of its template."""
        if not isinstance(manifest, RenderedManifest) or manifest.size > MAX_CACHED_CHARS:
            return self._review(manifest.tree, _NO_LEAVES)[0], False
        return self._template(manifest).review(manifest, self._review)

    def of(self, manifests: Sequence[Manifest]) -> Iterable[tuple[Review, bool]]:
        """The same of each of these manifests."""
        if not isinstance(manifests, RenderedBlock) or manifests.most > MAX_CACHED_CHARS:
            return map(self, manifests)
        return self._template(manifests[0]).of_block(manifests, self._review)

    def _template(self, manifest: RenderedManifest) -> _TemplateReviews:
        known = self._templates.get(id(manifest.compiled))
        if known is None:
            if len(self._templates) >= MAX_TEMPLATES:
                self._templates.clear()
            made = _TemplateReviews(manifest, self._is_custom(manifest.tree))
            known = self._templates[id(manifest.compiled)] = made
        return known


class _TemplateReviews:
    """The reviews of a compiled template's rows."""

    def __init__(self, manifest: RenderedManifest, is_custom: bool) -> None:
        self._columns = RowColumns(manifest.compiled, manifest.tree, is_custom)
        self._leaves = leaves_of(self._columns)
        self._known: dict[tuple[Any, ...], _ShapeReviews] = {}

    def review(self, manifest: RenderedManifest, review: Reviewing) -> tuple[Review, bool]:
        key = self._columns.key(manifest.row)
        if key is None:
            return review(manifest.tree, _NO_LEAVES)[0], False
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            known = self._known[key] = _ShapeReviews()
        found, is_constant = known.find(manifest.row)
        if found is None:
            found, columns = review(manifest.tree, self._leaves)
            is_constant = not columns
            known.add(manifest.row, tuple(sorted(columns)), found)
        return found, is_constant and not self._columns.columns

    def of_block(self, block: RenderedBlock, review: Reviewing) -> Iterator[tuple[Review, bool]]:
        """The review of each manifest of a block; manifests are made only where one is new."""
        keys = self._columns.keys(block)
        first = self.review(block[0], review)
        if keys is None:
            yield from (self.review(each, review) for each in block)
        elif first[1]:
            yield from repeat(first, len(block))
        else:
            for place, (key, row) in enumerate(zip(keys, zip(*block.columns, strict=True), strict=True)):
                shape = self._known.get(key)
                found = None if shape is None else shape.find(row)[0]
                yield self.review(block[place], review) if found is None else (found, False)


class _ShapeReviews:
    """Reviews by the columns that they have read, and their values."""

    def __init__(self) -> None:
        self._by_columns: dict[tuple[int, ...], dict[tuple[Any, ...], Review]] = {}

    def find(self, row: Row) -> tuple[Review | None, bool]:
        for columns, known in self._by_columns.items():
            found = known.get(_values(row, columns))
            if found is not None:
                return found, not columns
        return None, False

    def add(self, row: Row, columns: tuple[int, ...], review: Review) -> None:
        known = self._by_columns.setdefault(columns, {})
        if len(known) >= MAX_REMEMBERED:
            known.clear()
        known[_values(row, columns)] = review


def _values(row: Row, columns: tuple[int, ...]) -> tuple[Any, ...]:
    return tuple([(type(row[column]), row[column]) for column in columns])


def leaves_of(columns: RowColumns) -> Leaves:
    """The places of free placeholders, and of what defaults make of their values."""
    found: dict[Path, tuple[int, ...]] = {}
    for placeholder in columns.free:
        path = placeholder.path
        found[path] = (*found.get(path, ()), *placeholder.columns)
        if path[-1] == "image":  # its tag decides
            found[*path[:-1], "imagePullPolicy"] = tuple(placeholder.columns)
    return found
