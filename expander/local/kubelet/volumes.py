"""The folder behind each volume of a pod, made when the pod starts.

The sources that a single machine can have are honoured: emptyDir, configMap, secret, downwardAPI, projected,
hostPath, a persistentVolumeClaim that was given a folder, and a generic ephemeral volume as a folder of
the pod's own. For any other the pod waits, and its event says why.

What the files of configMap, secret, downwardAPI and projected volumes hold: path -> bytes and mode.

pkg/volume/{configmap,secret,downwardapi,projected} decide, and what their messages say.

Files below a folder whose content may be hostile: nothing is written or read outside of it.

What a container sees of its pod's volumes, and where.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from expander.local.kubelet.env import (
    Kind,
    Lookup,
    MissingReference,
    expand,
    field_value,
    file_entries,
    first_missing,
    resource_value,
)
from expander.local.kubelet.node import ConfigError, NodeInfo, VolumeError
from expander.local.kubelet.pod_files import PodFiles
from expander.local.runtime.runtime import Mount

DEFAULT_FILE_MODE = 0o644


@dataclass(frozen=True, slots=True)
class ProjectedFile:
    """One file of a volume."""

    data: bytes
    mode: int


ProjectedFiles = dict[str, ProjectedFile]


def projected_files(
    pod: Mapping[str, Any], volume: Mapping[str, Any], lookup: Lookup, place: NodeInfo
) -> ProjectedFiles:
    """The files of ``volume``, which is of one of the four kinds. VolumeError when one cannot be had."""
    try:
        if "projected" in volume:
            return _projected(pod, volume["projected"], lookup, place)
        for field in ("configMap", "secret", "downwardAPI"):
            if field in volume:
                return _source(pod, field, volume[field], _mode(volume[field]), lookup, place)
    except (MissingReference, ConfigError) as error:
        raise VolumeError(str(error)) from None
    return {}


def _mode(source: Mapping[str, Any]) -> int:
    return int(source.get("defaultMode") or DEFAULT_FILE_MODE)


def _projected(
    pod: Mapping[str, Any], source: Mapping[str, Any], lookup: Lookup, place: NodeInfo
) -> ProjectedFiles:
    """The files of several sources in one folder; of two with the same path the later stays."""
    found: ProjectedFiles = {}
    for part in source.get("sources") or ():
        for field, projection in part.items():
            found |= _source(pod, field, projection, _mode(source), lookup, place)
    return found


def _source(
    pod: Mapping[str, Any],
    field: str,
    source: Mapping[str, Any],
    mode: int,
    lookup: Lookup,
    place: NodeInfo,
) -> ProjectedFiles:
    """The files of one source."""
    if field == "downwardAPI":
        items = source.get("items") or ()
        return {
            item["path"]: ProjectedFile(_downward_value(pod, item, place), item.get("mode") or mode)
            for item in items
        }
    kinds: dict[str, Kind] = {"configMap": "ConfigMap", "secret": "Secret"}
    if field not in kinds:
        raise VolumeError(f"a projected {field} cannot be provided on this machine")
    name = source.get("secretName") or source.get("name") or ""
    try:
        entries = file_entries(lookup, kinds[field], pod["metadata"]["namespace"], name)
    except MissingReference:
        if source.get("optional"):
            return {}
        raise
    if not source.get("items"):
        return {key: ProjectedFile(data, mode) for key, data in entries.items()}
    return _selected_items(field, source, entries, mode)


def _selected_items(
    field: str, source: Mapping[str, Any], entries: Mapping[str, bytes], mode: int
) -> ProjectedFiles:
    """The entries that ``items`` names, at its paths."""
    found: ProjectedFiles = {}
    for item in source["items"]:
        if item["key"] in entries:
            found[item["path"]] = ProjectedFile(entries[item["key"]], item.get("mode") or mode)
        elif not source.get("optional"):
            words = "configmap references non-existent config key"
            if field == "secret":
                words = "references non-existent secret key"
            raise VolumeError(f"{words}: {item['key']}")
    return found


def _downward_value(pod: Mapping[str, Any], item: Mapping[str, Any], place: NodeInfo) -> bytes:
    """What one item of a downward API volume asks for."""
    if "fieldRef" in item:
        return field_value(pod, item["fieldRef"]["fieldPath"], place).encode()
    return resource_value(pod["spec"], {}, item["resourceFieldRef"], place.node).encode()


PARTIAL = "..partial"
"""No path of a volume's item starts with two dots: the API server refuses it."""


