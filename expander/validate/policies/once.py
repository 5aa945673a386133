"""Reviews of a batch: what the manifests of a template share is looked at once.

The first manifest of a shape becomes a `Case` with its free placeholders (`template_cache`) as leaves. Each
question about it notes which columns it reads: one that reads none has one answer for all items, any other
has one for each combination of the values that it has read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, Final, TypeAlias

from expander.manifests.manifest import Manifest
from expander.render.compiled import RenderedBlock, RenderedManifest
from expander.validate.defaults.core import pull_policy
from expander.validate.policies.case import Case, Part
from expander.validate.policies.review import NOTHING, Review, merged
from expander.validate.policies.tracking import Leaf, Path, Reader, Row
from expander.validate.template_cache import (
    MAX_CACHED_CHARS,
    MAX_REMEMBERED,
    MAX_TEMPLATES,
    RowColumns,
)

Leaves: TypeAlias = Mapping[Path, Leaf]
CaseOf: TypeAlias = Callable[[Mapping[str, Any], Leaves], Case]

_NO_LEAVES: Final[Leaves] = {}


class ReviewOncePerTemplate:
    """Reviews of manifests, whose cases ``case_of`` makes, and whether no item could change a refusal.

    ``is_custom`` says of which trees any placeholder may decide.
    """

    def __init__(self, case_of: CaseOf, is_custom: Callable[[Mapping[str, Any]], bool]) -> None:
        self._case_of = case_of
        self._is_custom = is_custom
        self._templates: dict[int, _TemplateReviews] = {}

    def __call__(self, manifest: Manifest) -> tuple[Review, bool]:
        """The review of a manifest, and whether all of its template are refused for the same."""
        if not isinstance(manifest, RenderedManifest) or manifest.size > MAX_CACHED_CHARS:
            return _alone(manifest, self._case_of), False
        return self._template(manifest).review(manifest)

    def of(self, manifests: Sequence[Manifest]) -> Iterable[tuple[Review, bool]]:
        """The same of each of these manifests."""
        if not isinstance(manifests, RenderedBlock) or manifests.most > MAX_CACHED_CHARS:
            return map(self, manifests)
        return self._template(manifests[0]).of_block(manifests)

    def _template(self, manifest: RenderedManifest) -> _TemplateReviews:
        known = self._templates.get(id(manifest.compiled))
        if known is None:
            if len(self._templates) >= MAX_TEMPLATES:
                self._templates.clear()
            made = _TemplateReviews(manifest, self._is_custom(manifest.tree), self._case_of)
            known = self._templates[id(manifest.compiled)] = made
        return known


def _alone(manifest: Manifest, case_of: CaseOf) -> Review:
    return merged(part(Reader()) for part in case_of(manifest.tree, _NO_LEAVES).parts)


class _TemplateReviews:
    """The reviews of a compiled template's rows."""

    def __init__(self, manifest: RenderedManifest, is_custom: bool, case_of: CaseOf) -> None:
        self._columns = RowColumns(manifest.compiled, manifest.tree, is_custom)
        self._leaves = leaves_of(self._columns, manifest.tree)
        self._case_of = case_of
        self._shapes: dict[tuple[Any, ...], _ShapeReviews] = {}

    def review(self, manifest: RenderedManifest) -> tuple[Review, bool]:
        """The review of one manifest."""
        key = self._columns.key(manifest.row)
        if key is None:
            return _alone(manifest, self._case_of), False
        shape = self._shapes.get(key)
        if shape is None:
            if len(self._shapes) >= MAX_REMEMBERED:
                self._shapes.clear()
            shape = self._shapes[key] = _ShapeReviews(self._case_of(manifest.tree, self._leaves))
        if not shape.complete:
            return _alone(manifest, self._case_of), False
        return self._answer(shape, manifest.row)

    def _answer(self, shape: _ShapeReviews, row: Row) -> tuple[Review, bool]:
        found = shape.of(row)
        return found, not self._columns.columns and shape.refuses_all_as(found)

    def of_block(self, block: RenderedBlock) -> Iterator[tuple[Review, bool]]:
        """The review of each manifest of a block; manifests are made only for shapes that are new."""
        keys = self._columns.keys(block)
        first = self.review(block[0])
        if keys is None:
            yield from map(self.review, block)
        elif not self._columns.columns and self._shapes[()].is_constant:
            yield from repeat(first, len(block))
        else:
            for place, (key, row) in enumerate(zip(keys, zip(*block.columns, strict=True), strict=True)):
                shape = self._shapes.get(key)
                if shape is None or not shape.complete:
                    yield self.review(block[place])
                else:
                    yield self._answer(shape, row)


class _ShapeReviews:
    """The answers to the questions of a case, for any row."""

    def __init__(self, case: Case) -> None:
        self.complete = case.complete
        self._parts = [_Answers(part) for part in case.parts]
        self._varying: list[_Answers] | None = None
        self._constant = NOTHING

    @property
    def is_constant(self) -> bool:
        """Whether no column decides."""
        return self._varying == []

    def refuses_all_as(self, review: Review) -> bool:
        """Whether nothing refuses the object of this review that does not refuse all."""
        return all(each in self._constant.findings for each in review.findings)

    def of(self, row: Row) -> Review:
        """The review of a row. What the first row decides nothing of, no other does."""
        if self._varying is None:
            answers = [part.of(row) for part in self._parts]
            self._varying = [part for part in self._parts if part.constant is None]
            self._constant = merged(part.constant for part in self._parts if part.constant is not None)
            return merged(answers) if self._varying else self._constant
        if all(part.of(row) is NOTHING for part in self._varying):
            return self._constant
        return merged([part.of(row) for part in self._parts])


class _Answers:
    """The answers to one question, by the columns that it has read and their values."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self.constant: Review | None = None
        self._known: dict[tuple[int, ...], dict[tuple[Any, ...], Review]] = {}

    def of(self, row: Row) -> Review:
        """The answer for a row."""
        if self.constant is not None:
            return self.constant
        for columns, known in self._known.items():
            found = known.get(_values(row, columns))
            if found is not None:
                return found
        reader = Reader(row)
        answer = self._part(reader)
        if not reader.columns:
            self.constant = answer
            return answer
        columns = tuple(sorted(reader.columns))
        known = self._known.setdefault(columns, {})
        if len(known) >= MAX_REMEMBERED:
            known.clear()
        known[_values(row, columns)] = answer
        return answer


def _values(row: Row, columns: tuple[int, ...]) -> tuple[Any, ...]:
    return tuple([(type(row[column]), row[column]) for column in columns])


def leaves_of(columns: RowColumns, tree: Mapping[str, Any]) -> Leaves:
    """The free placeholders by their places, and what defaults make of their values."""
    found: dict[Path, Leaf] = {}
    for placeholder in columns.free:
        path = placeholder.path
        found[path] = Leaf(placeholder.value, tuple(placeholder.columns))
        if path[-1] == "image" and not _at(tree, path[:-1]).get("imagePullPolicy"):
            found[*path[:-1], "imagePullPolicy"] = Leaf(_policy_of(placeholder.value), found[path].columns)
    return found


def _at(tree: Any, path: Path) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def _policy_of(image: Callable[[Row], Any]) -> Callable[[Row], Any]:
    """What the image decides where nobody says when it is pulled."""
    return lambda row: pull_policy(image(row))
