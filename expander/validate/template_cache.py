"""Validation of a batch: what all manifests of a template share is checked once.

A manifest of a compiled template differs from its neighbours only in its holes. For most holes the server
takes any text (arguments, values of environment variables and annotations, names that the renderer made
valid): such a hole is free, and a manifest whose other holes hold the same as those of a manifest checked
before has the same findings. The list of free holes says less than the rules allow; a hole outside of it
only costs a full check for each new value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from expander.kube.schemas import FieldType
from expander.manifests.manifest import Manifest
from expander.render.compiled import Rendered, Skeleton
from expander.render.placeholder import Hole, Path
from expander.validate.finding import Finding

Check: TypeAlias = Callable[[Mapping[str, Any]], "Sequence[Finding] | None"]

LONG = 60_000
"""Characters of a manifest from which on the limits on sizes come near; it is then checked in full."""

REMEMBERED = 20_000
"""So many combinations of values are remembered for each document of a template."""

SHAPES = 5_000
"""So many documents are remembered; a Jinja2 template can have any number."""

_ANY = re.compile("")
_IMAGE = re.compile(r"[!-~]+\Z")
_COUNT = re.compile(r"[1-9][0-9]{0,8}\Z")
_SOME = re.compile(r"[\s\S]")
_UNDOTTED = re.compile(r"[^.]{0,52}\Z")  # with any index behind it a name of a host
_NAMED_FREELY = ("ConfigMap", "CronJob", "Job", "Secret")


class OncePerTemplate:
    """Findings of manifests, those of ``check`` on each manifest's tree; None counts as none."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._plans: dict[int, _Plan] = {}

    def __call__(self, manifest: Manifest) -> Sequence[Finding]:
        """The findings of one manifest."""
        if not isinstance(manifest, Rendered) or manifest.size > LONG:
            return self._check(manifest.tree) or ()
        return self._plan(manifest).findings(manifest, self._check)

    def refused(self, manifests: Sequence[Manifest]) -> list[tuple[Manifest, Sequence[Finding]]]:
        """Those of ``manifests`` that have findings, with them."""
        first = manifests[0]
        if isinstance(first, Rendered) and first.size <= LONG and not self(first):
            skeleton = first.skeleton
            if not self._plan(first).depends and all(
                isinstance(m, Rendered) and m.skeleton is skeleton and m.size <= LONG for m in manifests
            ):
                return []
        found = [(manifest, self(manifest)) for manifest in manifests]
        return [(manifest, findings) for manifest, findings in found if findings]

    def _plan(self, manifest: Rendered) -> _Plan:
        plan = self._plans.get(id(manifest.skeleton))
        if plan is None:
            if len(self._plans) >= SHAPES:
                self._plans.clear()
            plan = self._plans[id(manifest.skeleton)] = _Plan(manifest.skeleton, manifest.tree)
        return plan


def is_constant(manifest: Manifest, finding: Finding) -> bool:
    """Whether the finding is about a part of the template that no item reaches."""
    if not isinstance(manifest, Rendered):
        return False
    steps = finding.steps
    paths = [hole.path[: len(steps)] for hole in manifest.skeleton.holes]
    return not any(path == steps[: len(path)] for path in paths)


class _Plan:
    """What of a skeleton's rows decides the findings."""

    def __init__(self, skeleton: Skeleton, tree: Mapping[str, Any]) -> None:
        self.skeleton = skeleton  # kept alive, so that its id stays its own
        self.slots: list[int] = []
        self.conditions: list[tuple[Hole, Callable[[str], object]]] = []
        for hole in skeleton.holes:
            pattern = free_when(hole, tree)
            if pattern is None:
                self.slots += [slot for slot in hole.slots if slot not in self.slots]
            elif pattern is not _ANY:
                self.conditions.append((hole, pattern.match))
        self.depends = bool(self.slots or self.conditions)
        self.known: dict[tuple[Any, ...], Sequence[Finding]] = {}

    def findings(self, manifest: Rendered, check: Check) -> Sequence[Finding]:
        row = manifest.row
        for hole, matches in self.conditions:
            if not matches(str(hole.value(row))):
                return check(manifest.tree) or ()
        key = tuple([(type(row[slot]), row[slot]) for slot in self.slots])
        found = self.known.get(key)
        if found is None:
            found = check(manifest.tree) or ()
            if len(self.known) >= REMEMBERED:
                self.known.clear()
            self.known[key] = found
        return found


def free_when(hole: Hole, tree: Mapping[str, Any]) -> re.Pattern[str] | None:
    """An expression for the texts that no rule tells apart in this hole; None when there is none.

    The rules are the API server's (pkg/apis/batch/validation, pkg/apis/core/validation) for the kind of
    ``tree``, and the hole's own: a name in it is valid, an integer an integer.
    """
    if hole.is_key or tree.get("kind") not in (*_NAMED_FREELY, "Pod"):
        return None
    path = hole.path
    if path == ("metadata", "name"):
        if hole.rule is None or tree["kind"] not in _NAMED_FREELY:
            return None
        return _UNDOTTED if tree["kind"] == "Job" and _is_indexed(tree) else _ANY
    if hole.type is FieldType.INT32 or hole.type is FieldType.INT64:
        return _COUNT if _is_plain_count(path, tree) else None
    if hole.type is not FieldType.STRING:
        return None
    if path[-2:-1] == ("annotations",):
        return None if "kubernetes.io" in str(path[-1]) else _ANY
    if path[-2:-1] == ("labels",):
        free = hole.rule is not None and "kubernetes.io" not in str(path[-1]) and not _selects(tree)
        return _ANY if free else None
    if path[-3:] == ("template", "metadata", "name"):
        return _ANY
    if tree["kind"] == "ConfigMap":
        return _ANY if path[:1] == ("data",) else None
    return _in_container(path)


def _in_container(path: Path) -> re.Pattern[str] | None:
    """The same for the fields of a container."""
    places = [number for number, part in enumerate(path) if part in ("containers", "initContainers")]
    if not places:
        return None
    match path[places[0] + 2 :]:
        case ("command" | "args", int()):
            return _ANY
        case ("env", int(), "value"):
            return _SOME
        case ("image",):
            return _IMAGE
    return None


def _is_plain_count(path: Path, tree: Mapping[str, Any]) -> bool:
    """Whether every positive number is accepted, whatever else the manifest says."""
    if path[:-1] not in (("spec",), ("spec", "jobTemplate", "spec")):
        return False
    if path[-1] in ("backoffLimit", "ttlSecondsAfterFinished", "activeDeadlineSeconds"):
        return True
    return path == ("spec", "parallelism") and tree["kind"] == "Job" and not _is_indexed(tree)


def _is_indexed(tree: Mapping[str, Any]) -> bool:
    spec = tree.get("spec")
    return isinstance(spec, Mapping) and spec.get("completionMode") == "Indexed"


def _selects(tree: Mapping[str, Any]) -> bool:
    """Whether a selector could be compared with labels."""
    spec = tree.get("spec")
    inner = spec.get("jobTemplate") if isinstance(spec, Mapping) else None
    nested = inner.get("spec") if isinstance(inner, Mapping) else None
    return any(
        isinstance(part, Mapping) and ("selector" in part or "manualSelector" in part)
        for part in (spec, nested)
    )
