"""What the kubelet needs of the supervisor below it (`runtime.supervisor.Supervisor`)."""

from __future__ import annotations

from typing import Protocol

from expander.local.kubelet.attempts import Processes
from expander.local.runtime.launch import Exit, Started


class Supervisor(Processes, Protocol):
    """What is needed of `runtime.supervisor.Supervisor`."""

    def read(self) -> list[Started | Exit]: ...


def own_isolation(supervisor: object) -> bool:
    """What the supervisor's runtime, if it has one, says of itself."""
    return bool(getattr(getattr(supervisor, "runtime", None), "isolates", False))
