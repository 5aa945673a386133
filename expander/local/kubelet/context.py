"""What all pods of a node share: folders, names, runtime and what the kubelet was told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from expander.local.kubelet.container import Container
from expander.local.kubelet.network import HostsFiles
from expander.local.kubelet.node import Node
from expander.local.kubelet.pod_files import MessageFiles, PodFolders
from expander.local.kubelet.probes import ExecAttempt, Processes
from expander.local.kubelet.volumes import VolumeSources
from expander.local.runtime.runtime import Exit, Started

if TYPE_CHECKING:
    from expander.local.kubelet.pod import Pod


class RuntimeService(Processes, Protocol):
    """What is needed of `runtime.supervisor.Supervisor`."""

    def read(self) -> list[Started | Exit]: ...


def runtime_isolates(supervisor: object) -> bool:
    """What the supervisor's runtime, if it has one, says of itself."""
    return bool(getattr(getattr(supervisor, "runtime", None), "isolates", False))


@dataclass(slots=True)
class KubeletContext:
    """``isolates``: containers have mounts and a host name of their own. ``variables`` go to every container.

    ``backoff_base`` is the first crash back-off in seconds. ``why_missing`` says why an image cannot be
    had, or None.
    """

    processes: Processes
    folders: PodFolders
    messages: MessageFiles
    sources: VolumeSources
    node: Node
    names: HostsFiles
    backoff_base: float
    variables: Mapping[str, str]
    isolates: bool
    why_missing: Callable[[str], str | None]
    launched: dict[str, tuple[Pod, Container | ExecAttempt]] = field(default_factory=dict)
    """Whose a launch is, by its key, until it has ended."""
