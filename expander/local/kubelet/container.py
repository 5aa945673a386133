"""What is known of one container of a pod, from before its first start to after its last end.

pkg/kubelet/container/helpers.go (ShouldContainerBeRestarted) and doBackOff in pkg/kubelet/kuberuntime decide
whether and when it is started again. Its status is that of convertToAPIContainerStatuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.local.kubelet.backoff import Backoff
from expander.local.kubelet.probes import Attempt, Probing
from expander.local.kubelet.pull_attempt import ImagePull
from expander.local.kubelet.termination import Kill, container_id
from expander.local.runtime.runtime import Launch


def should_restart(pod_policy: str, container: Mapping[str, Any], exit_code: int) -> bool:
    """Whether a container that exited with ``exit_code`` is started again in its pod.

    A container's own ``restartPolicyRules`` come first, then its own ``restartPolicy``, then the pod's.
    """
    for rule in container.get("restartPolicyRules") or ():
        if rule.get("action") == "Restart" and _matches(rule.get("exitCodes") or {}, exit_code):
            return True
    policy = container.get("restartPolicy") or pod_policy
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def _matches(exit_codes: Mapping[str, Any], exit_code: int) -> bool:
    """Whether a rule's ``exitCodes`` include ``exit_code``."""
    among = exit_code in (exit_codes.get("values") or ())
    return (
        among if exit_codes.get("operator") == "In" else not among and exit_codes.get("operator") == "NotIn"
    )


class Role:
    """What a container is for; a sidecar is an init container that restarts always, and an ephemeral one was
    added to a pod that runs, which does not count it.
    """

    INIT: Final = "init"
    SIDECAR: Final = "sidecar"
    MAIN: Final = "main"
    EPHEMERAL: Final = "ephemeral"


class State:
    """Where a container is. No enumeration: Python 3.11 is slow to find a member of one."""

    WAITING: Final = "waiting"
    """Never started, or ended and to be started again when its back-off is over."""
    STARTING: Final = "starting"
    """Handed to the supervisor, which has not said yet that it runs."""
    RUNNING: Final = "running"
    ENDED: Final = "ended"
    """Ended, and not yet judged or not to be started again."""


class Container:
    """The record of one container; the pod's worker alone changes it."""

    __slots__ = (
        "backoff",
        "constant",
        "ended",
        "held",
        "image_id",
        "key",
        "kill",
        "last",
        "launch",
        "message",
        "message_file",
        "must_restart",
        "name",
        "not_before",
        "post_start",
        "probing",
        "pull",
        "ready",
        "reason",
        "restart",
        "role",
        "spec",
        "started",
        "started_at",
        "started_text",
        "state",
        "terminated",
        "work_folder",
    )

    def __init__(self, spec: Mapping[str, Any], role: str, backoff_base: float) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self.role = role
        self.state: str = State.WAITING
        self.restart = 0
        """The number of the current start, or of the last one; restartCount of the status."""
        self.key: str | None = None
        """The key of the current or last launch; None before the first."""
        self.launch: Launch | None = None
        """The current launch, kept where hooks or probes may need it."""
        self.started_at = 0.0
        self.started_text = ""
        """The same in the API's form."""
        self.ended = 0.0
        self.terminated: dict[str, Any] | None = None
        """The end of the latest start that is known to have been one, in the API's form; None while it
        runs.
        """
        self.last: dict[str, Any] | None = None
        """The end before that."""
        self.message_file: str | None = None
        """Where the current start writes its termination message."""
        self.work_folder: str | None = None
        """Where the current start begins, if that is a folder of its own."""
        self.reason: str | None = None
        """Why it waits, where that is not only that its turn has not come."""
        self.message: str | None = None
        self.not_before = 0.0
        """Unix seconds before which a waiting container is not started."""
        self.backoff = Backoff(backoff_base)
        self.started = False
        """Whether it runs, its postStart hook is over and its startup probe content."""
        self.ready = False
        self.held = False
        """Whether it is being started and has a postStart hook that is not over: it does not count as
        running.
        """
        self.must_restart = False
        """Whether it is killed to be started again, however it ends."""
        self.post_start: Attempt | None = None
        self.probing: Probing | None = None
        self.kill: Kill | None = None
        self.pull: ImagePull | None = None
        """The image, while the engine is asked for it."""
        self.image_id = ""
        """The digest of the image that it was last started from, where there is one."""
        self.constant: dict[str, Any] | None = None
        """The container of its status that never changes."""

    @property
    def alive(self) -> bool:
        """Whether there are, or may be, processes of it."""
        return self.state == State.RUNNING or self.state == State.STARTING

    @property
    def has_ended(self) -> bool:
        """Whether it has run to an end and does not run again yet."""
        return self.terminated is not None

    @property
    def exit_code(self) -> int:
        """The exit code of the last end."""
        return int(self.terminated["exitCode"]) if self.terminated else 0


