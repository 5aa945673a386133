"""What an earlier run of the group left, and what of it runs again.

The same command goes on where it ended. With another template what failed or has not ended runs again, and
what is complete is kept; ``--rerun`` says otherwise. Jobs that the input does not name any more are left
alone: an unfinished one is held, so that the input that names it takes it up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field

from expander.base.dataclass import dataclass
from expander.base.errors import ContentChanged, ItemError, Problem
from expander.base.text import counted
from expander.kube.objects import Object
from expander.kube.volcano import is_volcano
from expander.local.api_operations import ApiOperations
from expander.local.registry import CreateResult
from expander.local.store.job_states import FAILED, FINISHED, PENDING, RUNNING, SUCCEEDED, job_state
from expander.manifests.manifest import Manifest
from expander.manifests.rerun import (
    ATTEMPT_ANNOTATION,
    ITEMS_ANNOTATION,
    RETRIED_ANNOTATION,
    attempt_of,
    indexes,
    remaining_indexes,
    rerun_index,
    with_retried,
)
from expander.manifests.rerun_choice import Rerun, runs_again


@dataclass(slots=True)
class RerunCounts:
    """How many objects an earlier run left, by what became of them: Jobs by their state then."""

    kept: Counter[str] = field(default_factory=Counter)
    outdated: int = 0
    """Complete Jobs among those kept whose manifest has changed."""
    again: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    """Those run again whose manifest has changed."""
    new: int = 0


class EarlierRun:
    """The objects of an earlier run in ``executor``, while the input of this one comes in.

    ``on_replaced`` gets each Job that has begun before it is made anew: its logs may be wanted. ``on_error``
    gets an `ItemError` for an object that cannot be made anew.
    """

    def __init__(
        self,
        executor: ApiOperations,
        on_error: Callable[[ItemError], None],
        rerun: Rerun | None = None,
        on_replaced: Callable[[Object], None] | None = None,
    ) -> None:
        self._executor = executor
        self._rerun = rerun
        self._on_replaced = on_replaced
        self._on_error = on_error
        self._absent = executor.job_states()
        self.left = Counter(self._absent.values())
        """Jobs that the input has not named so far, by state."""
        self.ended_left = sum(self.left[state] for state in FINISHED)
        """Those of them that had ended, also if they are gone meanwhile (``ttlSecondsAfterFinished``)."""
        executor.on_job_gone(self._forget)
        self.counts = RerunCounts()

    def settle(self, arrived: Sequence[tuple[Manifest, CreateResult]]) -> list[tuple[Manifest, CreateResult]]:
        """Make anew what is to run again; the objects as they are then, in order, without refused ones.

        What is made anew is ``created``; what stays is ``unchanged``.
        """
        found: list[tuple[Manifest, CreateResult | None]] = []
        for manifest, told in arrived:
            if told.outcome == "created":
                self.counts.new += told.kind == "Job"
                found.append((manifest, told))
            elif (successors := self._successors(manifest, told)) is None:
                found.append((manifest, told._replace(outcome="unchanged")))
            else:
                found += [(successor, None) for successor in successors]
        anew = iter(self._executor.submit([manifest.tree for manifest, told in found if told is None]))
        return [(manifest, told or next(anew)) for manifest, told in found]

    def of_this_run(self, counts: Mapping[str, int]) -> dict[str, int]:
        """``counts`` of Jobs by state without those that the input has not named."""
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
        parts = [f"{complete:,} Complete kept"] if complete else []
        if counts.outdated and not counts.changed:
            them = "it" if counts.outdated == 1 else "them"
            parts.append(f"{counts.outdated:,} of an earlier template (--rerun changed runs {them} again)")
        if again:
            parts.append(f"{again} run again{' with the changed template' if counts.changed else ''}")
        if failed:
            parts.append(
                f"{failed:,} Failed kept (--rerun failed runs {'it' if failed == 1 else 'them'} again)"
            )
        if again or failed or counts.outdated:
            yield ", ".join([*parts, *([f"{counts.new:,} new"] if counts.new else [])])
        if absent := sum(self.left.values()):
            yield (
                f"{counted(absent, 'Job')} of an earlier run not in this input, left alone: "
                f"{', '.join(_states(self.left))}"
            )

    def _successors(self, manifest: Manifest, told: CreateResult) -> list[Manifest] | None:
        """What takes the place of an object that is there; None when it stays."""
        there = told.there
        assert there is not None
        changed, state = told.outcome == "exists", state_left(there)
        if told.kind == "Job":
            self._claim(there)
        if state is None:
            return self._replaced(there, manifest) if changed else None
        if not runs_again(state, changed=changed, rerun=self._rerun):
            if told.kind == "Job":
                self._keep(there, state, changed)
            return None
        self.counts.again[state] += 1
        self.counts.changed += changed
        missing = remaining_indexes(there) if state == FAILED and not is_volcano(there) else None
        if missing is not None and self._rerun != "all":
            return self._indexes(there, manifest, missing)
        return self._replaced(there, manifest)

    def _claim(self, job: Object) -> None:
        """The input names the Job, and with it those that `retry` made for single indexes of it."""
        self._name(job["metadata"]["uid"])
        namespace, name = job["metadata"]["namespace"], job["metadata"]["name"]
        for index in indexes((job["metadata"].get("annotations") or {}).get(RETRIED_ANNOTATION)):
            part = self._executor.find("Job", namespace, f"{name}-{index}")
            if part is not None:
                self._name(part["metadata"]["uid"])
                self._executor.release(part["metadata"]["uid"])

    def _name(self, uid: str) -> None:
        """The Job is of this run."""
        self.ended_left -= self._forget(uid) in FINISHED

    def _forget(self, uid: str) -> str | None:
        """The Job is not left alone any more; the state in which it was, None if it was not."""
        state = self._absent.pop(uid, None)
        if state is not None:
            self.left[state] -= 1
        return state

    def _keep(self, job: Object, state: str, changed: bool) -> None:
        self._executor.release(job["metadata"]["uid"])
        self.counts.kept[state] += 1
        self.counts.outdated += changed

    def _replaced(self, there: Object, manifest: Manifest) -> list[Manifest]:
        """Delete ``there``; the manifest for its place, as the next attempt if the Job had begun."""
        metadata, kind = there["metadata"], there["kind"]
        if kind == "Job" and there.get("status"):
            if self._on_replaced is not None:
                self._on_replaced(there)
            manifest = _next_attempt(manifest, attempt_of(there) + 1)
        self._executor.delete(kind, metadata["namespace"], metadata["name"])
        if self._executor.find(kind, metadata["namespace"], metadata["name"]) is None:
            return [manifest]
        return self._refused(manifest, "it is still being deleted; use --fresh to discard the earlier run")

    def _indexes(self, there: Object, manifest: Manifest, missing: list[int]) -> list[Manifest]:
        """A Job for each index that an Indexed Job still owes, made of the new manifest."""
        metadata = there["metadata"]
        items = [
            (each.get("annotations") or {}).get(ITEMS_ANNOTATION)
            for each in (metadata, manifest.tree["metadata"])
        ]
        if items[0] != items[1]:
            return self._refused(manifest, "its items have changed; --rerun all runs all of them")
        tree = {
            **manifest.tree,
            "metadata": {**manifest.tree["metadata"], "namespace": metadata["namespace"]},
        }
        parts = [Manifest(rerun_index(tree, index), manifest.where, manifest.item) for index in missing]
        annotations = {RETRIED_ANNOTATION: with_retried(there, missing)}
        self._executor.patch(
            "Job", metadata["namespace"], metadata["name"], {"metadata": {"annotations": annotations}}
        )
        return parts

    def _refused(self, manifest: Manifest, hint: str) -> list[Manifest]:
        item = None if manifest.item is None else str(manifest.item)
        words = f"{manifest.kind} {manifest.name!r} has changed since the earlier run"
        self._on_error(ContentChanged(Problem(words, manifest.where, item, hint=hint)))
        return []


def state_left(obj: Object) -> str | None:
    """The state in which a Job or pod was left; None for what does not end."""
    if obj["kind"] == "Job":
        return job_state(obj)
    phase = str((obj.get("status") or {}).get("phase"))
    return {"Succeeded": SUCCEEDED, "Failed": FAILED}.get(phase, PENDING) if obj["kind"] == "Pod" else None


def _next_attempt(manifest: Manifest, attempt: int) -> Manifest:
    metadata = manifest.tree["metadata"]
    annotations = {**(metadata.get("annotations") or {}), ATTEMPT_ANNOTATION: str(attempt)}
    tree = {**manifest.tree, "metadata": {**metadata, "annotations": annotations}}
    return Manifest(tree, manifest.where, manifest.item)


def _states(counts: Mapping[str, int]) -> list[str]:
    """``3 Complete``, ``2 Failed``, ``1 unfinished``."""
    unfinished = sum(count for state, count in counts.items() if state not in FINISHED)
    named = [
        (counts.get(SUCCEEDED, 0), "Complete"),
        (counts.get(FAILED, 0), "Failed"),
        (unfinished, "unfinished"),
    ]
    return [f"{count:,} {word}" for count, word in named if count]
