"""A pod as one attempt at an item: its times, how it ended, what it asked for.

The kubelet writes what is read here: container statuses and termination messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from expander.base.late_module import late_module
from expander.base.named_tuple import NamedTuple
from expander.kube.generated_names import created_at
from expander.kube.objects import ENDED, Object, first_start, statuses_of
from expander.kube.time import unix
from expander.kube.workloads import workload_uids

if TYPE_CHECKING:
    from expander.kube import resources as pod_resources
else:  # for what a pod requests
    pod_resources = late_module("expander.kube.resources")

DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"


class Attempt(NamedTuple):
    """One pod: its life in Unix seconds (None: not yet), and how its containers ended.

    ``started`` is when its first container started. ``exit_code`` is that of the container that failed last,
    else 0; None while it runs.
    """

    pod: Object
    created: float | None
    started: float | None
    finished: float | None
    phase: str
    exit_code: int | None
    reason: str
    message: str

    @property
    def waits(self) -> bool:
        """Whether the pod waits for its first container to start."""
        return self.started is None and self.phase == "Pending"

    @property
    def request(self) -> pod_resources.Request:
        """The CPU (thousandths of a core) and memory (bytes) that the pod asks for."""
        return pod_resources.pod_request(self.pod.get("spec") or {})

    @property
    def termination(self) -> str:
        """The termination message of the main container, empty when there is none."""
        return termination_of(self.pod)

    @property
    def name(self) -> str:
        """The pod's name."""
        return str(self.pod["metadata"]["name"])


def pod_attempt(pod: Object) -> Attempt:
    """The attempt that a pod stands for."""
    status = pod.get("status") or {}
    ends, running = [], False
    for container in statuses_of(pod):
        state = container.get("state") or {}
        end = state.get("terminated")
        running = running or bool(state.get("running"))
        if end:
            ends.append(end)
    bad = [end for end in ends if end.get("exitCode")]
    worst = max(bad, key=lambda end: end.get("finishedAt") or "", default=None)
    over = status.get("phase") in ENDED
    code = worst.get("exitCode") if worst else 0 if over and ends else None
    last_end = max((end["finishedAt"] for end in ends if end.get("finishedAt")), default=None)
    return Attempt(
        pod=pod,
        created=created_at(pod["metadata"]),
        started=first_start(pod),
        finished=seconds_of(last_end) if over and not running else None,
        phase=status.get("phase") or "Pending",
        exit_code=code,
        reason=str(status.get("reason") or (worst or {}).get("reason") or ""),
        message=str(status.get("message") or (worst or {}).get("message") or ""),
    )


def termination_of(pod: Object) -> str:
    """The termination message of the main container, empty when there is none."""
    for container in statuses_of(pod):
        end = (container.get("state") or {}).get("terminated")
        if end and end.get("message") and container["name"] == main_container(pod):
            return str(end["message"])
    return ""


def main_container(pod: Object) -> str:
    """The container whose output is the item's: the one the pod names as default, else the first."""
    named = (pod["metadata"].get("annotations") or {}).get(DEFAULT_CONTAINER)
    names = [str(each["name"]) for each in pod["spec"]["containers"]]
    return str(named) if named in names else names[0]


def memory_of(pod: Object) -> str | None:
    """The memory limit of the main container, else its request."""
    main = next(each for each in pod["spec"]["containers"] if each["name"] == main_container(pod))
    resources: Mapping[str, Any] = main.get("resources") or {}
    limit = (resources.get("limits") or {}).get("memory", (resources.get("requests") or {}).get("memory"))
    return None if limit is None else str(limit)


def container_names(pod: Object) -> list[str]:
    """The names of all containers of a pod: init, main and ephemeral ones."""
    kinds = ("initContainers", "containers", "ephemeralContainers")
    return [str(each["name"]) for kind in kinds for each in pod["spec"].get(kind) or ()]


def pods_by_job(pods: Iterable[Object]) -> dict[str, list[Object]]:
    """Pods by the uid of the workload that they belong to."""
    found: dict[str, list[Object]] = {}
    for pod in pods:
        for uid in workload_uids(pod):
            found.setdefault(uid, []).append(pod)
    return found


def seconds_of(text: str | None) -> float | None:
    """The Unix time of an API timestamp that may be absent."""
    return unix(text) if text else None
