"""Decide which Jobs of a group run again: failed ones, named ones, or all that have ended. Pure.

A Job is recreated under its own name. An Indexed Job with some completed indexes is not, because no Job can
be told to run chosen indexes: each missing index gets a Job of its own, which sees the same index. With
``everything`` the whole Job is recreated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from expander.base.dataclass import dataclass
from expander.base.errors import InputError, ItemError, SourceLocation, UsageError
from expander.base.option_names import option
from expander.batch.validator import Validator
from expander.group.job_status import REMOVED
from expander.group.names import ItemNames, NameSelection, name_hint
from expander.group.records import job_records, names_of
from expander.kube.generated_names import created_at
from expander.kube.objects import Object, owner_of
from expander.kube.workloads import COMPLETE, FAILED
from expander.manifests.manifest import Manifest
from expander.manifests.rerun import (
    ORIGIN_ANNOTATION,
    RETRY_OF_ANNOTATION,
    attempt_of,
    digest,
    remaining_indexes,
    rerun,
    rerun_index,
)
from expander.manifests.set_field import set_field
from expander.run.escalation import Escalation, NextAttempt, next_attempts
from expander.run.outcomes import outcome_of

if TYPE_CHECKING:
    from expander.batch.crds import Sources


@dataclass(frozen=True, slots=True)
class RetrySelection:
    """What to run again. ``items`` are keys, items, names of Jobs, ``NAME/INDEX``, or globs of these;
    ``force`` includes Jobs that have not ended; ``changes`` are keys and values for `manifests.set_field`."""

    items: Sequence[str] = ()
    everything: bool = False
    force: bool = False
    changes: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class RetryCandidate:
    """One Job to create. ``replaces`` is the uid of the Job deleted before, empty for none; ``source`` is
    the Job it comes from, and ``index`` an index of it, None for the whole Job."""

    tree: dict[str, Any]
    replaces: str
    source: Object
    index: int | None = None

    @property
    def attempt(self) -> int:
        """The number of this attempt at the item."""
        return attempt_of(self.tree)

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        metadata = self.tree["metadata"]
        return metadata["namespace"], metadata["name"]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A selected Job that is not run again: an outcome, a reason for machines, a message for people."""

    job: Object
    outcome: str
    reason: str
    message: str


@dataclass(slots=True)
class RetryPlan:
    """What a selection leads to; ``obsolete`` are Jobs for single indexes of a Job that is recreated as a
    whole, ``states`` counts all Jobs by state."""

    candidates: list[RetryCandidate] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    obsolete: list[Object] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)


def plan_retry(jobs: Sequence[Object], choice: RetrySelection, removed: Sequence[Object] = ()) -> RetryPlan:
    """Which of ``jobs`` run again; those ``removed`` from the cluster are refused.

    Raises InputError for an unknown item and UsageError for a change that does not fit a selected Job.
    """
    plan = RetryPlan()
    wanted = NameSelection(choice.items)
    wanted.decide(names_of(jobs))
    names: list[ItemNames] = []
    parts: dict[tuple[str, str], Object] = {}
    for job in jobs:
        if RETRY_OF_ANNOTATION in (job["metadata"].get("annotations") or {}):
            parts[job["metadata"]["namespace"], job["metadata"]["name"]] = job
        state = outcome_of(job, ()).state
        plan.states[state] = plan.states.get(state, 0) + 1
        called = _names(job)
        names.append(called)
        indexes: list[int] | None = None
        if wanted:
            indexes = _selected_indexes(job, called, wanted)
            if indexes is None:
                continue
        elif state != FAILED and not choice.everything:
            continue
        if _may_replace(plan, job, choice):
            _add_candidates(plan, job, indexes or None, choice)
    if removed:
        names += _refuse_removed(plan, removed, wanted, choice)
    if wanted:
        _prefer_index_jobs(plan, parts, choice)
    if choice.everything:
        _split_obsolete(plan)
    missing = wanted.unknown
    if missing:
        hint = name_hint(missing[0], jobs, names)
        raise InputError(f"no item or Job {missing[0]!r} in the group", hint=hint)
    return plan


def _refuse_removed(
    plan: RetryPlan, removed: Sequence[Object], wanted: NameSelection, choice: RetrySelection
) -> list[ItemNames]:
    """Skip those of the Jobs that are selected; returns the names of all."""
    from expander.group.known.removed import MESSAGE, REASON

    plan.states[REMOVED] = len(removed)
    names = [ItemNames.of("", "", str(job["metadata"]["name"])) for job in removed]
    for job, called in zip(removed, names, strict=True):
        if wanted.matches(called) if wanted else choice.everything:
            words = f"{MESSAGE}; submit it again to run it again"
            plan.skipped.append(Skipped(job, "refused", REASON, words))
    return names


def _may_replace(plan: RetryPlan, job: Object, choice: RetrySelection) -> bool:
    """Whether a Job may be recreated; otherwise it is skipped."""
    if choice.force or outcome_of(job, ()).state in (COMPLETE, FAILED):
        return True
    words = f"still running; use {option('--force', True)} to stop and restart it"
    plan.skipped.append(Skipped(job, "refused", "Running", words))
    return False


