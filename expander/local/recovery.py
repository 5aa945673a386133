"""Takes up what an earlier executor left, also one that was killed.

The store says which pods there are, the supervisor's journal what was started and how it ended. A pod that
ended before it was written is made again of its Job and what the journal notes. A bound pod of which nothing
was started is started now. A pod that came to its end gets the status the kubelet would have written: it is
replayed with the recorded ends in place of processes. A pod that was cut short did not happen: it goes
without being counted, and its Job makes another; so does one whose output was lost to a full disk.
A pod did happen when all but its sidecars had ended.
"""

from __future__ import annotations

import signal as signals
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from expander.kube.objects import ENDED, pod_has_ended
from expander.kube.volcano import is_volcano
from expander.local.control_plane import ControlPlane
from expander.local.controllers.job.conditions import finished
from expander.local.controllers.job.context import EXACT_START, IDLE_SECONDS
from expander.local.controllers.job.pods import job_of_note, pod_of_note
from expander.local.controllers.pods import controller_of
from expander.local.kubelet.container import lost_status
from expander.local.runtime.journal import SUFFIX
from expander.local.runtime.journal_recovery import forget, recover
from expander.local.runtime.runtime import Exit, Launch, Started
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore

Ends = dict[str, dict[str, Exit]]
"""By the uid of a pod, then by the key of a launch: how it ended."""

MAX_REPLAY_STEPS: Final = 1000
"""Turns after which a pod that is played through is taken to be cut short."""


class ReplayKubelet(Protocol):
    """What is needed of `kubelet.kubelet.Kubelet`."""

    def start(self, pod: Object, now: float) -> None: ...

    def step(self, now: float) -> list[Any]: ...


class ReplayRuntime:
    """Stands for a supervisor: what is started ends as it did before.

    Those of ``sidecars``, by their names, that did not end do so when they are signalled.
    """

    def __init__(self, ends: Mapping[str, Exit], sidecars: Collection[str] = ()) -> None:
        self._ends = ends
        self._sidecars = sidecars
        self._running: dict[str, Exit] = {}
        self._news: deque[Started | Exit] = deque()
        self.cut_short = False
        """Whether something was to be started that never came to its own end."""

    @property
    def has_news(self) -> bool:
        """Whether something has happened that was not read."""
        return bool(self._news)

    def start(self, launch: Launch) -> None:
        """Tell of its start and of its end, if it had one."""
        end = self._ends.get(launch.key)
        if launch.pull is not None:  # whatever it waited for, it went on
            end = Exit(launch.key, 0, None, 0.0, 0.0)
        if end is not None and end.lost and launch.key.split("/")[1] in self._sidecars:
            self._running[launch.key] = end
            self._news.append(Started(launch.key, 0, end.started))
        elif end is None or end.lost or end.unlogged:
            self.cut_short = True
        else:
            self._news += (Started(launch.key, 0, end.started), end)

    def signal(self, key: str, number: int = 15, *, whole: bool = True) -> None:
        """Only a sidecar is there to hear it: it was killed when all else had ended."""
        if (end := self._running.pop(key, None)) is not None:
            self._news.append(Exit(key, None, signals.SIGKILL, end.started, end.finished))

    def settled(self, keys: object) -> None:
        """The record is given up as a whole."""

    def fileno(self) -> int:
        """Nobody waits for a record."""
        return -1

    def read(self) -> list[Started | Exit]:
        """What has happened."""
        news = [*self._news]
        self._news.clear()
        return news


def recorded_ends(runs: Path) -> Ends:
    """How all that ended which was started by supervisors with this folder; none of it runs any more."""
    found: Ends = defaultdict(dict)
    for end in recover(runs):
        found[end.key.partition("/")[0]][end.key] = end
    return found


def last_at_work(runs: Path, now: float) -> float:
    """When the last supervisor with this folder was at work, Unix seconds; ``now`` if there was none."""
    return max((path.stat().st_mtime for path in runs.glob("*" + SUFFIX)), default=now)


def shift_deadlines(store: ObjectStore, seconds: float, now: float) -> None:
    """Let Jobs with a deadline have ``seconds`` more: so long there was nobody to run them."""
    for uid, note in [*store.notes()]:
        started = note.get(EXACT_START) if isinstance(note, dict) else None
        if started is not None:
            idle = min(max(0.0, now - started), note.get(IDLE_SECONDS, 0.0) + max(0.0, seconds))
            store.note(uid, {**note, IDLE_SECONDS: idle})


