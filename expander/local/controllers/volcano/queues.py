"""PodGroups and Queues of Volcano in a cluster: what a Job's pods wait for, and in which line.

The Job controller makes a PodGroup for each Job, the scheduler keeps its status, and the queue controller
counts the PodGroups of each Queue. Here every Queue that is open takes what comes; pods of a Job get their
places together by what is noted in them (`pods`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from expander.base.errors import AdmissionError
from expander.kube.generated_names import new_uid
from expander.kube.time import api_time
from expander.kube.volcano import ENDS, phase_of
from expander.local.controllers.volcano.pods import owner_of
from expander.local.registry import Listed
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore

SCHEDULING: Final = "scheduling.volcano.sh/v1beta1"
ROOT_QUEUE: Final = "root"
DEFAULT_QUEUE: Final = "default"
COUNTED: Final = ("Pending", "Running", "Unknown", "Inqueue", "Completed")
"""The phases of PodGroups that the status of a Queue counts."""


def initial_queues(now: str) -> Iterator[Object]:
    """The Queues that Volcano makes, created ``now`` (API form)."""
    for name, parent in ((ROOT_QUEUE, {}), (DEFAULT_QUEUE, {"parent": ROOT_QUEUE})):
        yield {
            "apiVersion": SCHEDULING,
            "kind": "Queue",
            "metadata": {"name": name, "uid": new_uid(), "creationTimestamp": now, "generation": 1},
            "spec": {"weight": 1, "reclaimable": True, **parent},
            "status": {"state": "Open"},
        }


def prepare_queue(queue: Object, listed: Listed) -> None:
    """A new Queue is open, below the root unless it says otherwise."""
    spec = queue.setdefault("spec", {})
    spec.setdefault("weight", 1)
    spec.setdefault("reclaimable", True)
    spec.setdefault("parent", ROOT_QUEUE)
    queue["status"] = {"state": "Open"}


def check_queue_deletion(queue: Object) -> None:
    """Raises `AdmissionError` for the Queues that must stay, as Volcano's webhook does."""
    name = queue["metadata"]["name"]
    if name in (ROOT_QUEUE, DEFAULT_QUEUE):
        raise _denied("validatequeue", f"`{name}` queue can not be deleted")


def admit_job(store: ObjectStore, job: Object) -> Object:
    """A new Job; raises `AdmissionError` when its Queue is not there or takes nothing."""
    name = job["spec"].get("queue") or DEFAULT_QUEUE
    queue = store.get("Queue", "", name)
    if queue is None:
        words = f'unable to find job queue: queues.scheduling.volcano.sh "{name}" not found'
        raise _denied("validatejob", words)
    if (state := (queue.get("status") or {}).get("state", "Open")) != "Open":
        words = f"can only submit job to queue with state `Open`, queue `{name}` status is `{state}`"
        raise _denied("validatejob", words)
    return job


def _denied(webhook: str, why: str) -> AdmissionError:
    words = f'admission webhook "{webhook}.volcano.sh" denied the request: {why}'
    return AdmissionError(400, "BadRequest", words, {})


def pod_group_phase(job: Object) -> str:
    """The phase of the PodGroup of a Job."""
    status = job.get("status") or {}
    running, succeeded = status.get("running") or 0, status.get("succeeded") or 0
    phase = phase_of(job)
    if phase in ENDS:
        return "Completed" if succeeded or status.get("failed") else "Pending"
    if running and running + succeeded >= job["spec"]["minAvailable"]:
        return "Running"
    if running:
        return "Unknown"
    return "Inqueue"


class PodGroupController:
    """Keeps the PodGroups of the Jobs of one store, and the counts of their Queues.

    ``arrived`` is told of a PodGroup that is new.
    """

    def __init__(self, store: ObjectStore, arrived: Callable[[Object], None]) -> None:
        self._store = store
        self._arrived = arrived
        self._phases: dict[str, tuple[str, str]] | None = None
        """Queue and phase of each PodGroup by the uid of its Job; None before they were read."""
        self._counts: Counter[tuple[str, str]] = Counter()
        """How many PodGroups have a queue and phase."""

    def job_synced(self, job: Object, now: float) -> None:
        """The Job may have another status."""
        metadata, spec = job["metadata"], job["spec"]
        namespace, name = metadata.get("namespace", ""), f"{metadata['name']}-{metadata['uid']}"
        status = job.get("status") or {}
        phase = pod_group_phase(job)
        counts = {key: status[key] for key in ("running", "succeeded", "failed") if status.get(key)}
        given = {"phase": phase, **counts}
        group = self._store.get("PodGroup", namespace, name)
        phases = self._known()
        if group is None:
            group = {
                "apiVersion": SCHEDULING,
                "kind": "PodGroup",
                "metadata": {
                    "name": name,
                    "namespace": namespace,
                    "uid": new_uid(),
                    "creationTimestamp": api_time(now),
                    "ownerReferences": [owner_of(job)],
                },
                "spec": _pod_group_spec(spec),
                "status": given,
            }
            self._arrived(self._store.put(group, new=True))
        elif group.get("status") != given:
            self._store.put({**group, "status": given})
        before, there = phases.get(metadata["uid"]), (spec["queue"], phase)
        if before != there:
            phases[metadata["uid"]] = there
            self._counts.update((there,))
            if before is not None:
                self._counts.subtract((before,))
            self._put_counts(spec["queue"])

    def job_gone(self, uid: str) -> None:
        """The Job is in the store no more."""
        found = (self._phases or {}).pop(uid, None)
        if found is not None:
            self._counts.subtract((found,))
            self._put_counts(found[0])

    def _known(self) -> dict[str, tuple[str, str]]:
        if self._phases is None:
            self._phases = {}
            for group in self._store.of_kind("PodGroup"):
                for owner in group["metadata"].get("ownerReferences") or ():
                    queue = (group.get("spec") or {}).get("queue") or DEFAULT_QUEUE
                    self._phases[owner["uid"]] = queue, (group.get("status") or {}).get("phase") or ""
            self._counts = Counter(self._phases.values())
        return self._phases

    def _put_counts(self, name: str) -> None:
        """Write down how many PodGroups of a Queue are in each phase."""
        queue = self._store.get("Queue", "", name)
        if queue is None:
            return
        status = {"state": (queue.get("status") or {}).get("state", "Open")}
        counted = {each.lower(): count for each in COUNTED if (count := self._counts[name, each])}
        self._store.put({**queue, "status": status | counted})


def _pod_group_spec(spec: Object) -> dict[str, Any]:
    """What the Job controller writes into a PodGroup."""
    least = {task["name"]: task["minAvailable"] for task in spec.get("tasks") or ()}
    made = {"minMember": spec["minAvailable"], "queue": spec["queue"], "minTaskMember": least}
    priority = spec.get("priorityClassName")
    return made | ({"priorityClassName": priority} if priority else {})
