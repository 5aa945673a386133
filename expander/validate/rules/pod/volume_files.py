"""Volumes that are files: of the node, of ConfigMaps and Secrets, of the pod's own fields, of images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.validate.rules.checks import Findings, each, invalid, not_supported, required
from expander.validate.rules.pod.field_refs import VOLUME_FIELDS, check_field_ref, check_resource_field_ref
from expander.validate.rules.pod.images import check_pull_policy
from expander.validate.rules.pod.paths import check_descending, check_no_climbing, check_unreserved

_HOST_PATH_TYPES: Final = (
    *("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate"),
    *("File", "FileOrCreate", "Socket"),
)
_MAX_MODE: Final = 0o777

Source = Mapping[str, Any]


def check_host_path(source: Source, where: str) -> Findings:
    """A path of the node that does not climb, and a known type."""
    path = source.get("path") or ""
    if not path:
        yield required(f"{where}.path")
        return
    yield from check_no_climbing(path, f"{where}.path")
    kind = source.get("type")
    if kind is not None and kind not in _HOST_PATH_TYPES:
        yield not_supported(f"{where}.type", kind, _HOST_PATH_TYPES)


def check_git_repo(source: Source, where: str) -> Findings:
    """A repository, and a folder inside the volume."""
    if not source.get("repository"):
        yield required(f"{where}.repository")
    yield from check_descending(source.get("directory") or "", f"{where}.directory")


def check_secret(source: Source, where: str) -> Findings:
    """A named Secret and the files made of its keys."""
    if not source.get("secretName"):
        yield required(f"{where}.secretName")
    yield from check_mode(source.get("defaultMode"), f"{where}.defaultMode")
    yield from check_items(source, where)


def check_config_map(source: Source, where: str) -> Findings:
    """A named ConfigMap and the files made of its keys."""
    if not source.get("name"):
        yield required(f"{where}.name")
    yield from check_mode(source.get("defaultMode"), f"{where}.defaultMode")
    yield from check_items(source, where)


def check_downward_api(source: Source, where: str) -> Findings:
    """Files that hold fields of the pod; findings on a file are at the volume, not at its entry."""
    yield from check_mode(source.get("defaultMode"), f"{where}.defaultMode")
    for _, file in each(source.get("items"), where):
        yield from check_downward_file(file, where)


def check_downward_file(file: Source, where: str) -> Findings:
    """One file: a path inside the volume, and either a field or a resource."""
    path = file.get("path") or ""
    if not path:
        yield required(f"{where}.path")
    yield from check_unreserved(path, f"{where}.path")
    field, resource = file.get("fieldRef"), file.get("resourceFieldRef")
    if field is not None:
        yield from check_field_ref(field, VOLUME_FIELDS, f"{where}.fieldRef")
        if resource is not None:
            yield invalid(
                where, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"
            )
    elif resource is not None:
        yield from check_resource_field_ref(resource, f"{where}.resourceFieldRef", in_volume=True)
    else:
        yield required(where, "one of fieldRef and resourceFieldRef is required")
    yield from check_mode(file.get("mode"), f"{where}.mode")


def check_image(source: Source, where: str) -> Findings:
    """An image as a volume."""
    if not source.get("reference"):
        yield required(f"{where}.reference")
    yield from check_pull_policy(source.get("pullPolicy"), f"{where}.pullPolicy")


def check_items(source: Source, where: str) -> Findings:
    """The chosen keys: each has a key, a path inside the volume and possibly a mode."""
    for at, item in each(source.get("items"), f"{where}.items"):
        path = item.get("path") or ""
        if not item.get("key"):
            yield required(f"{at}.key")
        if not path:
            yield required(f"{at}.path")
        yield from check_unreserved(path, f"{at}.path")
        yield from check_mode(item.get("mode"), f"{at}.mode")


def check_mode(mode: int | None, where: str) -> Findings:
    """Permission bits of a file."""
    if mode is not None and not 0 <= mode <= _MAX_MODE:
        yield invalid(where, mode, "must be a number between 0 and 0777 (octal), both inclusive")
