"""Validation of a batch: what all manifests of a template share is checked once.

A manifest of a compiled template differs from its neighbours only in its placeholders. For most of them the
server takes any text (arguments, values of environment variables and annotations, names that the renderer
made valid): such a placeholder is free, and a manifest whose other placeholders hold the same as those of a
manifest checked before has the same findings. The list of free placeholders says less than the rules allow; a
placeholder outside of it only costs a full check for each new value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from expander.base.regex import Texts
from expander.manifests.manifest import Manifest
from expander.render.compiled import CompiledTemplate, RenderedBlock, RenderedManifest
from expander.render.placeholder import Placeholder, Row, text_of
from expander.validate.finding import Finding
from expander.validate.free_placeholders import ANY_TEXT, free_when, valid_when

Check: TypeAlias = Callable[[Mapping[str, Any]], "Sequence[Finding] | None"]

MAX_CACHED_CHARS = 60_000
"""Characters of a manifest from which on the limits on sizes come near; it is then checked in full."""

MAX_REMEMBERED = 20_000
"""So many combinations of values are remembered for each document of a template."""

MAX_TEMPLATES = 5_000
"""So many documents are remembered; a Jinja2 template can have any number."""


class OncePerTemplate:
    """Findings of manifests, those of ``check`` on each manifest's tree; None counts as none.

    ``is_custom`` says of which trees any placeholder may decide the findings.
    """

    def __init__(
        self, check: Check, is_custom: Callable[[Mapping[str, Any]], bool] = lambda _: False
    ) -> None:
        self._check = check
        self._is_custom = is_custom
        self._plans: dict[int, _TemplateFindings] = {}

    def __call__(self, manifest: Manifest) -> Sequence[Finding]:
        """The findings of one manifest."""
        if not isinstance(manifest, RenderedManifest) or manifest.size > MAX_CACHED_CHARS:
            return self._check(manifest.tree) or ()
        return self._plan(manifest).findings(manifest, self._check)

    def refused(self, manifests: Sequence[Manifest]) -> list[tuple[Manifest, Sequence[Finding]]]:
        """Those of ``manifests`` that have findings, with them."""
        if (
            isinstance(manifests, RenderedBlock)
            and manifests.most <= MAX_CACHED_CHARS
            and self._plan(manifests[0]).has_none(manifests, self._check)
        ):
            return []
        found = [(manifest, self(manifest)) for manifest in manifests]
        return [(manifest, findings) for manifest, findings in found if findings]

    def _plan(self, manifest: RenderedManifest) -> _TemplateFindings:
        plan = self._plans.get(id(manifest.compiled))
        if plan is None:
            if len(self._plans) >= MAX_TEMPLATES:
                self._plans.clear()
            plan = self._plans[id(manifest.compiled)] = _TemplateFindings(
                manifest.compiled, manifest.tree, self._is_custom(manifest.tree)
            )
        return plan


def is_constant(manifest: Manifest, finding: Finding) -> bool:
    """Whether the finding is about a part of the template that no item reaches."""
    if not isinstance(manifest, RenderedManifest):
        return False
    steps = finding.steps
    paths = [placeholder.path[: len(steps)] for placeholder in manifest.compiled.placeholders]
    return not any(path == steps[: len(path)] for path in paths)


class RowColumns:
    """What of a compiled template's rows decides the findings; ``free`` are the other placeholders."""

    def __init__(self, compiled: CompiledTemplate, tree: Mapping[str, Any], is_custom: bool) -> None:
        self.compiled = compiled  # kept alive, so that its id stays its own
        self.columns: list[int] = []
        self.conditions: list[tuple[Placeholder, Texts]] = []
        self.free: list[Placeholder] = []
        for placeholder in compiled.placeholders:
            texts = None if is_custom else self._free_when(placeholder, tree)
            if texts is None:
                self.columns += [column for column in placeholder.columns if column not in self.columns]
                continue
            self.free.append(placeholder)
            if texts is not ANY_TEXT:
                self.conditions.append((placeholder, texts))

    def _free_when(self, placeholder: Placeholder, tree: Mapping[str, Any]) -> Texts | None:
        return free_when(placeholder, tree)

    def key(self, row: Row) -> tuple[Any, ...] | None:
        """What rows with the same findings have in common; None for one that has its own."""
        for placeholder, texts in self.conditions:
            if text_of(placeholder.value(row)) not in texts:
                return None
        return tuple([(type(row[column]), row[column]) for column in self.columns])

    def keys(self, block: RenderedBlock) -> list[tuple[Any, ...]] | None:
        """The same of each manifest of a block; None when one has its own findings."""
        for placeholder, texts in self.conditions:
            if not block.has_all_in(placeholder, texts):
                return None
        if not self.columns:
            return [()] * len(block)
        columns = [block.columns[column] for column in self.columns]
        return list(zip(*[zip(map(type, column), column, strict=True) for column in columns], strict=True))


class _TemplateFindings(RowColumns):
    """The findings of a compiled template's rows."""

    def __init__(self, compiled: CompiledTemplate, tree: Mapping[str, Any], is_custom: bool) -> None:
        super().__init__(compiled, tree, is_custom)
        self.known: dict[tuple[Any, ...], Sequence[Finding]] = {}

    def _free_when(self, placeholder: Placeholder, tree: Mapping[str, Any]) -> Texts | None:
        found = super()._free_when(placeholder, tree)
        return valid_when(placeholder, tree, self.compiled.placeholders) if found is None else found

    def has_none(self, block: RenderedBlock, check: Check) -> bool:
        """Whether it is sure that no manifest of the block has findings."""
        keys = self.keys(block) if self.columns or self.conditions else [()]
        if keys is None:
            return False
        firsts = dict(zip(reversed(keys), reversed(range(len(keys))), strict=True))
        return not any(self._found(key, block, place, check) for key, place in firsts.items())

    def findings(self, manifest: RenderedManifest, check: Check) -> Sequence[Finding]:
        """The findings of one manifest."""
        key = self.key(manifest.row)
        return check(manifest.tree) or () if key is None else self._found(key, [manifest], 0, check)

    def _found(
        self, key: tuple[Any, ...], manifests: Sequence[RenderedManifest], place: int, check: Check
    ) -> Sequence[Finding]:
        """The findings of the manifest at ``place``, whose deciding values are ``key``."""
        found = self.known.get(key)
        if found is None:
            found = check(manifests[place].tree) or ()
            if len(self.known) >= MAX_REMEMBERED:
                self.known.clear()
            self.known[key] = found
        return found
