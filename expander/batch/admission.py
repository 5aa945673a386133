"""Admission of a batch offline: manifests that policies would refuse, and quotas over all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, Final, Protocol

from expander.kube.versions import Release
from expander.manifests.manifest import Manifest
from expander.validate.crds.definitions import Definitions
from expander.validate.finding import ANNOTATION_RULE, Advice, Finding, Reason
from expander.validate.policies.case import Case
from expander.validate.policies.once import Leaves, ReviewOncePerTemplate
from expander.validate.policies.policy_set import Policies
from expander.validate.policies.quotas import QuotaCount
from expander.validate.policies.review import Review

MAX_WARNINGS: Final = 20
"""So many different warnings of policies are told; each item may have its own."""


class Say(Protocol):
    """Tells a warning, of the server or of this program."""

    def __call__(self, words: str, *, by_server: bool) -> None: ...


class Admission:
    """The policies of a cluster before the manifests of one batch."""

    def __init__(
        self,
        policies: Policies,
        release: Release,
        crds: Definitions | None,
        is_custom: Callable[[Mapping[str, Any]], bool],
        namespace: str | None,
    ) -> None:
        def case_of(tree: Mapping[str, Any], leaves: Leaves) -> Case:
            return Case(policies, tree, release, crds=crds, leaves=leaves, namespace=namespace)

        self._reviews = ReviewOncePerTemplate(case_of, is_custom)
        self._quotas = QuotaCount()
        self._notes = policies.notes
        self._told: set[str] = set()
        self._last: Review | None = None

    def admitted(
        self, manifests: Sequence[Manifest], say: Say
    ) -> tuple[Sequence[Manifest], list[tuple[Manifest, Sequence[Finding], bool]]]:
        """The manifests that policies let through; the others, why, and whether no item can change that."""
        bad: dict[int, tuple[Manifest, Sequence[Finding], bool]] = {}
        place = 0
        for (review, is_same), found in groupby(self._reviews.of(manifests)):
            count = sum(1 for _ in found)
            self._warn(manifests[place].kind, review, say)
            refusals = [each for each in review.findings if each.reason is not Reason.UNCHECKED]
            if refusals:
                for at in range(place, place + count):
                    bad[at] = manifests[at], refusals, is_same
            elif review.charges:
                self._quotas.add(review.charges, count, partial(_named, manifests, place))
            place += count
        if not bad:
            return manifests, []
        return [each for at, each in enumerate(manifests) if at not in bad], list(bad.values())

    def _warn(self, kind: str, review: Review, say: Say) -> None:
        if review is self._last:
            return
        self._last = review
        unchecked = [each for each in review.findings if each.reason is Reason.UNCHECKED]
        for each, by_server in (*((f, False) for f in unchecked), *((a, True) for a in review.warnings)):
            words = str(each) if by_server else f"{kind}: {each}"
            is_note = isinstance(each, Advice) and each.rule == ANNOTATION_RULE
            once = words.partition("audit log: ")[2].partition(": ")[0] if is_note else words
            if once in self._told or len(self._told) > MAX_WARNINGS:
                continue
            self._told.add(once)
            there_are_more = len(self._told) > MAX_WARNINGS
            say("there are more warnings of policies" if there_are_more else words, by_server=by_server)

    def batch_warnings(self) -> list[str]:
        """What quotas say of the batch as a whole, and what the files of policies lack."""
        return [*self._notes, *self._quotas.words()]


def _named(manifests: Sequence[Manifest], first: int, number: int) -> str:
    """What a manifest is made for, or is."""
    manifest = manifests[first + number]
    return f"{manifest.kind} {manifest.name!r}" if manifest.item is None else str(manifest.item)
