"""The files of configMap, secret, downwardAPI and projected volumes: what they hold, how they are written.

pkg/volume/{configmap,secret,downwardapi,projected} decide the contents, modes and messages.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.state_dir import make_readable
from expander.local.kubelet.api_access import ApiAccess
from expander.local.kubelet.env import (
    Kind,
    Lookup,
    MissingReference,
    field_value,
    file_entries,
    resource_value,
)
from expander.local.kubelet.node import ConfigError, NodeInfo, VolumeError
from expander.local.kubelet.pod_files import write_whole

DEFAULT_FILE_MODE = 0o644
_KINDS: Final[dict[str, Kind]] = {"configMap": "ConfigMap", "secret": "Secret"}


@dataclass(frozen=True, slots=True)
class ProjectedFile:
    """One file of a volume."""

    data: bytes
    mode: int


ProjectedFiles = dict[str, ProjectedFile]

Read = tuple[str, str]
"""What files are made of: the kind and the name of an object, or one of these two."""
METADATA: Final[Read] = ("metadata", "")
TOKEN: Final[Read] = ("serviceAccountToken", "")
"""Labels and annotations of the pod; a token of its service account."""


def reads(volume: Mapping[str, Any]) -> Iterator[Read]:
    """What the files of ``volume`` are made of and what may change while the pod runs."""
    for part in (volume.get("projected") or {}).get("sources") or (volume,):
        for field, source in part.items():
            if field in _KINDS:
                yield _KINDS[field], _source_name(source)
            elif field == "serviceAccountToken":
                yield TOKEN
            elif field == "downwardAPI":
                paths = (
                    (item.get("fieldRef") or {}).get("fieldPath", "") for item in source.get("items") or ()
                )
                if any(path.startswith(("metadata.labels", "metadata.annotations")) for path in paths):
                    yield METADATA


def projected_files(
    pod: Mapping[str, Any],
    volume: Mapping[str, Any],
    lookup: Lookup,
    access: ApiAccess,
    node_info: NodeInfo,
) -> ProjectedFiles:
    """The files of ``volume``, which is of one of the four kinds. VolumeError when one cannot be had."""
    try:
        if "projected" in volume:
            return _projected(pod, volume["projected"], lookup, access, node_info)
        for field in ("configMap", "secret", "downwardAPI"):
            if field in volume:
                return _source(pod, field, volume[field], _mode(volume[field]), lookup, node_info)
    except (MissingReference, ConfigError) as error:
        raise VolumeError(str(error)) from None
    return {}


def _mode(source: Mapping[str, Any]) -> int:
    return int(source.get("defaultMode") or DEFAULT_FILE_MODE)


def _projected(
    pod: Mapping[str, Any],
    source: Mapping[str, Any],
    lookup: Lookup,
    access: ApiAccess,
    node_info: NodeInfo,
) -> ProjectedFiles:
    """The files of several sources in one folder; of two with the same path the later stays."""
    found: ProjectedFiles = {}
    for part in source.get("sources") or ():
        for field, projection in part.items():
            if field == "serviceAccountToken":
                token = access.token(pod, projection)
                found[projection["path"]] = ProjectedFile(token, _mode(source))
            else:
                found |= _source(pod, field, projection, _mode(source), lookup, node_info)
    return found


def _source(
    pod: Mapping[str, Any],
    field: str,
    source: Mapping[str, Any],
    mode: int,
    lookup: Lookup,
    node_info: NodeInfo,
) -> ProjectedFiles:
    """The files of one source."""
    if field == "downwardAPI":
        items = source.get("items") or ()
        return {
            item["path"]: ProjectedFile(_downward_value(pod, item, node_info), item.get("mode") or mode)
            for item in items
        }
    if field not in _KINDS:
        raise VolumeError(f"a projected {field} cannot be provided on this machine")
    try:
        entries = file_entries(lookup, _KINDS[field], pod["metadata"]["namespace"], _source_name(source))
    except MissingReference:
        if source.get("optional"):
            return {}
        raise
    if not source.get("items"):
        return {key: ProjectedFile(data, mode) for key, data in entries.items()}
    return _selected_items(field, source, entries, mode)


def _source_name(source: Mapping[str, Any]) -> str:
    return source.get("secretName") or source.get("name") or ""


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


def _downward_value(pod: Mapping[str, Any], item: Mapping[str, Any], node_info: NodeInfo) -> bytes:
    """What one item of a downward API volume asks for."""
    if "fieldRef" in item:
        return field_value(pod, item["fieldRef"]["fieldPath"], node_info).encode()
    return resource_value(pod["spec"], {}, item["resourceFieldRef"], node_info.node).encode()


def safe_parts(path: str) -> list[str]:
    """The names of a relative path, without those that mean nothing; VolumeError when it could lead out."""
    names = [name for name in path.split("/") if name not in ("", ".")]
    if path.startswith("/") or ".." in names or not names or "\0" in path:
        raise VolumeError(f"invalid path: {path!r} must be relative and stay inside the volume")
    return names


def write_files(folder: str, files: Mapping[str, ProjectedFile], group: int | None = None) -> None:
    """Write ``files`` below ``folder``, which is this process's own. Links are not followed.

    ``group``: whom the files belong to besides; they may read what the owner may. Every volume has files of
    its own, so that no pod can change those of another.
    """
    make_readable(folder)
    for inner, file in files.items():
        *parents, name = safe_parts(inner)
        at = folder
        for parent in parents:
            at = f"{at}/{parent}"
            if os.path.islink(at):
                raise VolumeError(f"invalid path: {inner!r} goes through a link")
            make_readable(at)
        mode = file.mode if group is None else file.mode | (file.mode >> 3 & 0o070)
        write_whole(f"{at}/{name}", file.data, mode, group)


def remove_others(folder: str, files: Mapping[str, ProjectedFile]) -> None:
    """Remove what is below ``folder`` and is none of ``files`` any more."""
    kept = {os.path.join(folder, *safe_parts(inner)) for inner in files}
    for above, _, names in os.walk(folder):
        for path in (os.path.join(above, name) for name in names):
            if path not in kept:
                os.unlink(path)
