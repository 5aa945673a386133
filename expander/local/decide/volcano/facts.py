"""The pods of a Volcano Job as its controller looks at them: by task, with what became of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from expander.kube.wellknown import Object
from expander.local.decide.gather import Entry, Pods

TASK: Final = "volcano.sh/task-spec"
INDEX: Final = "volcano.sh/task-index"
VERSION: Final = "volcano.sh/job-version"

LIVE: Final = ("Pending", "Running")
PHASES: Final = ("Pending", "Running", "Succeeded", "Failed", "Unknown")


@dataclass(slots=True)
class Member:
    """One pod. ``version`` is the Job's when the pod was made; ``exit_code`` that of its first container."""

    uid: str
    name: str
    task: str
    index: int
    version: int
    phase: str
    deleted: bool
    restarts: int
    exit_code: int
    is_ready: bool
    killed: bool = False
    """Whether the controller itself has asked for its deletion."""

    @property
    def gone(self) -> bool:
        """Whether the pod is on its way out."""
        return self.deleted or self.killed


def members(pods: Pods) -> list[Member]:
    """All pods of the Job that are there."""
    groups = (pods.active, pods.terminating, pods.ended)
    return [_member(entry) for group in groups for entry in group.values()]


def _member(entry: Entry) -> Member:
    metadata = entry.pod["metadata"]
    annotations = metadata.get("annotations") or {}
    phase = entry.phase if entry.phase in PHASES else "Unknown"
    return Member(
        uid=entry.uid,
        name=metadata["name"],
        task=annotations.get(TASK, ""),
        index=int(annotations.get(INDEX, -1)),
        version=int(annotations.get(VERSION, 0)),
        phase=phase,
        deleted=entry.deleted,
        restarts=entry.restarts,
        exit_code=_exit_code(entry.pod.get("status") or {}),
        is_ready=phase == "Succeeded" or (phase == "Running" and entry.ready),
    )


def _exit_code(status: Object) -> int:
    """What the policies look at: Volcano asks the first container, and no init container."""
    for container in status.get("containerStatuses") or ():
        ended = (container.get("state") or {}).get("terminated") or {}
        return int(ended.get("exitCode") or 0)
    return 0


class Facts:
    """A Job and its pods at one moment; ``killed`` are the uids of those the controller had deleted."""

    def __init__(self, job: Object, pods: Pods, killed: Collection[str] = ()) -> None:
        self.spec: dict[str, Any] = job["spec"]
        self.members = members(pods)
        self.killed: list[str] = []
        for each in self.members:
            if each.uid in killed:
                each.killed = True
                self.killed.append(each.uid)

    @property
    def tasks(self) -> list[dict[str, Any]]:
        """The tasks of the Job, in its order."""
        return list(self.spec.get("tasks") or ())

    @property
    def replicas(self) -> int:
        """The pods that all tasks together ask for."""
        return sum(task["replicas"] for task in self.tasks)

    def of_task(self, name: str) -> Iterator[Member]:
        """The pods of a task that are not being deleted."""
        return (each for each in self.members if each.task == name and not each.gone)

    def counted(self, *phases: str) -> int:
        """How many pods are in one of these phases, those that are being deleted left out."""
        return sum(each.phase in phases and not each.gone for each in self.members)

    def can_begin(self, task: Object) -> bool:
        """Whether the tasks this one depends on have come so far (``waitDependsOnTaskMeetCondition``)."""
        wanted = (task.get("dependsOn") or {}).get("name") or ()
        if not wanted:
            return True
        least = {each["name"]: each["minAvailable"] for each in self.tasks}
        met = [sum(each.is_ready for each in self.of_task(name)) >= least.get(name, 0) for name in wanted]
        return any(met) if task["dependsOn"].get("iteration") == "any" else all(met)
