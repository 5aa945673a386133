"""What is known of one container of a pod, from before its first start to after its last end.

How one container is brought to its end: preStop hook, its turn, SIGTERM, SIGKILL.

killContainer in pkg/kubelet/kuberuntime decides: the hook and the wait for the turn come out of the grace
period, but two seconds are always left for the signal to be heard.

Whether a container that ended is started again, and when.

pkg/kubelet/container/helpers.go (ShouldContainerBeRestarted) and the crash back-off of
pkg/kubelet/kuberuntime (doBackOff) decide. The first restart is immediate; from then on a container waits
the delay counted from its last end, and the delay doubles with each restart up to thirty times the base.

The status of one container as the kubelet writes it (convertToAPIContainerStatuses).

How a container ended, in the API's form, with what it left as its termination message.

pkg/kubelet/kuberuntime/kuberuntime_container.go decides: the message is the last 4,096 bytes of a file, or,
where the container asks for it, failed and left none, the last 80 lines of its log, at most 2,048 bytes.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from expander.kube.time import api_time
from expander.local.kubelet.pod_files import last_bytes, last_lines
from expander.local.kubelet.probes import Attempt, Processes
from expander.local.runtime.runtime import Exit

if TYPE_CHECKING:
    from expander.local.kubelet.probes import Probing
    from expander.local.runtime.runtime import Launch

MIN_GRACE_SECONDS = 2.0
"""Seconds between SIGTERM and SIGKILL, whatever was left of the grace period."""


class Kill:
    """The end of one running container, begun at ``now`` with ``grace`` seconds; 0 kills at once."""

    __slots__ = ("_killed", "_number", "_termed", "by", "hook")

    def __init__(self, spec: Mapping[str, Any], grace: float, now: float, hook: Attempt | None) -> None:
        self.by = now + grace
        self.hook = hook if grace > 0 else None
        self._termed = grace <= 0
        self._killed = False
        self._number = stop_signal(spec)

    def shorten(self, grace: float, now: float) -> None:
        """Be done within ``grace`` seconds, if that is sooner; 0 kills at once."""
        self.by = min(self.by, now + grace)
        self._termed = self._termed or grace <= 0

    def step(self, processes: Processes, key: str, turn: bool, now: float) -> bool:
        """Do what is due. ``turn``: those that must end before this one have. False when its hook failed."""
        content = True
        if self.hook is not None:
            result = self.hook.look(now)
            if result is None and now < self.by:
                return True
            self.hook.cancel()
            self.hook = None
            content = result is None or bool(result.ok)
        if not self._termed and (turn or now >= self.by):
            self._termed = True
            processes.signal(key, self._number, whole=False)
            self.by = max(self.by, now + MIN_GRACE_SECONDS)
        if self._termed and not self._killed and now >= self.by:
            self._killed = True
            processes.signal(key, signal.SIGKILL)
        return content

    def due(self) -> float:
        """When `step` has something to do, apart from the turn."""
        if self._killed:
            return float("inf")
        return min(self.by, self.hook.due) if self.hook is not None else self.by


def stop_signal(spec: Mapping[str, Any]) -> int:
    """The signal that asks a container to end: SIGTERM, or what its lifecycle says."""
    name = (spec.get("lifecycle") or {}).get("stopSignal") or "SIGTERM"
    if name.startswith("SIGRTMIN+"):
        return signal.SIGRTMIN + int(name.removeprefix("SIGRTMIN+"))
    if name.startswith("SIGRTMAX-"):
        return signal.SIGRTMAX - int(name.removeprefix("SIGRTMAX-"))
    return int(getattr(signal, name, signal.SIGTERM))


MAX_BACKOFF_FACTOR = 30
"""Times the base delay: 10 s gives 300 s."""
BACKOFF_RESET_FACTOR = 2
"""A container that was not restarted for this many longest delays starts anew at the base."""


class Backoff:
    """The crash back-off of one container."""

    __slots__ = ("base", "delay", "last")

    def __init__(self, base: float) -> None:
        self.base = base
        self.delay = 0.0
        self.last = 0.0

    def ready_at(self, ended: float, now: float) -> float:
        """The time from which a container that ended at ``ended`` may start."""
        if not self.delay or self._forgiven(now):
            return ended
        return ended + self.delay

    def restarted(self, now: float) -> None:
        """Note a restart: the next one waits twice as long."""
        longest = self.base * MAX_BACKOFF_FACTOR
        self.delay = self.base if not self.delay or self._forgiven(now) else min(self.delay * 2, longest)
        self.last = now

    def _forgiven(self, now: float) -> bool:
        return now - self.last > self.base * MAX_BACKOFF_FACTOR * BACKOFF_RESET_FACTOR


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


class Role(Enum):
    """What a container is for; a sidecar is an init container that restarts always."""

    INIT = "init"
    SIDECAR = "sidecar"
    MAIN = "main"


class State(Enum):
    """Where a container is."""

    WAITING = "waiting"
    """Never started, or ended and to be started again when its back-off is over."""
    STARTING = "starting"
    """Handed to the supervisor, which has not said yet that it runs."""
    RUNNING = "running"
    ENDED = "ended"
    """Ended, and not yet judged or not to be started again."""


class Container:
    """The record of one container; `pod.Pod` alone changes it."""

    __slots__ = (
        "backoff",
        "constant",
        "ended",
        "held",
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
        "ready",
        "reason",
        "restart",
        "role",
        "spec",
        "started",
        "started_at",
        "state",
        "terminated",
    )

    def __init__(self, spec: Mapping[str, Any], role: Role, backoff_base: float) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self.role = role
        self.state = State.WAITING
        self.restart = 0
        """The number of the current start, or of the last one; restartCount of the status."""
        self.key: str | None = None
        """The key of the current or last launch; None before the first."""
        self.launch: Launch | None = None
        """The current launch, kept where hooks or probes may need it."""
        self.started_at = 0.0
        self.ended = 0.0
        self.terminated: dict[str, Any] | None = None
        """The end of the latest start that is known to have been one, in the API's form; None while it
        runs.
        """
        self.last: dict[str, Any] | None = None
        """The end before that."""
        self.message_file: str | None = None
        """Where the current start writes its termination message."""
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
        self.constant: dict[str, Any] | None = None
        """The part of its status that never changes."""

    @property
    def alive(self) -> bool:
        """Whether there are, or may be, processes of it."""
        return self.state is State.RUNNING or self.state is State.STARTING

    @property
    def has_ended(self) -> bool:
        """Whether it has run to an end and does not run again yet."""
        return self.terminated is not None

    @property
    def exit_code(self) -> int:
        """The exit code of the last end."""
        return int(self.terminated["exitCode"]) if self.terminated else 0


def containers_of(spec: Mapping[str, Any], backoff_base: float) -> tuple[list[Container], list[Container]]:
    """The records of a pod's init containers (sidecars among them) and of its regular ones."""
    first = [
        Container(part, Role.SIDECAR if part.get("restartPolicy") == "Always" else Role.INIT, backoff_base)
        for part in spec.get("initContainers") or ()
    ]
    return first, [Container(part, Role.MAIN, backoff_base) for part in spec["containers"]]


