"""Why a container, or a volume, cannot be made yet. The kubelet tries again; so does `pod`."""

from __future__ import annotations


class ConfigError(Exception):
    """A container's configuration cannot be put together; its state is CreateContainerConfigError."""


class VolumeError(Exception):
    """A volume cannot be set up; the pod's containers stay in ContainerCreating."""