SHARED_FILE_BYTES = 1 << 10
"""Bytes from which on a file is shared: on ext4 a new file can cost a millisecond, a link hardly anything."""


def safe_parts(path: str) -> list[str]:
    """The names of a relative path, without those that mean nothing; VolumeError when it could lead out."""
    names = [name for name in path.split("/") if name not in ("", ".")]
    if path.startswith("/") or ".." in names or not names or "\0" in path:
        raise VolumeError(f"invalid path: {path!r} must be relative and stay inside the volume")
    return names


def write_files(
    folder: str, files: Mapping[str, ProjectedFile], group: int | None = None, shared: str | None = None
) -> None:
    """Write ``files`` below ``folder``, which is this process's own. Links are not followed.

    ``group``: whom the files belong to besides; they may read what the owner may. ``shared`` is a folder on
    the same disk in which large files are once, read-only: the pods of a batch have links to them.
    """
    os.makedirs(folder, mode=0o755, exist_ok=True)
    for inner, file in files.items():
        *parents, name = safe_parts(inner)
        at = folder
        for parent in parents:
            at = f"{at}/{parent}"
            if os.path.islink(at):
                raise VolumeError(f"invalid path: {inner!r} goes through a link")
            os.makedirs(at, mode=0o755, exist_ok=True)
        path = f"{at}/{name}"
        if shared is None or len(file.data) < SHARED_FILE_BYTES or not _linked(path, file, group, shared):
            _write(path, file, group)


def _linked(path: str, file: ProjectedFile, group: int | None, shared: str) -> bool:
    """Make ``path`` a link to the one file of that content, mode and group; False where that cannot be."""
    name = blake2b(file.data, digest_size=16, salt=f"{file.mode:o}.{group}".encode()[:16]).hexdigest()
    one = f"{shared}/{name}"
    try:
        if not os.path.exists(one):
            os.makedirs(shared, mode=0o755, exist_ok=True)
            _write(one, ProjectedFile(file.data, file.mode & ~0o222), group)
        with suppress(FileNotFoundError):
            os.unlink(path)
        os.link(one, path, follow_symlinks=False)
    except OSError:
        return False
    return True


def _write(path: str, file: ProjectedFile, group: int | None) -> None:
    """One file, whole or not at all."""
    partial = f"{os.path.dirname(path)}/{PARTIAL}"
    mode = file.mode if group is None else file.mode | (file.mode >> 3 & 0o070)
    with suppress(FileNotFoundError):
        os.unlink(partial)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(partial, flags, 0o600)
    with open(descriptor, "wb") as target:
        target.write(file.data)
        os.fchmod(descriptor, mode)
        if group is not None and os.geteuid() == 0:
            os.fchown(descriptor, -1, group)
    os.replace(partial, path)


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

    ``claims``: folders by name of the claim, or namespace/name.
    """

    lookup: Lookup
    claims: Mapping[str, Path]


def prepare(
    pod: Mapping[str, Any], files: PodFiles, sources: VolumeSources, place: NodeInfo
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
    sources: VolumeSources,
    place: NodeInfo,
    group: int | None,
) -> Volume:
    if any(field in volume for field in PROJECTED_KINDS):
        path = files.volume(volume["name"])
        write_files(path, projected_files(pod, volume, sources.lookup, place), group, files.shared)
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


def _claimed(claims: Mapping[str, Path], namespace: str, name: str) -> str:
    path = claims.get(f"{namespace}/{name}", claims.get(name))
    if path is None:
        raise VolumeError(
            f'persistentvolumeclaim "{name}" not found: no folder of this machine stands for it'
        )
    os.makedirs(path, exist_ok=True)
    return str(Path(path).absolute())


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
