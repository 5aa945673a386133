"""What every pod of a kubelet shares: the supervisor, the folders, the sources of contents, the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from expander.local.kubelet.attempts import Exec, Processes
from expander.local.kubelet.container import Container
from expander.local.kubelet.folders import Folders
from expander.local.kubelet.messages import MessageFiles
from expander.local.kubelet.names import Names
from expander.local.kubelet.node import Node
from expander.local.kubelet.volumes import Sources

if TYPE_CHECKING:
    from expander.local.kubelet.pod import Pod


@dataclass(slots=True)
class Shared:
    """``isolates``: containers have mounts and a host name of their own. ``variables`` go to every container.

    ``backoff_base`` is the first crash back-off in seconds. ``why_missing`` says why an image cannot be
    had, or None.
    """

    processes: Processes
    folders: Folders
    messages: MessageFiles
    sources: Sources
    node: Node
    names: Names
    backoff_base: float
    variables: Mapping[str, str]
    isolates: bool
    why_missing: Callable[[str], str | None]
    launched: dict[str, tuple[Pod, Container | Exec]] = field(default_factory=dict)
    """Whose a launch is, by its key, until it has ended."""
