"""What a pod may know of its node, and why a container or volume cannot be made yet.

Without a container engine an image is a name; what runs is this machine's, or a folder that stands for the
image. Names that say of themselves that there is no such image are taken at their word: the documentation's
pages use them to show what happens when an image cannot be pulled.
"""

from __future__ import annotations

from functools import lru_cache

from expander.base.dataclass import dataclass

MISSING_IMAGE_PREFIXES = ("non-existing", "nonexisting", "non-existent", "nonexistent")


@lru_cache
def image_pull_error(image: str) -> str | None:
    """Why the image cannot be had, in the kubelet's words; None when nothing is against it."""
    if any(part.startswith(MISSING_IMAGE_PREFIXES) for part in image.split("/")):
        return f'Back-off pulling image "{image}"'
    return None


class ConfigError(Exception):
    """A container's configuration cannot be put together; its state is CreateContainerConfigError."""


class VolumeError(Exception):
    """A volume cannot be set up; the pod's containers stay in ContainerCreating."""


@dataclass(frozen=True, slots=True)
class Node:
    """``cpus`` in cores, ``memory`` and ``storage`` in bytes; ``ip`` is the address pods see as their
    host's.
    """

    name: str
    ip: str
    cpus: float
    memory: int
    storage: int = 0


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """Where one pod runs: its node, and the address it has there."""

    node: Node
    pod_ip: str