def restore(
    control: ControlPlane,
    ends: Ends,
    own: Path,
    player: Callable[[ReplayRuntime], ReplayKubelet],
    now: float,
    *,
    hold: bool = False,
) -> list[Object]:
    """Bring the store up to date with what happened, and give the pods to be started, all of it durable.

    ``own`` is the journal of the supervisor that comes up, beside those of earlier ones. ``player`` makes a
    kubelet that works with a `Record`. With ``hold`` Jobs are held (`WorkQueue.held`), and their pods that
    have not ended did not happen.
    """
    starts = []
    _make_again(control, ends)
    for pod in control.restore(hold=hold):
        uid = pod["metadata"]["uid"]
        if pod["spec"].get("nodeName") or uid in ends:
            _start_job(control.store, pod)
        if pod_has_ended(pod):
            _resync_ended(control, pod)
        elif uid not in ends and controller_of(pod) in control.work_queue.held:
            control.undo_pod(uid)
        elif uid not in ends and not pod["spec"].get("nodeName"):
            control.pod_created(pod)
        elif uid not in ends:
            if pod["metadata"].get("deletionTimestamp"):
                control.pods.set_status(uid, {**pod["status"], "phase": "Failed"})
            else:
                control.take_place(pod)
                starts.append(pod)
        else:
            _replay_or_undo(control, control.bind(pod, now), ends[uid], player, now)
    control.commit()
    forget(own.parent, own)
    return starts


def _make_again(control: ControlPlane, ends: Ends) -> None:
    """Store the pods that came to their ends before they were written."""
    store = control.store
    for uid, of_pod in ends.items():
        note = next((end.note for end in of_pod.values() if end.note and not end.lost), None)
        if note is None or store.by_uid(uid) is not None:
            continue
        job = store.by_uid(job_of_note(note))
        if job is None or finished(job):
            continue
        if uid not in (pod["metadata"]["uid"] for pod in store.deleted_pods(job["metadata"]["uid"])):
            store.put(control.admit(pod_of_note(job, uid, note)), new=True)


def _start_job(store: ObjectStore, pod: Object) -> None:
    """The Job of the pod has begun with it, if nobody came to write that down."""
    job = store.by_uid(controller_of(pod) or "")
    if job is None or job["kind"] != "Job" or is_volcano(job) or job["spec"].get("suspend"):
        return
    status, metadata = job.get("status") or {}, pod["metadata"]
    if "startTime" not in status and not metadata.get("deletionTimestamp"):
        store.put({**job, "status": {**status, "startTime": metadata["creationTimestamp"]}})


def _resync_ended(control: ControlPlane, pod: Object) -> None:
    """The pod has ended; somebody may not have noticed."""
    control.pods.settle(pod)
    if (job := controller_of(pod)) is not None:
        control.enqueue_job(job, at_once=True)


def _replay_or_undo(
    control: ControlPlane,
    pod: Object,
    ends: Mapping[str, Exit],
    player: Callable[[ReplayRuntime], ReplayKubelet],
    now: float,
) -> None:
    """Give the pod its last status if it had one, else undo it."""
    uid = pod["metadata"]["uid"]
    status = _replayed_status(pod, ends, player)
    if status is not None:
        control.pods.set_status(uid, status)
    else:
        control.undo_pod(uid, _lost(pod, ends, lambda starts: max(starts) + 1))


def _lost(
    pod: Object, ends: Mapping[str, Exit], count: Callable[[list[int]], int]
) -> dict[str, list[dict[str, Any]]]:
    """The statuses of containers that are to count on; ``count`` gives restarts by the numbers of starts."""
    starts: dict[str, list[int]] = defaultdict(list)
    for key in ends:
        _, name, number = key.split("/", 2)
        if number.isdecimal():  # no hook or probe
            starts[name].append(int(number))
    found = {}
    for kind in ("initContainers", "containers"):
        known = {each["name"]: each for each in pod["spec"].get(kind) or () if each["name"] in starts}
        lost = [lost_status(each, count(starts[name])) for name, each in known.items()]
        found[f"{kind[:-1]}Statuses"] = [each for each in lost if each["restartCount"]]
    return {field: each for field, each in found.items() if each}


def _replayed_status(
    pod: Object, ends: Mapping[str, Exit], player: Callable[[ReplayRuntime], ReplayKubelet]
) -> Object | None:
    """The pod's last status; None if it was cut short."""
    init = pod["spec"].get("initContainers") or ()
    sidecars = {each["name"] for each in init if each.get("restartPolicy") == "Always"}
    record = ReplayRuntime(ends, sidecars)
    kubelet = player(record)
    at = max(end.finished for end in ends.values())
    lost = _lost(pod, ends, min)
    kubelet.start({**pod, "status": {**(pod.get("status") or {}), **lost}} if lost else pod, at)
    for _ in range(MAX_REPLAY_STEPS):
        changes = kubelet.step(at)
        for change in changes:
            if change.status.get("phase") in ENDED:
                status: Object = change.status
                return status
        if record.cut_short or not (changes or record.has_news):
            return None
    return None
