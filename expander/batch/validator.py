"""Validation on the way: manifests that a server would refuse become errors of their items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from expander.base.errors import InputError, ItemError, Problem, SourceLocation
from expander.base.late_module import late_module
from expander.base.text import counted
from expander.items.item import item_number
from expander.kube.versions import known
from expander.manifests.manifest import Manifest
from expander.render.compiled import RenderedBlock, RenderedManifest
from expander.validate.check import check
from expander.validate.finding import Advice, Finding, Reason
from expander.validate.server_warnings import server_warnings
from expander.validate.template_cache import MAX_TEMPLATES, OncePerTemplate, is_constant
from expander.validate.warnings import own_advice

if TYPE_CHECKING:
    from expander.batch.admission import Admission
    from expander.batch.crds import Sources
    from expander.batch.policies import Sources as PolicySources
    from expander.validate import long_arguments
    from expander.validate.crds.definitions import Definitions
else:
    long_arguments = late_module("expander.validate.long_arguments")

MAX_LONG_TOLD: Final = 3
"""Manifests with an argument or variable that is too long that are told of one by one."""

MAX_SHORT: Final = 1 << 15
"""Characters of a manifest's text in which no argument is too long for Linux, with 4 bytes in each."""

Refused: TypeAlias = tuple[Manifest, Sequence[Finding], bool]
"""A manifest, why it is refused, and whether every other one of its template is for the same."""