def _prefer_index_jobs(
    plan: RetryPlan, parts: Mapping[tuple[str, str], Object], choice: RetrySelection
) -> None:
    """For an index that already has a Job of its own, recreate that Job."""
    found, plan.candidates = plan.candidates, []
    done: set[tuple[str, str]] = {candidate.key for candidate in found if candidate.replaces}
    for candidate in found:
        part = None if candidate.index is None else parts.get(candidate.key)
        if part is None:
            plan.candidates.append(candidate)
        elif candidate.key not in done and _may_replace(plan, part, choice):
            done.add(candidate.key)
            _add_candidates(plan, part, None, choice)


def _split_obsolete(plan: RetryPlan) -> None:
    whole = {candidate.key for candidate in plan.candidates}
    kept = []
    for candidate in plan.candidates:
        of = (candidate.source["metadata"].get("annotations") or {}).get(RETRY_OF_ANNOTATION)
        if (candidate.key[0], of) in whole:
            plan.obsolete.append(candidate.source)
        else:
            kept.append(candidate)
    plan.candidates = kept


def _names(job: Object) -> ItemNames:
    told = outcome_of(job, ())
    return ItemNames.of(told.key, told.item, told.name)


def _selected_indexes(job: Object, names: ItemNames, wanted: NameSelection) -> list[int] | None:
    """The selected indexes of ``job``, empty for the whole Job; None if it is not selected."""
    if wanted.matches(names):
        return []
    if job["spec"].get("completionMode") != "Indexed":
        return None
    parts = ((part.index, part.names._replace(jobs=())) for part in job_records(job, ()))
    found = [index for index, names in parts if index is not None and wanted.matches(names)]
    return found or None


def _add_candidates(plan: RetryPlan, job: Object, indexes: list[int] | None, choice: RetrySelection) -> None:
    uid = job["metadata"]["uid"]
    if indexes is None and not choice.everything:
        indexes = remaining_indexes(job)
    made = [RetryCandidate(rerun(job), uid, job)]
    if indexes is not None:
        made = [RetryCandidate(rerun_index(job, index), "", job, index) for index in indexes]
    if not made:
        words = "each missing index has a Job of its own"
        plan.skipped.append(Skipped(job, "unchanged", "IndexesRetried", words))
    for candidate in made:
        change(candidate.tree, choice.changes)
    plan.candidates += made


def escalate(
    plan: RetryPlan, pods: Iterable[Object], policy: Escalation, changes: Sequence[tuple[str, str]] = ()
) -> list[NextAttempt]:
    """Begin with more where the last attempt ran out of memory or time, as ``policy`` has it.

    ``pods`` are those of the candidates' Jobs; ``changes`` come last. Returns the attempts with more.
    """
    policy = replace(policy, exits=None)  # these count attempts that end while the retry lasts
    owned: dict[str, list[Object]] = {}
    for pod in sorted(pods, key=lambda pod: created_at(pod["metadata"]) or 0.0):
        owned.setdefault(owner_of(pod), []).append(pod)
    found = []
    for place, each in enumerate(plan.candidates):
        for attempt in next_attempts(each.source, owned.get(each.source["metadata"]["uid"], []), policy):
            if attempt.change and attempt.index == each.index:
                change(attempt.tree, changes)
                plan.candidates[place] = replace(each, tree=attempt.tree)
                found.append(attempt)
    return found


def change(tree: dict[str, Any], changes: Sequence[tuple[str, str]]) -> None:
    """Set fields of a Job, which then tells what it began as.

    Raises UsageError for one that does not fit, and for two values of one field.
    """
    if changes:
        tree["metadata"]["annotations"].setdefault(ORIGIN_ANNOTATION, digest(tree))
    given: dict[tuple[str | int, ...], tuple[str, str]] = {}
    for key, value in changes:
        try:
            paths = set_field(tree, key, value)
        except UsageError as error:
            problem = error.problems[0]
            raise UsageError(f"{option('--with')}: {problem.message}", hint=problem.hint) from None
        for path in paths:
            name, before = given.setdefault(path, (key, value))
            if before != value:
                as_well = "" if name == key else f", as {name} and {key}"
                raise UsageError(
                    f"{option('--with')} sets {path[-1]!r} twice{as_well}: {before!r} and {value!r}"
                )


def manifest_of(candidate: RetryCandidate) -> Manifest:
    """The Job as a manifest, located at the Job it comes from."""
    metadata = candidate.source["metadata"]
    return Manifest(candidate.tree, SourceLocation(f"job/{metadata['name']}"))


def drop_invalid(plan: RetryPlan, crds: Sources | None = None) -> None:
    """Move candidates that a server would refuse to the skipped Jobs; ``crds`` define custom resources.

    Raises InputError for definitions that cannot be used.
    """
    validator = Validator(crds=crds)
    kept = []
    for candidate in plan.candidates:
        errors: list[ItemError] = []
        try:
            if validator.accepted([manifest_of(candidate)], errors.append):
                kept.append(candidate)
        except InputError as error:
            errors.append(ItemError(error.problems))
        for refused in errors:
            words = "; ".join(": ".join(filter(None, (p.field, p.message))) for p in refused.problems)
            plan.skipped.append(Skipped(candidate.source, "refused", "Invalid", words))
    plan.candidates = kept
