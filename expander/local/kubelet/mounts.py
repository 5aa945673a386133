"""What a container sees of its pod's volumes, and where."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from expander.local.kubelet.expansion import expand, first_missing
from expander.local.kubelet.refusals import ConfigError, VolumeError
from expander.local.kubelet.trees import below
from expander.local.kubelet.volumes import Volume
from expander.local.runtime.launch import Mount


def mounts(
    container: Mapping[str, Any], volumes: Mapping[str, Volume], variables: Mapping[str, str]
) -> list[Mount]:
    """The container's mounts, outer paths before inner ones. ConfigError when one cannot be made."""
    found = [
        _mount(container["name"], mount, volumes, variables) for mount in container.get("volumeMounts") or ()
    ]
    found.sort(key=lambda mount: mount.target.count("/"))
    return found


def _mount(
    container: str, mount: Mapping[str, Any], volumes: Mapping[str, Volume], variables: Mapping[str, str]
) -> Mount:
    volume = volumes.get(mount["name"])
    if volume is None:
        raise ConfigError(f'cannot find volume "{mount["name"]}" to mount into container "{container}"')
    source = volume.path
    sub_path = mount.get("subPath") or _expanded(mount.get("subPathExpr"), variables)
    if sub_path:
        try:
            source = below(source, sub_path, make=not volume.read_only)
        except (VolumeError, OSError):
            raise ConfigError(
                f'failed to prepare subPath for volumeMount "{mount["name"]}" of container "{container}"'
            ) from None
    target = os.path.normpath("/" + mount["mountPath"].lstrip("/"))
    return Mount(source, target, volume.read_only or bool(mount.get("readOnly")))


def _expanded(expression: str | None, variables: Mapping[str, str]) -> str | None:
    """A ``subPathExpr`` with its variables."""
    if not expression:
        return None
    missing = first_missing(expression, variables)
    if missing is not None:
        raise ConfigError(f'missing value for "{missing}"')
    return expand(expression, variables)
