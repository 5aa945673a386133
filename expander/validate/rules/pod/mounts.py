"""Where a container finds its volumes: mounts and raw devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.validate.rules.field import (
    Findings,
    each,
    forbidden,
    invalid,
    not_found,
    not_supported,
    required,
)
from expander.validate.rules.pod.references import PodFacts, check_descending, climbs

_PROPAGATIONS: Final = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE_READ_ONLY: Final = ("Disabled", "Enabled", "IfPossible")


def check_mounts(container: Mapping[str, Any], where: str, pod: PodFacts) -> Findings:
    """``volumeMounts``: the volume is there, the path is given and the only one of its kind."""
    list_at = f"{where}.volumeMounts"
    devices = container.get("volumeDevices") or ()
    device_names = {(device or {}).get("name") or "" for device in devices}
    device_paths = {(device or {}).get("devicePath") or "" for device in devices}
    taken: set[str] = set()
    for at, mount in each(container.get("volumeMounts"), list_at):
        name, path = mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            yield required(f"{at}.name")
        if name not in pod.volumes:
            yield not_found(f"{at}.name", name)
        if not path:
            yield required(f"{at}.mountPath")
        if path in taken:
            yield invalid(f"{at}.mountPath", path, "must be unique")
        taken.add(path)
        if name in device_names:
            yield invalid(f"{at}.name", name, "must not already exist in volumeDevices")
        if path in device_paths:
            yield invalid(f"{at}.mountPath", path, "must not already exist as a path in volumeDevices")
        yield from _check_sub_path(mount, at, list_at)
        if (propagation := mount.get("mountPropagation")) is not None:
            yield from _check_propagation(propagation, container, f"{list_at}.mountPropagation")
        if mount.get("recursiveReadOnly") is not None:
            yield from _check_recursive_read_only(mount, f"{list_at}.recursiveReadOnly")


def _check_sub_path(mount: Mapping[str, Any], where: str, list_at: str) -> Findings:
    path, expression = mount.get("subPath") or "", mount.get("subPathExpr") or ""
    if not path and not expression:
        return
    given = (("subPath", path), ("subPathExpr", expression))
    if path and expression:
        yield invalid(f"{where}.subPathExpr", expression, "subPathExpr and subPath are mutually exclusive")
    for field, text in given:
        yield from check_descending(text, f"{list_at}.{field}")


def _check_propagation(propagation: str, container: Mapping[str, Any], where: str) -> Findings:
    if propagation not in _PROPAGATIONS:
        yield not_supported(where, propagation, _PROPAGATIONS)
    privileged = (container.get("securityContext") or {}).get("privileged")
    if propagation == "Bidirectional" and not privileged:
        yield forbidden(where, "Bidirectional mount propagation is available only to privileged containers")


def _check_recursive_read_only(mount: Mapping[str, Any], where: str) -> Findings:
    choice = mount["recursiveReadOnly"]
    if choice not in _RECURSIVE_READ_ONLY:
        yield not_supported(where, choice, _RECURSIVE_READ_ONLY)
    elif choice != "Disabled":
        if not mount.get("readOnly"):
            yield forbidden(where, "may only be specified when readOnly is true")
        if (mount.get("mountPropagation") or "None") != "None":
            yield forbidden(where, "may only be specified when mountPropagation is None or not specified")


def check_devices(container: Mapping[str, Any], where: str, pod: PodFacts) -> Findings:
    """``volumeDevices``: a claimed volume each, under a path of its own."""
    mounts: Sequence[Any] = container.get("volumeMounts") or ()
    mount_names = {(mount or {}).get("name") or "" for mount in mounts}
    mount_paths = {(mount or {}).get("mountPath") or "" for mount in mounts}
    names: set[str] = set()
    paths: set[str] = set()
    for at, device in each(container.get("volumeDevices"), f"{where}.volumeDevices"):
        name, path = device.get("name") or "", device.get("devicePath") or ""
        if not name:
            yield required(f"{at}.name")
        if name in names:
            yield invalid(f"{at}.name", name, "must be unique")
        yield from _check_claimed(name, f"{at}.name", pod)
        if not path:
            yield required(f"{at}.devicePath")
        if path in paths:
            yield invalid(f"{at}.devicePath", path, "must be unique")
        if climbs(path):
            yield invalid(f"{at}.devicePath", path, "can not contain backsteps ('..')")
        else:
            paths.add(path)
        if name in mount_names:
            yield invalid(f"{at}.name", name, "must not already exist in volumeMounts")
        if path in mount_paths:
            yield invalid(f"{at}.devicePath", path, "must not already exist as a path in volumeMounts")
        if name:
            names.add(name)


def _check_claimed(name: str, where: str, pod: PodFacts) -> Findings:
    volume = pod.volumes.get(name)
    if volume is None:
        yield not_found(where, name)
    elif volume.get("persistentVolumeClaim") is None and volume.get("ephemeral") is None:
        detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        yield invalid(where, name, detail)
