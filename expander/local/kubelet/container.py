"""What is known of one container of a pod, from before its first start to after its last end."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from expander.local.kubelet.restarts import Backoff

if TYPE_CHECKING:
    from expander.local.kubelet.attempts import Attempt
    from expander.local.kubelet.killing import Kill
    from expander.local.kubelet.probing import Probing
    from expander.local.runtime.launch import Launch


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
