"""The pods of a Volcano Job by task, and the new ones its controller makes.

createJobPod (job_controller_util.go) decides names, labels and annotations. The tracking finalizer is
expander's: it keeps a pod that has ended until the Job has counted it, as for Jobs of Kubernetes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Final

from expander.base.dataclass import dataclass
from expander.base.late_module import late_module
from expander.base.named_tuple import NamedTuple
from expander.kube.volcano import API_VERSION, pod_name
from expander.kube.wellknown import FINALIZER, Object
from expander.local.controllers.job.pods import JobPods, PodRecord

if TYPE_CHECKING:
    from expander.local.controllers.volcano import plugins
else:  # for Volcano Jobs
    plugins = late_module("expander.local.controllers.volcano.plugins")

TASK: Final = "volcano.sh/task-spec"
INDEX: Final = "volcano.sh/task-index"
VERSION: Final = "volcano.sh/job-version"

LIVE: Final = ("Pending", "Running")
PHASES: Final = ("Pending", "Running", "Succeeded", "Failed", "Unknown")


@dataclass(slots=True)
class TaskPod:
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


def task_pods(pods: JobPods) -> list[TaskPod]:
    """All pods of the Job that are there."""
    groups = (pods.active, pods.terminating, pods.ended)
    return [_task_pod(record) for group in groups for record in group.values()]


def _task_pod(record: PodRecord) -> TaskPod:
    metadata = record.pod["metadata"]
    annotations = metadata.get("annotations") or {}
    phase = record.phase if record.phase in PHASES else "Unknown"
    return TaskPod(
        uid=record.uid,
        name=metadata["name"],
        task=annotations.get(TASK, ""),
        index=int(annotations.get(INDEX, -1)),
        version=int(annotations.get(VERSION, 0)),
        phase=phase,
        deleted=record.deleted,
        restarts=record.restarts,
        exit_code=_exit_code(record.pod.get("status") or {}),
        is_ready=phase == "Succeeded" or (phase == "Running" and record.ready),
    )


def _exit_code(status: Object) -> int:
    """What the policies look at: Volcano asks the first container, and no init container."""
    for container in status.get("containerStatuses") or ():
        ended = (container.get("state") or {}).get("terminated") or {}
        return int(ended.get("exitCode") or 0)
    return 0


class TaskPods:
    """A Job and its pods at one moment; ``killed`` are the uids of those the controller had deleted."""

    def __init__(self, job: Object, pods: JobPods, killed: Collection[str] = ()) -> None:
        self.spec: dict[str, Any] = job["spec"]
        self.members = task_pods(pods)
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

    def of_task(self, name: str) -> Iterator[TaskPod]:
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


GROUP = "scheduling.k8s.io/group-name"
POD_GROUP = "expander/gang"
POD_GROUP_MIN_MEMBER = "expander/gang-least"
"""Annotations of a pod that gets its place together with others: the group, and how many they must be."""


class PodGroupSpec(NamedTuple):
    """So many of the waiting pods (``least``) get a place together or none does; ``key`` names the group."""

    key: str
    least: int


def pod_group_of(pod: Object) -> tuple[str, int] | None:
    """The group a pod gets its place with, and how many of it that must be; None for a pod by itself."""
    annotations = pod["metadata"].get("annotations") or {}
    key = annotations.get(POD_GROUP)
    return None if key is None else (key, int(annotations.get(POD_GROUP_MIN_MEMBER, 1)))


def owner_of(job: Object) -> dict[str, Any]:
    """The reference to the Job in what belongs to it."""
    metadata = job["metadata"]
    return {
        "apiVersion": API_VERSION,
        "kind": "Job",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


class TaskPodFactory:
    """Makes the pods of a Job in one sync. ``version`` is the Job's, ``pod_group`` their group."""

    def __init__(self, job: Object, version: int, pod_group: PodGroupSpec) -> None:
        self._job = job
        self._version = version
        self._pod_group = pod_group
        self._owner = owner_of(job)

    def new_pod(self, task: Object, index: int) -> dict[str, Any]:
        """A new pod; what it shares with others is to be stored, not changed."""
        metadata, template = self._job["metadata"], task["template"]
        own = template.get("metadata") or {}
        name, namespace = metadata["name"], metadata.get("namespace", "default")
        queue = self._job["spec"]["queue"]
        common = {
            TASK: task["name"],
            INDEX: str(index),
            "volcano.sh/job-name": name,
            "volcano.sh/queue-name": queue,
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": pod_name(name, task["name"], index),
                "namespace": namespace,
                "labels": {**(own.get("labels") or {}), **common, "volcano.sh/job-namespace": namespace},
                "annotations": {
                    **(own.get("annotations") or {}),
                    **common,
                    GROUP: f"{name}-{metadata['uid']}",
                    "volcano.sh/template-uid": f"{name}-{task['name']}",
                    VERSION: str(self._version),
                    POD_GROUP: self._pod_group.key,
                    POD_GROUP_MIN_MEMBER: str(self._pod_group.least),
                },
                "finalizers": [FINALIZER],
                "ownerReferences": [self._owner],
            },
            "spec": self._with_volumes(template["spec"]),
        }
        return plugins.apply_plugins(pod, self._job, index)

    def _with_volumes(self, spec: Object) -> dict[str, Any]:
        """The volumes of the Job in every container; what is not a claim that is there already is empty."""
        volumes, mounts = [], []
        for number, volume in enumerate(self._job["spec"].get("volumes") or ()):
            claim = volume.get("volumeClaimName") or ""
            name = f"volcano-{number}"
            source = {"persistentVolumeClaim": {"claimName": claim}} if claim else {"emptyDir": {}}
            volumes.append({"name": name, **source})
            mounts.append({"name": name, "mountPath": volume["mountPath"]})
        if not volumes:
            return dict(spec)
        made = {**spec, "volumes": [*(spec.get("volumes") or ()), *volumes]}
        made["containers"] = [
            {**each, "volumeMounts": [*(each.get("volumeMounts") or ()), *mounts]}
            for each in spec["containers"]
        ]
        return made
