"""PersistentVolumes and StorageClasses, in what they are here for.

``ValidatePersistentVolumeSpec`` of pkg/apis/core/validation and ``ValidateStorageClass`` of
pkg/apis/storage/validation decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.kube.quantity import parse
from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules.field import EMPTY, Findings, forbidden, invalid, key, not_supported, required
from expander.validate.rules.metadata import check_metadata

ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_RECLAIM: Final = ("Delete", "Recycle", "Retain")
_MODES: Final = ("Block", "Filesystem")
_NO_SOURCES: Final = frozenset(
    (
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeAttributesClassName",
        "volumeMode",
    )
)


def fill_volume(obj: dict[str, Any]) -> None:
    """The defaults of a PersistentVolume."""
    spec = obj["spec"]
    obj["status"].setdefault("phase", "Pending")
    spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
    spec.setdefault("volumeMode", "Filesystem")
    if "hostPath" in spec:
        spec["hostPath"].setdefault("type", "")


def fill_class(obj: dict[str, Any]) -> None:
    """The defaults of a StorageClass."""
    obj.setdefault("reclaimPolicy", "Delete")
    obj.setdefault("volumeBindingMode", "Immediate")


def check_volume(obj: Mapping[str, Any], release: Release) -> list[Finding]:
    """A new PersistentVolume with its defaults."""
    return [
        *check_metadata(obj.get("metadata") or EMPTY, namespaced=False),
        *_check_spec(obj.get("spec") or EMPTY),
    ]


def _check_spec(spec: Mapping[str, Any]) -> Findings:
    modes, capacity = spec.get("accessModes") or (), spec.get("capacity") or {}
    if not modes:
        yield required("spec.accessModes")
    for mode in modes:
        if mode not in ACCESS_MODES:
            yield not_supported("spec.accessModes", mode, ACCESS_MODES)
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        yield forbidden("spec.accessModes", "may not use ReadWriteOncePod with other access modes")
    if not capacity:
        yield required("spec.capacity")
    if "storage" not in capacity or len(capacity) > 1:
        yield not_supported("spec.capacity", capacity or None, ["storage"])
    for name, amount in capacity.items():
        if parse(str(amount)) <= 0:
            yield invalid(key("spec.capacity", name), amount, "must be greater than zero")
    policy = spec.get("persistentVolumeReclaimPolicy")
    if policy and policy not in _RECLAIM:
        yield not_supported("spec.persistentVolumeReclaimPolicy", policy, _RECLAIM)
    sources = [field for field in sorted(spec) if field not in _NO_SOURCES]
    if not sources:
        yield required("spec", "must specify a volume type")
    for field in sources[1:]:
        yield forbidden(f"spec.{field}", "may not specify more than 1 volume type")
    if "hostPath" in spec and not spec["hostPath"].get("path"):
        yield required("spec.hostPath.path")
    if "local" in spec and not spec.get("nodeAffinity"):
        yield required("spec.nodeAffinity", "Local volume requires node affinity")
    if spec.get("volumeMode") not in (None, *_MODES):
        yield not_supported("spec.volumeMode", spec["volumeMode"], _MODES)


def check_class(obj: Mapping[str, Any], release: Release) -> list[Finding]:
    """A new StorageClass with its defaults."""
    found = check_metadata(obj.get("metadata") or EMPTY, namespaced=False)
    if not obj.get("provisioner"):
        found.append(required("provisioner"))
    if obj.get("reclaimPolicy") not in ("Delete", "Retain"):
        found.append(not_supported("reclaimPolicy", obj.get("reclaimPolicy") or "", ["Delete", "Retain"]))
    binding = ("Immediate", "WaitForFirstConsumer")
    if obj.get("volumeBindingMode") not in binding:
        found.append(not_supported("volumeBindingMode", obj.get("volumeBindingMode") or "", binding))
    return found
