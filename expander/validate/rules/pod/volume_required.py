"""Sources of volumes whose only rule is that some fields must be given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.validate.rules.checks import Findings, required

_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "glusterfs": ("endpoints", "path"),
    "persistentVolumeClaim": ("claimName",),
    "rbd": ("monitors", "image"),
    "cinder": ("volumeID",),
    "cephfs": ("monitors",),
    "azureFile": ("secretName", "shareName"),
    "vsphereVolume": ("volumePath",),
    "photonPersistentDisk": ("pdID",),
    "portworxVolume": ("volumeID",),
    "scaleIO": ("gateway", "system", "volumeName"),
}
_NEED_NAMED_SECRET: Final = frozenset(("cinder",))


def check_required_fields(kind: str, source: Mapping[str, Any], where: str) -> Findings:
    """Every required field of the source ``kind`` is there and not empty."""
    for field in _REQUIRED[kind]:
        if not source.get(field):
            yield required(f"{where}.{field}")
    if kind in _NEED_NAMED_SECRET:
        yield from check_named_secret(source, where)


def check_named_secret(source: Mapping[str, Any], where: str) -> Findings:
    """A reference to a Secret, where one is given, has a name."""
    secret = source.get("secretRef")
    if secret is not None and not secret.get("name"):
        yield required(f"{where}.secretRef.name")