LOST: Final = {
    "exitCode": 137,
    "reason": "ContainerStatusUnknown",
    "message": "The container could not be located when the pod was deleted.  "
    "The container used to be Running",
    "startedAt": None,
    "finishedAt": None,
}
"""The end of a container that a kubelet lost, as pkg/kubelet (kubelet_pods.go) writes it."""


def lost_status(spec: Mapping[str, Any], restarts: int) -> dict[str, Any]:
    """The status of a container that was lost after so many ``restarts``, the one that follows included."""
    return {
        "name": spec["name"],
        "image": spec.get("image", ""),
        "imageID": "",
        "ready": False,
        "started": False,
        "restartCount": restarts,
        "state": {"waiting": {"reason": "ContainerCreating"}},
        "lastState": {"terminated": dict(LOST)},
    }


def take_up(containers: Sequence[Container], status: Mapping[str, Any]) -> None:
    """Count on where the status of a pod says that containers were lost (`LOST`) and wait to start again."""
    for each in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        end = (each.get("lastState") or {}).get("terminated") or {}
        if end.get("reason") == LOST["reason"] and "waiting" in (each.get("state") or {}):
            for container in containers:
                if container.name == each["name"]:
                    container.restart, container.last = each["restartCount"], end


def containers_of(spec: Mapping[str, Any], backoff_base: float) -> tuple[list[Container], list[Container]]:
    """The records of a pod's init containers (sidecars among them) and of its regular ones."""
    init_containers = [
        Container(
            container, Role.SIDECAR if container.get("restartPolicy") == "Always" else Role.INIT, backoff_base
        )
        for container in spec.get("initContainers") or ()
    ]
    return init_containers, [
        Container(container, Role.MAIN, backoff_base) for container in spec["containers"]
    ]


def container_status(container: Container, waits_for_init: bool) -> dict[str, Any]:
    """The status.

    ``waits_for_init``: the pod has init containers, and that is what untouched ones wait for.
    """
    if container.constant is None:
        container.constant = _constant(container.spec)
    if container.terminated is not None and container.state != State.WAITING:
        state, last = {"terminated": container.terminated}, container.last
    else:
        state, last = _state(container, waits_for_init), container.terminated or container.last
    status: dict[str, Any] = {
        "name": container.name,
        "state": state,
        "lastState": {"terminated": last} if last else {},
        "ready": container.ready,
        "restartCount": container.restart
        - (container.terminated is not None and container.state == State.STARTING),
        **container.constant,
        "imageID": container.image_id,
        "started": container.started,
    }
    if container.terminated is not None:
        status["containerID"] = container.terminated["containerID"]
    elif container.key is not None:
        status["containerID"] = container_id(container.key)
    return status


def _state(container: Container, waits_for_init: bool) -> dict[str, Any]:
    if container.state == State.RUNNING and not container.held:
        return {"running": {"startedAt": container.started_text}}
    waiting = {"reason": container.reason or ("PodInitializing" if waits_for_init else "ContainerCreating")}
    if container.message:
        waiting["message"] = container.message
    return {"waiting": waiting}


def _constant(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What of the status comes from the spec alone."""
    found: dict[str, Any] = {"image": spec.get("image", "")}
    resources = spec.get("resources") or {}
    if resources.get("requests"):
        found["allocatedResources"] = resources["requests"]
    shown = ("limits", "requests") if resources else ()
    found["resources"] = {field: resources[field] for field in shown if resources.get(field)}
    if spec.get("volumeMounts"):
        found["volumeMounts"] = [_mount(mount) for mount in spec["volumeMounts"]]
    return found


def _mount(mount: Mapping[str, Any]) -> dict[str, Any]:
    found = {"name": mount["name"], "mountPath": mount["mountPath"]}
    return found | {"readOnly": True, "recursiveReadOnly": "Disabled"} if mount.get("readOnly") else found
