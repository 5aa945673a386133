"""The folder behind each volume of a pod, made when the pod starts.

The sources that a single machine can have are honoured: emptyDir, configMap, secret, downwardAPI, projected,
hostPath, a persistentVolumeClaim that was given a folder, and a generic ephemeral volume as a folder of
the pod's own. For any other the pod waits, and its event says why.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expander.local.kubelet.folders import PodFiles
from expander.local.kubelet.node import Surroundings
from expander.local.kubelet.payload import payload
from expander.local.kubelet.refusals import VolumeError
from expander.local.kubelet.sources import Lookup
from expander.local.kubelet.trees import write

WRITTEN = ("configMap", "secret", "downwardAPI", "projected")
EVERYONE = 0o777
OF_GROUP = stat.S_ISGID | 0o060

_HOST_CHECKS: dict[str, tuple[str, Callable[[int], bool]]] = {
    "Directory": ("a directory", stat.S_ISDIR),
    "File": ("a file", stat.S_ISREG),
    "Socket": ("a socket", stat.S_ISSOCK),
    "CharDevice": ("a character device", stat.S_ISCHR),
    "BlockDevice": ("a block device", stat.S_ISBLK),
}


@dataclass(frozen=True, slots=True)
class Volume:
    """Where a volume is on this machine; ``read_only`` whatever its mounts say."""

    path: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the contents of volumes come from.

    ``claims``: folders by name of the claim, or namespace/name.
    """

    lookup: Lookup
    claims: Mapping[str, Path]


def prepare(
    pod: Mapping[str, Any], files: PodFiles, sources: Sources, place: Surroundings
) -> dict[str, Volume]:
    """Every volume of the pod by name, there and filled.

    VolumeError, in the kubelet's words, when one cannot be.
    """
    found = {}
    group = (pod["spec"].get("securityContext") or {}).get("fsGroup")
    for volume in pod["spec"].get("volumes") or ():
        try:
            found[volume["name"]] = _volume(pod, volume, files, sources, place, group)
        except (VolumeError, OSError, ValueError) as error:
            raise VolumeError(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}') from error
    return found


def _volume(
    pod: Mapping[str, Any],
    volume: Mapping[str, Any],
    files: PodFiles,
    sources: Sources,
    place: Surroundings,
    group: int | None,
) -> Volume:
    if any(field in volume for field in WRITTEN):
        path = files.volume(volume["name"])
        write(path, payload(pod, volume, sources.lookup, place), group, files.shared)
        return Volume(path, read_only=True)
    if "hostPath" in volume:
        return Volume(_of_host(volume["hostPath"]))
    if "persistentVolumeClaim" in volume:
        claim = volume["persistentVolumeClaim"]
        return Volume(
            _claimed(sources.claims, pod["metadata"]["namespace"], claim["claimName"]),
            bool(claim.get("readOnly")),
        )
    if "emptyDir" in volume or "ephemeral" in volume:
        in_memory = (volume.get("emptyDir") or {}).get("medium") == "Memory"
        return Volume(_empty(files.volume(volume["name"], in_memory), group))
    kind = next((field for field in volume if field != "name"), "no source")
    raise VolumeError(f"a volume of {kind} cannot be provided on this machine")


def _empty(path: str, group: int | None) -> str:
    """A folder for all users of the pod; new, unless the pod had it already."""
    if not os.path.isdir(path):
        os.makedirs(path)
        os.chmod(path, EVERYONE if group is None else EVERYONE | OF_GROUP)
        if group is not None and os.geteuid() == 0:
            os.chown(path, -1, group)
    return path


def _of_host(source: Mapping[str, Any]) -> str:
    """A path of this machine, of the type that the volume asks for."""
    path, kind = source["path"], source.get("type") or ""
    if kind == "DirectoryOrCreate" and not os.path.exists(path):
        os.makedirs(path, mode=0o755)
    elif kind == "FileOrCreate" and not os.path.exists(path):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
    words, fits = _HOST_CHECKS.get(kind.removesuffix("OrCreate"), ("", lambda mode: True))
    if kind and (not os.path.exists(path) or not fits(os.stat(path).st_mode)):
        raise VolumeError(f"hostPath type check failed: {path} is not {words}")
    if not os.path.exists(path):
        os.makedirs(path, mode=0o755)
    return str(path)


def _claimed(claims: Mapping[str, Path], namespace: str, name: str) -> str:
    path = claims.get(f"{namespace}/{name}", claims.get(name))
    if path is None:
        raise VolumeError(
            f'persistentvolumeclaim "{name}" not found: no folder of this machine stands for it'
        )
    os.makedirs(path, exist_ok=True)
    return str(Path(path).absolute())
