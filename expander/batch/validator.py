"""Validation on the way: manifests that a server would refuse become errors of their items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from expander.base.errors import InputError, ItemError, Problem, SourceLocation
from expander.kube.versions import known
from expander.manifests.manifest import Manifest
from expander.render.compiled import RenderedBlock, RenderedManifest
from expander.validate.check import check
from expander.validate.finding import Advice, Finding, Reason
from expander.validate.server_warnings import server_warnings
from expander.validate.template_cache import MAX_TEMPLATES, OncePerTemplate, is_constant
from expander.validate.warnings import own_advice

if TYPE_CHECKING:
    from expander.batch.crds import Sources
    from expander.validate.crds.definitions import Definitions


class Validator:
    """Checks the manifests of one batch for a server of ``version``, the newest by default.

    ``crds`` define custom resources. ``warnings`` are what no server refuses and users regret, kinds that
    have no schema, and rules that cannot be evaluated. Raises UsageError for a version that is not known,
    InputError for definitions that cannot be used.
    """

    def __init__(
        self,
        version: str | None = None,
        crds: Sources | None = None,
        on_advice: Callable[[str], None] | None = None,
    ) -> None:
        self._release = known(version)
        self._crds: Definitions | None = None
        if crds:
            from expander.batch.crds import definitions_of

            self._crds = definitions_of(crds)
        self._once = OncePerTemplate(self._findings, self._is_custom)
        self._advised: set[object] = set()
        self._on_advice = on_advice
        self._said: set[str] = set()
        self._accepted_any = False
        self.warnings: list[str] = [self._release.caveat] if self._release.caveat else []

    def accepted(
        self, manifests: Sequence[Manifest], refuse: Callable[[ItemError], None]
    ) -> Sequence[Manifest]:
        """The manifests without findings; ``refuse`` gets an error for each of the others.

        Raises InputError when the first manifests are refused for what no item can change.
        """
        refused = self._once.refused(manifests)
        bad = {id(manifest) for manifest, _ in refused}
        good = [manifest for manifest in manifests if id(manifest) not in bad] if bad else manifests
        if refused and not self._accepted_any and not good:
            manifest, findings = refused[0]
            if all(is_constant(manifest, finding) for finding in findings):
                raise InputError([_problem(manifest, finding, None) for finding in findings])
        for manifest, findings in refused:
            item = None if manifest.item is None else str(manifest.item)
            refuse(ItemError([_problem(manifest, finding, item) for finding in findings]))
        self._accepted_any = self._accepted_any or bool(good)
        for shape, manifest in _shapes(good).items():
            if shape not in self._advised:
                if len(self._advised) >= MAX_TEMPLATES:
                    self._advised.clear()
                self._advised.add(shape)
                said = list(server_warnings(manifest.tree, self._release))
                for found in (*said, *own_advice(manifest.tree, self._release)):
                    self._warn(str(found))
                if self._on_advice is not None:
                    self._tell(said, self._on_advice, is_made=manifest.item is not None)
        return good

    def _findings(self, tree: Mapping[str, Any]) -> Sequence[Finding]:
        found = check(tree, self._release, crds=self._crds)
        if found is None:
            self._warn(f"{tree['apiVersion']} {tree['kind']} has no schema here, so it is not validated")
            return ()
        for each in found:
            if each.reason is Reason.UNCHECKED:
                self._warn(f"{tree['kind']}: {each}")
        return [each for each in found if each.reason is not Reason.UNCHECKED]

    def _tell(self, said: Sequence[Advice], on_advice: Callable[[str], None], *, is_made: bool) -> None:
        """Give on what the API server says of a manifest, each text once; not of a name that an item made."""
        for found in said:
            words = str(found)
            if not (is_made and found.rule == "name-not-label") and words not in self._said:
                self._said.add(words)
                on_advice(words)

    def _is_custom(self, tree: Mapping[str, Any]) -> bool:
        """Whether a definition decides about the kind."""
        return (
            self._crds is not None and self._crds.find(tree.get("apiVersion"), tree.get("kind")) is not None
        )

    def _warn(self, message: str) -> None:
        if message not in self.warnings:
            self.warnings.append(message)


def _shapes(manifests: Sequence[Manifest]) -> dict[object, Manifest]:
    """One manifest for each of what manifests have in common that get the same advice."""
    if isinstance(manifests, RenderedBlock):
        return {manifests.compiled: manifests[0]}
    return {each.compiled if isinstance(each, RenderedManifest) else each.kind: each for each in manifests}


def locate(manifest: Manifest, steps: Sequence[str | int]) -> SourceLocation:
    """The place of the field at ``steps`` in the template; of the manifest where that is not known."""
    if isinstance(manifest, RenderedManifest):
        return manifest.compiled.locate(steps)
    return manifest.where


def _problem(manifest: Manifest, finding: Finding, item: str | None) -> Problem:
    return Problem(finding.message, locate(manifest, finding.steps), item, finding.path or None)
