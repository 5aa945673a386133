"""Which pods the Job's status takes account of now, and what they add to it.

pkg/controller/job (trackJobStatusAndRemoveFinalizers, canRemoveFinalizer) decides. A pod is counted once:
when it is released, that is, when its tracking finalizer goes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from expander.local.decide.conditions import FAILURE_TARGET
from expander.local.decide.gather import Entry
from expander.local.decide.turn import Turn

MOST = 500
"""The most pods counted in one turn, so that a status with their uids stays below about 20 kB."""


@dataclass(slots=True)
class Count:
    """What one turn counts.

    ``succeeded`` and ``failed`` are uids to add to the counters (the successes of an Indexed Job are its
    indexes instead), ``release`` the uids of all pods that are done with; ``partial`` says that the limit
    was reached and the rest is left to the next turn.
    """

    succeeded: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    release: list[str] = field(default_factory=list)
    partial: bool = False


def count(turn: Turn, released: Collection[str]) -> Count:
    """Count the pods that are done with; those ``released`` already in this turn never count."""
    past = set(released)
    result, pods = Count(), turn.pods
    everything = turn.verdict is not None or turn.deleted
    groups = [pods.ended, pods.terminating, pods.active] if everything else [pods.ended, pods.terminating]
    failing = turn.verdict is not None and turn.verdict.type == FAILURE_TARGET
    for group in groups:
        for entry in group.values():
            if not entry.tracked or entry.uid in past:
                continue
            failed = turn.is_failed(entry)
            if not (everything or entry.phase == "Succeeded" or (failed and not _is_delayed(turn, entry))):
                continue
            result.release.append(entry.uid)
            _add(turn, result, entry, failed or failing)
            if len(result.release) >= MOST:
                result.partial = True
                return result
    return result


def _is_delayed(turn: Turn, entry: Entry) -> bool:
    """Whether the pod stays until its index has a new one, which takes over its failure count."""
    return turn.delayed.get(entry.index) is entry


def _add(turn: Turn, result: Count, entry: Entry, failed: bool) -> None:
    if entry.phase == "Succeeded":
        if not turn.indexed:
            result.succeeded.append(entry.uid)
    elif failed and turn.is_valid(entry) and turn.match(entry).counts:
        result.failed.append(entry.uid)
