"""The batches there are: their items by state, their age and where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from expander.base.dataclass import dataclass
from expander.base.errors import ExpanderError, StatusError
from expander.group.attempts import main_container, pods_by_job
from expander.group.known.last_used import GroupUse
from expander.group.local.source import read_log
from expander.group.local.state import STATE_FILE, GroupFolders, StateReader, open_state
from expander.group.local.watch import with_started
from expander.group.source import WHOLE_LOG
from expander.kube.generated_names import created_at
from expander.kube.objects import Object, Selection, uid_of
from expander.kube.time import unix
from expander.kube.workloads import ACTIVE, COMPLETE, FAILED
from expander.local.state import lock_holder
from expander.local.store import job_states
from expander.local.store.database import reading
from expander.manifests.rerun import own_indexes, retried_indexes
from expander.run.chunk_log import end_of_log
from expander.run.item_counts import completed_items, item_count, may_be_several
from expander.run.outcomes import pod_runs, state_of

if TYPE_CHECKING:
    from expander.client.retry import Retry
    from expander.client.transport import Transport
    from expander.group.cluster.watch import GroupLister

STATES: Final = ("Complete", "Failed", "Running", "Waiting")
_COUNTED_AS: Final = {COMPLETE: "Complete", FAILED: "Failed", ACTIVE: "Running"}
_STORED_AS: Final = {job_states.SUCCEEDED: "Complete", job_states.FAILED: "Failed"}

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

    def add(self, job: Object, log: Callable[[], bytes] = bytes, pods: Sequence[Object] = ()) -> None:
        """Count the items of a Job; ``log`` gives the end of its log, where that can be read.

        ``pods`` are those of an unfinished Job; without them its ready pods count as all that run.
        """
        stamp = job["metadata"].get("creationTimestamp")
        if stamp and (self.created is None or unix(stamp) < unix(self.created)):
            self.created = stamp
        count, state = item_count(job), _COUNTED_AS.get(state_of(job, pods), "Waiting")
        if count == 1 and not retried_indexes(job):
            self.counts[state] += 1
            return
        status, spec = job.get("status") or {}, job["spec"]
        if state in ("Complete", "Failed"):
            done = completed_items(job, state, log) or 0
            lost, busy = count - done, 0
        else:
            names = ("completedIndexes", "failedIndexes")
            whole = spec["completions"] if spec.get("completionMode") == "Indexed" else 0
            done, lost = (own_indexes(job, name, whole) for name in names)
            running = max(int(status.get("ready") or 0), sum(map(pod_runs, pods)))
            busy = min(running, count - done - lost)
        for name, found in zip(STATES, (done, lost, busy, count - done - lost - busy), strict=True):
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
            jobs, pods_of = state.of_kind("Job"), partial(_pods_of, state)
            busy = lock_holder(folder) is not None
            found = _by_label(jobs, label, pods_of, state=str(folder), active=busy)
        else:
            found = [_of_folder(state)]
    for group in found:
        if not group.active:
            group.rest()
    return found


def cluster_groups(
    transport: Transport, namespace: str | None, label: str, where: str, retry: Retry
) -> list[KnownGroup]:
    """The groups of a namespace of a cluster, or of all; ``where`` is what the cluster is called.

    Raises ExpanderError when the cluster does not answer, or refuses.
    """
    from expander.client.client import ApiClient
    from expander.group.cluster.watch import GroupLister

    lister = GroupLister(ApiClient(transport, retry, lambda: False), Selection(namespace, label))
    jobs = lister.selected()
    pods = pods_by_job(_running_pods(lister))  # before the Jobs, of which only a page at a time is kept
    return labelled_groups(jobs, label, where, pods)


def _running_pods(lister: GroupLister) -> Iterator[Object]:
    """The pods that run, without their specs; none for users who may not list them."""
    from expander.group.cluster.watch import POD

    with suppress(StatusError):
        for pod in lister.objects(POD, lister.selector, "status.phase=Running"):
            yield {"metadata": pod["metadata"], "status": pod["status"]}


def labelled_groups(
    jobs: Iterable[Object],
    label: str,
    where: str,
    pods: Mapping[str, Sequence[Object]] = MappingProxyType({}),
) -> list[KnownGroup]:
    """The groups of the Jobs of a cluster by the value of their label; ``pods`` by `uid_of` their Jobs."""
    return _by_label(jobs, label, lambda job: pods.get(uid_of(job), ()), where=where)


def _by_label(
    jobs: Iterable[Object],
    label: str,
    pods_of: Callable[[Object], Sequence[Object]],
    **fields: Any,
) -> list[KnownGroup]:
    found: dict[tuple[str, str], KnownGroup] = {}
    for job in jobs:
        metadata = job["metadata"]
        name = (metadata.get("labels") or {}).get(label)
        if name:
            place = (metadata["namespace"], name)
            group = found.setdefault(place, KnownGroup(name, metadata["namespace"], **fields))
            group.add(job, pods=pods_of(job))
    return [found[place] for place in sorted(found)]


def _of_folder(state: StateReader) -> KnownGroup:
    """The group of a folder, without reading Jobs whose state says all."""
    folder, database = state.folder, state.database
    found = KnownGroup(folder.name, state=str(folder), active=lock_holder(folder) is not None)
    for name, count in database.execute(_COUNTS):
        found.counts[_STORED_AS.get(name, "Waiting")] += count
    for name, data in database.execute(_JOBS):
        if name == job_states.RUNNING or may_be_several(database.text(data)):
            job = database.unpack(data)
            found.counts[_STORED_AS.get(name, "Waiting")] -= 1
            found.add(job, partial(_log_of, state, job), _pods_of(state, job))
    for (data,) in database.execute(_FIRST):
        found.created = database.unpack(data)["metadata"].get("creationTimestamp")
    return found


def _pods_of(state: StateReader, job: Object) -> list[Object]:
    """The pods of a Job that may be at work."""
    if not (job.get("status") or {}).get("active"):
        return []
    return [with_started(pod, state.folder) for pod in state.owned([uid_of(job)])]


def _log_of(state: StateReader, job: Object) -> bytes:
    """The end of the log of a chunk that has failed."""
    pods = pods_by_job(state.owned([uid_of(job)])).get(uid_of(job), ())
    for pod in sorted(pods, key=lambda pod: created_at(pod["metadata"]) or 0.0, reverse=True):
        return end_of_log(read_log(state.folder, pod, main_container(pod), WHOLE_LOG))
    return b""
