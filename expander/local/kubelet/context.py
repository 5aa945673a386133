"""What all pods of a kubelet share: its runtime, its folders, its node and its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Protocol

from expander.base.dataclass import dataclass
from expander.kube.time import api_time
from expander.local.images.images import LocalImage
from expander.local.kubelet.container import Container
from expander.local.kubelet.image_commands import ImageCommand
from expander.local.kubelet.image_pulls import ImagePulls
from expander.local.kubelet.network import HostsFiles
from expander.local.kubelet.node import Node
from expander.local.kubelet.pod_files import MessageFiles, PodFolders, WorkFolders
from expander.local.kubelet.probes import ExecAttempt, Processes
from expander.local.kubelet.pull_attempt import PullAttempt
from expander.local.kubelet.volumes import VolumeSources
from expander.local.runtime.runtime import Exit, Started


class RuntimeService(Processes, Protocol):
    """What the kubelet needs of `runtime.supervisor_client.SupervisorClient`, as of a CRI runtime."""

    def read(self) -> list[Started | Exit]: ...


def runtime_isolates(supervisor: object) -> bool:
    """Whether the supervisor's runtime, if it has one, isolates containers."""
    return bool(getattr(getattr(supervisor, "runtime", None), "isolates", False))


@dataclass(slots=True)
class KubeletContext:
    """``isolates``: containers have mounts and a host name of their own. ``attachable``: somebody can run
    commands in them and attach to them, and hears by events of their starts. ``variables`` go to every
    container.

    ``backoff_base`` is the first crash back-off in seconds. ``image_pull_error`` says why an image cannot be
    pulled, or None; ``image`` what is known of it, ``image_command`` what it runs where the runtime does not
    know, and ``pulls`` has an engine fetch it. ``launched`` maps the key
    of a launch that has not ended to the pod's uid and what it is of: a container, or a command of a probe or
    hook. ``stamp`` writes the times of containers.
    """

    processes: Processes
    folders: PodFolders
    messages: MessageFiles
    work: WorkFolders
    sources: VolumeSources
    node: Node
    hosts_files: HostsFiles
    backoff_base: float
    variables: Mapping[str, str]
    isolates: bool
    attachable: bool
    image_pull_error: Callable[[str], str | None]
    image: Callable[[str], LocalImage | None]
    image_command: Callable[[str], ImageCommand | None]
    pulls: ImagePulls | None
    stamp: Callable[[float], str] = api_time
    launched: dict[str, tuple[str, Container | ExecAttempt | PullAttempt]] = field(default_factory=dict)