CONTAINER_ID_SCHEME = "expander://"
"""Containers have ids of this scheme, as those of a container engine have ids of its own."""


def container_status(part: Container, waits_for_init: bool) -> dict[str, Any]:
    """The status.

    ``waits_for_init``: the pod has init containers, and that is what untouched ones wait for.
    """
    if part.constant is None:
        part.constant = _constant(part.spec)
    if part.terminated is not None and part.state is not State.WAITING:
        state, last = {"terminated": part.terminated}, part.last
    else:
        state, last = _state(part, waits_for_init), part.terminated or part.last
    status: dict[str, Any] = {
        "name": part.name,
        "state": state,
        "lastState": {"terminated": last} if last else {},
        "ready": part.ready,
        "restartCount": part.restart - (part.terminated is not None and part.state is State.STARTING),
        **part.constant,
        "started": part.started,
    }
    if part.terminated is not None:
        status["containerID"] = part.terminated["containerID"]
    elif part.key is not None:
        status["containerID"] = container_id(part.key)
    return status


def container_id(key: str) -> str:
    """The id of the container that was launched as ``key``."""
    return CONTAINER_ID_SCHEME + key.replace("/", ".")


def _state(part: Container, waits_for_init: bool) -> dict[str, Any]:
    if part.state is State.RUNNING and not part.held:
        return {"running": {"startedAt": api_time(part.started_at)}}
    waiting = {"reason": part.reason or ("PodInitializing" if waits_for_init else "ContainerCreating")}
    if part.message:
        waiting["message"] = part.message
    return {"waiting": waiting}


def _constant(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What of the status comes from the spec alone."""
    found: dict[str, Any] = {"image": spec.get("image", ""), "imageID": ""}
    resources = spec.get("resources") or {}
    if resources.get("requests"):
        found["allocatedResources"] = resources["requests"]
    found["resources"] = {field: resources[field] for field in ("limits", "requests") if resources.get(field)}
    if spec.get("volumeMounts"):
        found["volumeMounts"] = [_mount(mount) for mount in spec["volumeMounts"]]
    return found


def _mount(mount: Mapping[str, Any]) -> dict[str, Any]:
    found = {"name": mount["name"], "mountPath": mount["mountPath"]}
    return found | {"readOnly": True, "recursiveReadOnly": "Disabled"} if mount.get("readOnly") else found


MAX_MESSAGE_BYTES = 4096
MAX_POD_MESSAGE_BYTES = 12 * 1024
"""All messages of a pod together: each container may have its even share."""
MAX_LOG_MESSAGE_BYTES = 2048
LOST_EXIT_CODE = 137
"""The exit code of a container of whose end nothing is known (TerminatePod in pkg/kubelet/status)."""
UNKNOWN = "The container could not be located when the pod was terminated"


def terminated(exit_: Exit, message: str) -> dict[str, Any]:
    """The ``terminated`` state of a container."""
    found: dict[str, Any] = {
        "exitCode": LOST_EXIT_CODE if exit_.lost else exit_.exit_code,
        "reason": "ContainerStatusUnknown" if exit_.lost else exit_.reason,
        "startedAt": api_time(exit_.started),
        "finishedAt": api_time(exit_.finished),
        "containerID": container_id(exit_.key),
    }
    error = UNKNOWN if exit_.lost else exit_.error
    text = ": ".join(part for part in (error, message) if part)
    if text:
        found["message"] = text
    return found


def termination_message(
    spec: Mapping[str, Any], exit_: Exit, file: str | None, log: str, containers: int
) -> str:
    """The termination message of a container of a pod with that many. ``file``: where it was to write it."""
    data = last_bytes(file, MAX_MESSAGE_BYTES) if file else b""
    falls_back = spec.get("terminationMessagePolicy") == "FallbackToLogsOnError"
    if not data and falls_back and exit_.exit_code and exit_.error is None:
        data = last_lines(last_bytes(log, MAX_LOG_MESSAGE_BYTES))
    share = min(MAX_MESSAGE_BYTES, MAX_POD_MESSAGE_BYTES // containers)
    return data[:share].decode(errors="replace")
