"""The printers of claims, volumes and classes of storage (those of kube-apiserver)."""

from __future__ import annotations

from typing import Final

from expander.kube.time import age
from expander.kube.wellknown import DEFAULT_CLASS
from expander.local.apiserver.printers.columns import (
    AGE,
    NAME,
    NOTHING,
    Cells,
    Column,
    Layout,
    Object,
    created,
    name_of,
    wide,
)

_SHORT: Final = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _modes(obj: Object) -> str:
    return ",".join(_SHORT.get(each, each) for each in obj.get("accessModes") or ())


def _phase(obj: Object) -> str:
    status = obj.get("status") or NOTHING
    return "Terminating" if obj["metadata"].get("deletionTimestamp") else status.get("phase") or ""


def _claim(claim: Object, now: float) -> Cells:
    spec, status = claim["spec"], claim.get("status") or NOTHING
    bound = bool(spec.get("volumeName"))
    return [
        name_of(claim),
        _phase(claim),
        spec.get("volumeName") or "",
        ((status.get("capacity") or NOTHING).get("storage") or "") if bound else "",
        _modes(status) if bound else "",
        spec.get("storageClassName") or "",
        spec.get("volumeAttributesClassName") or "<unset>",
        age(created(claim), now),
        spec.get("volumeMode") or "<unset>",
    ]


def _volume(volume: Object, now: float) -> Cells:
    spec, status = volume["spec"], volume.get("status") or NOTHING
    claim = spec.get("claimRef")
    return [
        name_of(volume),
        (spec.get("capacity") or NOTHING).get("storage") or "",
        _modes(spec),
        spec.get("persistentVolumeReclaimPolicy") or "Retain",
        _phase(volume),
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "",
        spec.get("storageClassName") or "",
        spec.get("volumeAttributesClassName") or "<unset>",
        status.get("reason") or "",
        age(created(volume), now),
        spec.get("volumeMode") or "<unset>",
    ]


def _class(found: Object, now: float) -> Cells:
    default = (found["metadata"].get("annotations") or NOTHING).get(DEFAULT_CLASS) == "true"
    return [
        f"{name_of(found)} (default)" if default else name_of(found),
        found.get("provisioner") or "",
        found.get("reclaimPolicy") or "Delete",
        found.get("volumeBindingMode") or "Immediate",
        bool(found.get("allowVolumeExpansion")),
        age(created(found), now),
    ]


_STATUS: Final = Column("Status", description="Whether it is bound.")
_CAPACITY: Final = Column("Capacity", description="Its size.")
_MODES: Final = Column("Access Modes", description="How it can be mounted.")
_CLASS: Final = Column("StorageClass", description="Its class.")
_ATTRIBUTES: Final = Column("VolumeAttributesClass", description="Its class of attributes.")
_MODE: Final = wide("VolumeMode", "Whether it is a file system or a device.")
CLAIM: Final = Layout(
    (
        NAME,
        _STATUS,
        Column("Volume", description="The volume it is bound to."),
        _CAPACITY,
        _MODES,
        _CLASS,
        _ATTRIBUTES,
        AGE,
        _MODE,
    ),
    _claim,
)
VOLUME: Final = Layout(
    (
        NAME,
        _CAPACITY,
        _MODES,
        Column("Reclaim Policy", description="What becomes of it when its claim is deleted."),
        _STATUS,
        Column("Claim", description="The claim it is bound to."),
        _CLASS,
        _ATTRIBUTES,
        Column("Reason", description="Why it is not well."),
        AGE,
        _MODE,
    ),
    _volume,
)
CLASS: Final = Layout(
    (
        NAME,
        Column("Provisioner", description="Who makes volumes of the class."),
        Column("ReclaimPolicy", description="What becomes of a volume when its claim is deleted."),
        Column("VolumeBindingMode", description="When a claim gets its volume."),
        Column("AllowVolumeExpansion", "boolean", description="Whether claims may grow."),
        AGE,
    ),
    _class,
)
