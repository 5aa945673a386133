"""The batches there are: their items by state, their age and where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.errors import ExpanderError
from expander.group.known.last_used import GroupUse
from expander.group.local_watch import STATE_FILE, GroupFolders, StateReader, open_state
from expander.kube.objects import Object
from expander.kube.time import unix
from expander.kube.wellknown import number
from expander.local.state import lock_holder
from expander.local.store.database import reading
from expander.local.store.job_states import FAILED, RUNNING, SUCCEEDED, job_state
from expander.manifests.rerun import COUNT_ANNOTATION, own_indexes, retried_indexes

STATES: Final = ("Complete", "Failed", "Running", "Waiting")
_STATE_OF: Final = {SUCCEEDED: "Complete", FAILED: "Failed", RUNNING: "Running"}

_COUNTS: Final = "SELECT state, count(*) FROM objects WHERE kind='Job' GROUP BY state"
_JOBS: Final = "SELECT state, data FROM objects WHERE kind='Job'"
_FIRST: Final = "SELECT data FROM objects WHERE kind IN ('Job', 'CronJob') ORDER BY id LIMIT 1"


@dataclass(slots=True)
class KnownGroup:
    """A batch. ``counts`` are its items by state; ``created`` is when its first Job was, in the API's form.

    ``where`` is the context or server of its cluster, None for a local one, whose folder is ``state``.
    ``active`` says whether an expander works on a local one.
    """

    group: str
    namespace: str | None = None
    where: str | None = None
    state: str | None = None
    created: str | None = None
    active: bool = False
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    last: GroupUse | None = None

    @property
    def items(self) -> int:
        """How many items there are."""
        return sum(self.counts.values())

    def rest(self) -> None:
        """Nothing runs: what a killed run left as running waits."""
        self.counts["Waiting"] += self.counts["Running"]
        self.counts["Running"] = 0

    def add(self, job: Object) -> None:
        """Count the items of a Job."""
        stamp = job["metadata"].get("creationTimestamp")
        if stamp and (self.created is None or unix(stamp) < unix(self.created)):
            self.created = stamp
        count = _items(job)
        state = job_state(job)
        if count is None:
            self.counts[_STATE_OF.get(state, "Waiting")] += 1
            return
        status, spec = job.get("status") or {}, job["spec"]
        ended = state in (SUCCEEDED, FAILED)
        done = lost = 0
        if spec.get("completionMode") == "Indexed":
            done, lost = (own_indexes(job, name, count) for name in ("completedIndexes", "failedIndexes"))
            count -= len(retried_indexes(job))
        elif state == SUCCEEDED:
            done = count
        busy = 0 if ended else min(status.get("active") or 0, count - done - lost)
        left = count - done - lost - busy
        lost += left if ended else 0
        for name, found in zip(STATES, (done, lost, busy, 0 if ended else left), strict=True):
            self.counts[name] += found


def local_groups(root: Path, label: str, on_error: Callable[[ExpanderError], None]) -> Iterator[KnownGroup]:
    """The groups of the state folders below ``root``, or of the one that it is (a server's).

    ``on_error`` gets the error of each folder whose state cannot be read.
    """
    folders = GroupFolders(root, None)
    for folder in folders.found():
        try:
            found = _groups_in(folder, label, shared=folders.is_shared)
        except ExpanderError as error:
            on_error(error)
        else:
            yield from found


def _groups_in(folder: Path, label: str, *, shared: bool) -> list[KnownGroup]:
    state = open_state(folder)
    if state is None:
        return []
    with state, reading(folder / STATE_FILE):
        if shared:
            jobs = state.of_kind("Job")
            found = _by_label(jobs, label, state=str(folder), active=lock_holder(folder) is not None)
        else:
            found = [_of_folder(state)]
    for group in found:
        if not group.active:
            group.rest()
    return found


def labelled_groups(jobs: Iterable[Object], label: str, where: str) -> list[KnownGroup]:
    """The groups of the Jobs of a cluster by the value of their label."""
    return _by_label(jobs, label, where=where)


def _by_label(jobs: Iterable[Object], label: str, **fields: Any) -> list[KnownGroup]:
    found: dict[tuple[str, str], KnownGroup] = {}
    for job in jobs:
        metadata = job["metadata"]
        name = (metadata.get("labels") or {}).get(label)
        if name:
            place = (metadata["namespace"], name)
            found.setdefault(place, KnownGroup(name, metadata["namespace"], **fields)).add(job)
    return [found[place] for place in sorted(found)]


def _of_folder(state: StateReader) -> KnownGroup:
    """The group of a folder, without reading Jobs whose state says all."""
    folder, database = state.folder, state.database
    found = KnownGroup(folder.name, state=str(folder), active=lock_holder(folder) is not None)
    for name, count in database.execute(_COUNTS):
        found.counts[_STATE_OF.get(name, "Waiting")] += count
    mark = COUNT_ANNOTATION.encode()
    for name, data in database.execute(_JOBS):
        if mark in database.text(data) and _items(job := database.unpack(data)) is not None:
            found.counts[_STATE_OF.get(name, "Waiting")] -= 1
            found.add(job)
    for (data,) in database.execute(_FIRST):
        found.created = database.unpack(data)["metadata"].get("creationTimestamp")
    return found


def _items(job: Object) -> int | None:
    """How many items a Job has that is not made for one."""
    count = number(job["metadata"].get("annotations"), COUNT_ANNOTATION, -1)
    return None if count < 0 else count
