"""What an earlier run of the group left, and what of it runs again.

The same command goes on where it ended. With another template what failed or has not ended runs again, and
what is complete is kept; ``--rerun`` says otherwise. Jobs that the input does not name any more are left
alone: an unfinished one is held, so that the input that names it takes it up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from expander.base.dataclass import dataclass
from expander.base.errors import ContentChanged, ItemError, Problem
from expander.base.option_names import option
from expander.base.text import counted
from expander.kube.objects import Object
from expander.kube.volcano import is_volcano
from expander.local.api_operations import ApiOperations
from expander.local.registry import CreateResult, is_unchanged
from expander.local.store.job_states import FAILED, FINISHED, PENDING, RUNNING, SUCCEEDED, job_state
from expander.manifests.manifest import Manifest
from expander.manifests.rerun import (
    ATTEMPT_ANNOTATION,
    CHUNKS_AGAIN,
    RETRIED_ANNOTATION,
    is_chunk,
    keep_created,
    overridden_note,
    remaining_indexes,
    rerun_changed,
    rerun_index,
    retried_indexes,
    with_retried,
)
from expander.manifests.rerun_choice import Rerun, has_other_items, next_attempt, runs_again, whose_else
from expander.run.item_counts import item_count
from expander.run.rerun_pass import RerunPass

Find = Callable[[str, str, str], dict[str, Any] | None]
"""Gives the object of an earlier run by kind, namespace and name."""

IndexJobs = dict[int, dict[str, Any]]
"""Jobs that were made for single indexes of another, by index."""

Settled = tuple[Manifest, CreateResult | None]
"""An object of the batch, and what is there of it; None: it is to be made."""


@dataclass(slots=True)
class RerunCounts:
    """How many objects an earlier run left, by what became of them: Jobs by their state then."""

    kept: Counter[str] = field(default_factory=Counter)
    done: int = 0
    """Complete Jobs among those kept that ``--rerun all`` has run again before it was ended."""
    outdated: int = 0
    """Complete Jobs among those kept whose manifest has changed."""
    again: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    """Those run again whose manifest has changed."""
    new: int = 0
    replaced: int = 0
    """Those of other items whose name an item has now."""
    chunks: int = 0
    """Those of them that do several items one after the other."""
    overridden: int = 0
    """Those of them that `retry --with` or a policy had changed."""
    gone: int = 0
    """Jobs that had ended and were deleted for it."""
    expired: int = 0
    """Jobs that were deleted as their ttlSecondsAfterFinished was over."""


class EarlierRun:
    """The objects of an earlier run in ``executor``, while the input of this one comes in.

    ``on_replaced`` gets each Job that has begun before it is made anew: its logs may be wanted. ``on_error``
    gets an `ItemError` for an object that cannot be made anew. ``folder`` has the state; see `RerunPass`.
    """

    def __init__(
        self,
        executor: ApiOperations,
        on_error: Callable[[ItemError], None],
        rerun: Rerun | None = None,
        on_replaced: Callable[[Object], None] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._executor = executor
        self._pass = RerunPass(rerun, folder)
        self._pass.begin()
        self._on_replaced = on_replaced
        self._on_error = on_error
        self._absent = executor.job_states()
        self.left = Counter(self._absent.values())
        """Jobs that the input has not named so far, or that stay for other items, by state."""
        self._in_the_way: Counter[str] = Counter()
        """Those of them for which something of the input was refused."""
        self.counts = RerunCounts()

    def delete_expired(self) -> None:
        """Delete the Jobs whose ttlSecondsAfterFinished is over, before any of the input comes."""
        self.counts.expired = self._executor.delete_expired()
        if self.counts.expired:
            self._absent = self._executor.job_states()
            self.left = Counter(self._absent.values())

    @property
    def ended_left(self) -> int:
        """Jobs that had ended and that the input has not named so far."""
        return sum(self.left[state] for state in FINISHED)

    def settle(self, arrived: Sequence[tuple[Manifest, CreateResult]]) -> list[tuple[Manifest, CreateResult]]:
        """Make anew what is to run again; the objects as they are then, in order, without refused ones.

        What is made anew is ``created``; what stays is ``unchanged``.
        """
        found: list[Settled] = []
        for manifest, told in arrived:
            if told.outcome == "created":
                self.counts.new += told.kind == "Job"
                found.append((manifest, told))
            elif told.there is None and not self._pass.is_of_all:
                self._name(told.uid)
                self.counts.kept[SUCCEEDED] += 1
                found.append((manifest, told))
            else:
                there = told.there or self._executor.by_uid(told.uid)
                found += self._settled(manifest, told._replace(there=there))
        anew = iter(self._executor.submit([manifest.tree for manifest, told in found if told is None]))
        return [(manifest, told or next(anew)) for manifest, told in found]

    def end(self) -> None:
        """All Jobs of the run have ended."""
        self._pass.end()

    def of_this_run(self, counts: Mapping[str, int]) -> dict[str, int]:
        """``counts`` of Jobs by state without those that the input has not named."""
        if not any(self.left.values()):
            return dict(counts)
        left = Counter(self.left)
        unfinished = left.pop(PENDING, 0) + left.pop(RUNNING, 0)
        left[PENDING] = min(unfinished, counts[PENDING])
        left[RUNNING] = unfinished - left[PENDING]
        return {state: max(0, count - left[state]) for state, count in counts.items()}

    def sentences(self) -> Iterator[str]:
        """What a user is told when all of the input has come: nothing if the run only goes on."""
        counts = self.counts
        complete, failed = counts.kept[SUCCEEDED], counts.kept[FAILED]
        again = " and ".join(_states(counts.again))
        kept = f"{counted(complete, 'complete Job')} kept"
        parts = [kept] if complete else []
        if old := counts.outdated:
            them = "it" if old == 1 else "them"
            although = f"although changed ({option('--rerun changed')} runs {them} again)"
            parts[-1:] = [f"{kept}{'' if old == complete else f', {old:,} of them'} {although}"]
        if again:
            all_changed = counts.changed == counts.again.total()
            some = "" if all_changed or not counts.changed else f", {counts.changed:,} of them"
            parts.append(f"{again} run again{some}{' with a changed manifest' if counts.changed else ''}")
        if failed:
            parts.append(
                f"{counted(failed, 'failed Job')} kept ({option('--rerun failed')} runs "
                f"{'it' if failed == 1 else 'them'} again)"
            )
        if other := counts.replaced:
            parts.append(
                f"{counted(other, 'Job')} of {'another item' if other == 1 else 'other items'} replaced"
            )
        if again or failed or other or counts.outdated:
            yield ", ".join([*parts, *([f"{counts.new:,} new"] if counts.new else [])])
        if counts.done:
            done = f"{counted(counts.done, 'Job')} that it has run already kept"
            yield f"{option('--rerun all')} resumes: {done}"
        if counts.chunks:
            yield CHUNKS_AGAIN.format(counted(counts.chunks, "chunk"))
        if counts.overridden:
            yield overridden_note(counts.overridden)
        if counts.expired:
            yield expired_note(counts.expired, "deleted")
        absent = self.left - self._in_the_way
        if count := absent.total():
            yield (
                f"{counted(count, 'Job')} of an earlier run not in this input, left alone: "
                f"{', '.join(_states(absent))}"
            )

    def _settled(self, manifest: Manifest, told: CreateResult) -> list[Settled]:
        """An object that is there: it stays, or others take its place, or run what it still owes."""
        there = told.there
        assert there is not None
        changed, state = told.outcome == "exists", state_left(there)
        rerun = self._pass.rule(there)
        if changed and state is not None:
            whose = whose_else(there["metadata"], manifest.tree["metadata"], rerun)
            if whose is not None:
                self._in_the_way[state] += there["metadata"]["uid"] in self._absent
                return self._refused(manifest, *whose)
        kept = (manifest, told._replace(outcome="unchanged"))
        parts: IndexJobs = {}
        if told.kind == "Job":
            parts = index_jobs(there, self._executor.find)
            self._claim(there, parts)
            state = state_with(parts, state)
        if state is None:
            return self._replaced(there, manifest) if changed else [kept]
        if not runs_again(state, changed=changed, rerun=rerun):
            if told.kind == "Job":
                self._keep(there, state, changed)
            return [kept, *((_for_index(manifest, there, index), _kept(parts[index])) for index in parts)]
        owed = remaining_indexes(there) if (parts or state == FAILED) and not is_volcano(there) else None
        if has_other_items(there["metadata"], manifest.tree["metadata"]):
            owed = None  # all of them run
        if owed is not None and state != SUCCEEDED and rerun != "all":
            found = self._indexes(there, manifest, owed, parts)
            if any(result is None for _, result in found):
                self._count_again(state, changed)
            elif found:
                self._keep(there, state, changed=False)
            return found
        if whose_else(there["metadata"], manifest.tree["metadata"], None) is not None:
            self.counts.replaced += 1
        else:
            self._count_again(state, changed)
            self.counts.chunks += told.kind == "Job" and is_chunk(there)
        for part in parts.values():
            self._delete(part)
        return self._replaced(there, manifest)

    def _claim(self, job: Object, parts: IndexJobs) -> None:
        """The input names the Job, and with it those that were made for single indexes of it."""
        self._name(job["metadata"]["uid"])
        for part in parts.values():
            self._name(part["metadata"]["uid"])
            self._executor.release(part["metadata"]["uid"])

    def _count_again(self, state: str, changed: bool) -> None:
        self.counts.again[state] += 1
        self.counts.changed += changed

    def _name(self, uid: str) -> None:
        """The Job is of this run."""
        state = self._absent.pop(uid, None)
        if state is not None:
            self.left[state] -= 1

    def _keep(self, job: Object, state: str, changed: bool) -> None:
        self._executor.release(job["metadata"]["uid"])
        self.counts.kept[state] += 1
        self.counts.done += state == SUCCEEDED and self._pass.has_made(job)
        self.counts.outdated += changed

    def _delete(self, there: Object) -> None:
        """Delete what is made anew; its logs are kept if it is a Job that has begun."""
        metadata, kind = there["metadata"], there["kind"]
        if kind == "Job" and there.get("status") and self._on_replaced is not None:
            self._on_replaced(there)
        self.counts.gone += kind == "Job" and job_state(there) in FINISHED
        self._executor.delete(kind, metadata["namespace"], metadata["name"])

    def _replaced(self, there: dict[str, Any], manifest: Manifest) -> list[Settled]:
        """Delete ``there``; the manifest for its place."""
        metadata, kind = there["metadata"], there["kind"]
        if kind == "Job" and (tree := rerun_changed(there)) is not None:
            if is_unchanged(manifest.tree, there, metadata["namespace"]):
                manifest = Manifest(tree, manifest.where, manifest.item)
            else:
                self.counts.overridden += 1
        if kind == "Job":
            manifest = _successor(manifest, there)
        self._delete(there)
        if self._executor.find(kind, metadata["namespace"], metadata["name"]) is None:
            return [(manifest, None)]
        return self._refused(
            manifest, "is still being deleted", f"{option('--fresh', True)} discards the earlier run"
        )

    def _indexes(
        self, there: dict[str, Any], manifest: Manifest, owed: list[int], parts: IndexJobs
    ) -> list[Settled]:
        """An Indexed Job stays; a Job, made of the new manifest, for each index that it still owes.

        ``parts`` are those that were made before: what failed of them runs again by the same rule.
        """
        metadata = there["metadata"]
        made = {index: _for_index(manifest, there, index) for index in sorted({*owed, *parts})}
        again = {index for index, part in parts.items() if self._part_again(made[index], part)}
        place = "Job", metadata["namespace"], metadata["name"]
        if owed:
            annotations = {RETRIED_ANNOTATION: with_retried(there, owed)}
            there = self._executor.patch(*place, {"metadata": {"annotations": annotations}})
        found: list[Settled] = [(manifest, _kept(there))]
        for index, each in made.items():
            if index in again:
                found += self._replaced(parts[index], each)
            else:
                found.append((each, _kept(parts[index]) if index in parts else None))
        return found

    def _part_again(self, manifest: Manifest, part: dict[str, Any]) -> bool:
        state, changed = job_state(part), not is_unchanged(manifest.tree, part, part["metadata"]["namespace"])
        return state != SUCCEEDED and runs_again(state, changed=changed, rerun=self._pass.rule(part))

    def _refused(self, manifest: Manifest, why: str, hint: str) -> list[Settled]:
        self._on_error(refusal(manifest, why, hint))
        return []


def refusal(manifest: Manifest, why: str, hint: str) -> ContentChanged:
    """The error for a manifest whose name an object of the earlier run has, as it stays: ``why``."""
    item = None if manifest.item is None else str(manifest.item)
    words = f"the {manifest.kind} {manifest.name!r} of the earlier run {why}"
    items = item_count(manifest.tree) if manifest.kind == "Job" else 1
    return ContentChanged(Problem(words, manifest.where, item, hint=hint), items=items)


def expired_note(count: int, what: str) -> str:
    """What is said of so many Jobs whose time to live is over; ``what`` is done with them."""
    return f"{counted(count, 'Job')} of an earlier run {what} (ttlSecondsAfterFinished)"


def index_jobs(job: Object, find: Find) -> IndexJobs:
    """The Jobs that were made for single indexes of ``job`` and are still there."""
    metadata = job["metadata"]
    found = {
        index: find("Job", metadata["namespace"], f"{metadata['name']}-{index}")
        for index in sorted(retried_indexes(job))
    }
    return {index: part for index, part in found.items() if part is not None}


def state_with(parts: IndexJobs, state: str | None) -> str | None:
    """The state in which an Indexed Job was left, of which ``parts`` have Jobs of their own."""
    states = {state, *map(job_state, parts.values())} if parts else {state}
    return FAILED if FAILED in states else next(iter(states - {SUCCEEDED}), SUCCEEDED)


def _for_index(manifest: Manifest, there: Object, index: int) -> Manifest:
    """The Job for one index of ``there``, made of the new manifest."""
    metadata = {**manifest.tree["metadata"], "namespace": there["metadata"]["namespace"]}
    tree = rerun_index({**manifest.tree, "metadata": metadata}, index)
    return Manifest(tree, manifest.where, manifest.item)


def _kept(job: dict[str, Any]) -> CreateResult:
    metadata = job["metadata"]
    return CreateResult("Job", metadata["namespace"], metadata["name"], metadata["uid"], "unchanged", job)


def state_left(obj: Object) -> str | None:
    """The state in which a Job or pod was left; None for what does not end."""
    if obj["kind"] == "Job":
        return job_state(obj)
    phase = str((obj.get("status") or {}).get("phase"))
    return {"Succeeded": SUCCEEDED, "Failed": FAILED}.get(phase, PENDING) if obj["kind"] == "Pod" else None


def _successor(manifest: Manifest, there: Object) -> Manifest:
    """The manifest for the place of ``there`` in the group, as the next attempt at its item."""
    metadata = manifest.tree["metadata"]
    annotations = {**(metadata.get("annotations") or {})}
    keep_created(there, annotations)
    if (attempt := next_attempt(there, manifest.tree, begun=bool(there.get("status")))) > 1:
        annotations[ATTEMPT_ANNOTATION] = str(attempt)
    else:
        annotations.pop(ATTEMPT_ANNOTATION, None)
    tree = {**manifest.tree, "metadata": {**metadata, "annotations": annotations}}
    return Manifest(tree, manifest.where, manifest.item)


def _states(counts: Mapping[str, int]) -> list[str]:
    """``3 complete Jobs``, ``2 failed Jobs``, ``1 unfinished Job``."""
    unfinished = sum(count for state, count in counts.items() if state not in FINISHED)
    named = [
        (counts.get(SUCCEEDED, 0), "complete Job"),
        (counts.get(FAILED, 0), "failed Job"),
        (unfinished, "unfinished Job"),
    ]
    return [counted(count, noun) for count, noun in named if count]
