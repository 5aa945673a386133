"""The folder behind each volume of a pod, made when the pod starts, and where containers see it.

The sources that a single machine can have are provided: emptyDir, configMap, secret, downwardAPI, projected,
hostPath, a persistentVolumeClaim that was given a folder, and a generic ephemeral volume as a folder of
the pod's own. For any other the pod waits, and its event says why.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from expander.base.dataclass import dataclass
from expander.base.state_dir import make_private
from expander.kube.wellknown import CLAIM_PROTECTION, FOLDER_DRIVER
from expander.local.kubelet.api_access import ApiAccess
from expander.local.kubelet.env import (
    Lookup,
    expand,
    first_missing,
)
from expander.local.kubelet.node import ConfigError, NodeInfo, VolumeError
from expander.local.kubelet.pod_files import PodFiles
from expander.local.kubelet.projected_files import (
    Read,
    projected_files,
    reads,
    remove_others,
    safe_parts,
    write_files,
)
from expander.local.runtime.runtime import Mount


def safe_join(folder: str, path: str, make: bool) -> str:
    """The real place of ``path`` below ``folder``. ``make``: as a folder, when nothing is there.

    VolumeError when it is outside, be it by ``..`` or by a link somewhere on the way.
    """
    names = safe_parts(path)
    root = os.path.realpath(folder)
    found = os.path.realpath(os.path.join(root, *names))
    if os.path.commonpath((root, found)) != root:
        raise VolumeError(f"{path!r} leads out of the volume")
    if make and not os.path.lexists(found):
        os.makedirs(found, mode=os.stat(root).st_mode & 0o7777, exist_ok=True)
    return found


def disk_usage(folder: str) -> int:
    """The bytes that the files below ``folder`` take on disk; links are counted, not followed."""
    total = 0
    pending = [folder]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                total += entry.stat(follow_symlinks=False).st_blocks * 512
            except OSError:
                continue
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
    return total


PROJECTED_KINDS = ("configMap", "secret", "downwardAPI", "projected")
WORLD_WRITABLE = 0o777
GROUP_BITS = stat.S_ISGID | 0o060

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
class VolumeSources:
    """Where the contents of volumes come from.

    ``claims``: folders by name of the claim, or namespace/name. A PersistentVolumeClaim that has none there
    but is an object gets one below ``claim_folder``. ``access`` has the tokens of service accounts.
    """

    lookup: Lookup
    claims: Mapping[str, Path]
    claim_folder: Path
    access: ApiAccess


def prepare(
    pod: Mapping[str, Any], files: PodFiles, sources: VolumeSources, node_info: NodeInfo
) -> dict[str, Volume]:
    """Every volume of the pod by name, there and filled.

    VolumeError, in the kubelet's words, when one cannot be.
    """
    found = {}
    group = (pod["spec"].get("securityContext") or {}).get("fsGroup")
    for volume in pod["spec"].get("volumes") or ():
        try:
            found[volume["name"]] = _volume(pod, volume, files, sources, node_info, group)
        except (VolumeError, OSError, ValueError) as error:
            raise VolumeError(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}') from error
    return found


def _volume(
    pod: Mapping[str, Any],
    volume: Mapping[str, Any],
    files: PodFiles,
    sources: VolumeSources,
    node_info: NodeInfo,
    group: int | None,
) -> Volume:
    if any(field in volume for field in PROJECTED_KINDS):
        path = files.volume(volume["name"], in_memory=any(token_sources(volume)))
        write_files(path, projected_files(pod, volume, sources.lookup, sources.access, node_info), group)
        return Volume(path, read_only=True)
    if "hostPath" in volume:
        return Volume(_of_host(volume["hostPath"]))
    if "persistentVolumeClaim" in volume:
        claim = volume["persistentVolumeClaim"]
        return Volume(
            _claimed(sources, pod["metadata"]["namespace"], claim["claimName"], group),
            bool(claim.get("readOnly")),
        )
    if "emptyDir" in volume or "ephemeral" in volume:
        in_memory = (volume.get("emptyDir") or {}).get("medium") == "Memory"
        return Volume(_empty(files.volume(volume["name"], in_memory), group))
    kind = next((field for field in volume if field != "name"), "no source")
    raise VolumeError(f"a volume of {kind} cannot be provided on this machine")


def token_sources(volume: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What asks for tokens in a volume; those are kept in memory."""
    for source in (volume.get("projected") or {}).get("sources") or ():
        if (found := source.get("serviceAccountToken")) is not None:
            yield found


def refresh(
    pod: Mapping[str, Any],
    volumes: Mapping[str, Volume],
    sources: VolumeSources,
    node_info: NodeInfo,
    changed: Set[Read],
) -> None:
    """Write the volumes anew that are made of what has ``changed``. Raises VolumeError and OSError."""
    group = (pod["spec"].get("securityContext") or {}).get("fsGroup")
    for volume in pod["spec"].get("volumes") or ():
        if not changed.isdisjoint(reads(volume)):
            files = projected_files(pod, volume, sources.lookup, sources.access, node_info)
            write_files(volumes[volume["name"]].path, files, group)
            remove_others(volumes[volume["name"]].path, files)


def _empty(path: str, group: int | None) -> str:
    """A folder for all users of the pod; new, unless the pod had it already."""
    if not os.path.isdir(path):
        os.mkdir(path)
        os.chmod(path, WORLD_WRITABLE if group is None else WORLD_WRITABLE | GROUP_BITS)
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


def _claimed(sources: VolumeSources, namespace: str, name: str, group: int | None) -> str:
    path = sources.claims.get(f"{namespace}/{name}", sources.claims.get(name))
    claim = sources.lookup("PersistentVolumeClaim", namespace, name) if path is None else None
    if claim is not None:
        if volume := claim["spec"].get("volumeName"):
            return _persistent(sources, str(volume), group)
        if CLAIM_PROTECTION in (claim["metadata"].get("finalizers") or ()):
            raise VolumeError(f'persistentvolumeclaim "{name}" is not bound')
        folder = sources.claim_folder / namespace
        make_private(folder)
        return _empty(str(folder.joinpath(*safe_parts(name))), group)
    if path is None:
        raise VolumeError(
            f'persistentvolumeclaim "{name}" not found: no folder of this machine stands for it'
        )
    os.makedirs(path, exist_ok=True)
    return str(Path(path).absolute())


def _persistent(sources: VolumeSources, name: str, group: int | None) -> str:
    """The folder of a PersistentVolume: its own, or a path of this machine."""
    volume = sources.lookup("PersistentVolume", "", name)
    if volume is None:
        raise VolumeError(f'persistentvolume "{name}" not found')
    spec = volume["spec"]
    if (spec.get("csi") or {}).get("driver") == FOLDER_DRIVER:
        make_private(sources.claim_folder)
        return _empty(str(sources.claim_folder.joinpath(*safe_parts(spec["csi"]["volumeHandle"]))), group)
    if "hostPath" in spec or "local" in spec:
        return _of_host(spec.get("hostPath") or spec["local"])
    raise VolumeError(f'persistentvolume "{name}" is of a kind that cannot be provided on this machine')


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
            source = safe_join(source, sub_path, make=not volume.read_only)
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