class Validator:
    """Checks the manifests of one batch for a server of ``version``, the newest by default.

    ``crds`` define custom resources, ``policies`` are those of the cluster (see `load_policies`), and
    ``namespace`` is that of manifests that name none. ``warnings`` are what no server refuses and users
    regret, kinds that have no schema, and rules that cannot be evaluated. Of these ``on_advice`` gets at once
    what the server says, and ``on_warning`` what cannot be evaluated and, without an ``on_advice``, what
    policies warn of. What is to be ``started_here`` is refused when this machine cannot start it, which
    ``on_warning`` is told of otherwise. Raises UsageError for a version that is not known, InputError for
    definitions and policies that cannot be used.
    """

    def __init__(
        self,
        version: str | None = None,
        crds: Sources | None = None,
        on_advice: Callable[[str], None] | None = None,
        policies: PolicySources | None = None,
        namespace: str | None = None,
        on_warning: Callable[[str], None] | None = None,
        started_here: bool = False,
    ) -> None:
        self._started_here = started_here
        self._long = 0
        """Manifests whose processes may not start on a node."""
        self._release = known(version)
        self._crds: Definitions | None = None
        if crds:
            from expander.batch.crds import definitions_of

            self._crds = definitions_of(crds)
        self._once = OncePerTemplate(self._findings, self._is_custom)
        self._admission: Admission | None = None
        if policies:
            from expander.batch.admission import Admission
            from expander.batch.policies import policies_of

            found = policies_of(policies, self._crds)
            self._admission = Admission(found, self._release, self._crds, self._is_custom, namespace)
        self._advised: set[object] = set()
        self._on_advice = on_advice
        self._on_warning = on_warning
        self._said: set[str] = set()
        self._accepted_any = False
        self.warnings: list[str] = [self._release.caveat] if self._release.caveat else []

    def batch_warnings(self) -> list[str]:
        """What to know about the batch as a whole, once all its manifests are accepted."""
        found = [] if self._admission is None else self._admission.batch_warnings()
        if (more := self._long - MAX_LONG_TOLD) > 0:
            have = "has" if more == 1 else "have"
            found.append(f"{counted(more, 'more manifest')} {have} an argument or variable that is too long")
        return found

    def accepted(
        self, manifests: Sequence[Manifest], refuse: Callable[[ItemError], None], *, is_sent: bool = True
    ) -> Sequence[Manifest]:
        """The manifests without findings; ``refuse`` gets an error for each of the others.

        Policies are asked about what ``is_sent``, and not about what goes into another shape. Raises
        InputError when the first manifests are refused for what no item can change.
        """
        refused, good = self._refused(manifests, is_sent)
        if refused and not self._accepted_any and not good:
            manifest, findings, is_same = refused[0]
            if is_same:
                raise InputError([_problem(manifest, finding, None) for finding in findings])
        for manifest, findings, _ in refused:
            item = None if manifest.item is None else str(manifest.item)
            problems = [_problem(manifest, finding, item) for finding in findings]
            refuse(ItemError(problems, number=item_number(manifest.item)))
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

    def _refused(
        self, manifests: Sequence[Manifest], is_sent: bool
    ) -> tuple[list[Refused], Sequence[Manifest]]:
        """The manifests that a server would refuse, and the others."""
        refused: list[Refused] = [
            (manifest, found, all(is_constant(manifest, each) for each in found))
            for manifest, found in self._once.refused(manifests)
        ]
        bad = {id(manifest) for manifest, *_ in refused}
        good = [manifest for manifest in manifests if id(manifest) not in bad] if bad else manifests
        if self._admission is not None and is_sent and good:
            good, more = self._admission.admitted(good, self._said_by_admission)
            if more:
                order = {id(manifest): number for number, manifest in enumerate(manifests)}
                refused = sorted([*refused, *more], key=lambda each: order[id(each[0])])
        return self._startable(refused, good) if is_sent and good else (refused, good)

    def _startable(
        self, refused: list[Refused], good: Sequence[Manifest]
    ) -> tuple[list[Refused], Sequence[Manifest]]:
        """The same, without ``good`` ones that this machine is to start and cannot."""
        found = _with_long_arguments(good, here=self._started_here)
        if not self._started_here:
            for manifest, advices in found:
                self._long += 1
                if self._long <= MAX_LONG_TOLD:
                    item = "" if manifest.item is None else f"{manifest.item}: "
                    self._warn(f"{item}{advices[0]}", self._on_warning)
            return refused, good
        for manifest, advices in found:
            findings = [Finding(each.path, Reason.TOO_LONG, each.message) for each in advices]
            refused.append((manifest, findings, all(is_constant(manifest, each) for each in findings)))
        bad = {id(manifest) for manifest, _ in found}
        return refused, [each for each in good if id(each) not in bad] if bad else good

    def _findings(self, tree: Mapping[str, Any]) -> Sequence[Finding]:
        found = check(tree, self._release, crds=self._crds)
        if found is None:
            self._warn(f"{tree['apiVersion']} {tree['kind']} has no schema here, so it is not validated")
            return ()
        for each in found:
            if each.reason is Reason.UNCHECKED:
                self._warn(f"{tree['kind']}: {each}", self._on_warning)
        return [each for each in found if each.reason is not Reason.UNCHECKED]

    def _tell(self, said: Sequence[Advice], on_advice: Callable[[str], None], *, is_made: bool) -> None:
        """Give on what the API server says of a manifest, each text once; not of a name that an item made."""
        for found in said:
            words = str(found)
            if not (is_made and found.rule == "name-not-label") and words not in self._said:
                self._said.add(words)
                on_advice(words)

    def _said_by_admission(self, words: str, *, by_server: bool) -> None:
        if by_server and self._on_advice is not None:
            self._warn(words)
            if words not in self._said:
                self._said.add(words)
                self._on_advice(words)
        else:
            self._warn(words, self._on_warning)

    def _is_custom(self, tree: Mapping[str, Any]) -> bool:
        """Whether a definition decides about the kind."""
        return (
            self._crds is not None and self._crds.find(tree.get("apiVersion"), tree.get("kind")) is not None
        )

    def _warn(self, message: str, tell: Callable[[str], None] | None = None) -> None:
        if message not in self.warnings:
            self.warnings.append(message)
            if tell is not None:
                tell(message)


def _with_long_arguments(
    manifests: Sequence[Manifest], *, here: bool
) -> list[tuple[Manifest, Sequence[Advice]]]:
    if isinstance(manifests, RenderedBlock) and manifests.most <= MAX_SHORT:
        return []
    long = [each for each in manifests if not isinstance(each, RenderedManifest) or each.size > MAX_SHORT]
    most = long_arguments.bytes_here() if here and long else None
    found = [(each, [*long_arguments.long_arguments(each.tree, most)]) for each in long]
    return [(each, advices) for each, advices in found if advices]


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
