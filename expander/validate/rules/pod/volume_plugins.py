"""Volumes of CSI drivers, and claims that are made together with the pod.

Sources of volumes whose only rule is that some fields must be given.

Volumes of storage systems that Kubernetes knew by name before CSI.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from expander.base.late_module import late_module
from expander.base.regex import regex
from expander.validate.rules import formats
from expander.validate.rules.field import (
    Findings,
    between,
    forbidden,
    invalid,
    invalid_each,
    key,
    not_supported,
    required,
    too_long,
)
from expander.validate.rules.metadata import check_annotations, check_labels
from expander.validate.rules.pod.references import ClaimOwner

if TYPE_CHECKING:
    from expander.validate.rules import claim
else:  # for claims that a pod has made
    claim = late_module("expander.validate.rules.claim")

Source = Mapping[str, Any]

_MAX_DRIVER: Final = 63


def check_csi(source: Source, where: str) -> Findings:
    """A driver by its domain name, and a Secret to publish with."""
    yield from check_driver(source, where)
    secret = source.get("nodePublishSecretRef")
    if secret is not None:
        name = secret.get("name") or ""
        if not name:
            yield required(f"{where}.nodePublishSecretRef.name")
        else:
            yield from invalid_each(f"{where}.name", name, formats.dns_subdomain(name))


def check_driver(source: Source, where: str) -> Findings:
    """The name of a CSI driver (``ValidateCSIDriverName``)."""
    driver = source.get("driver") or ""
    if not driver:
        yield required(f"{where}.driver")
    if formats.byte_length(driver) > _MAX_DRIVER:
        yield too_long(f"{where}.driver", _MAX_DRIVER)
    yield from invalid_each(f"{where}.driver", driver, formats.dns_subdomain(driver.lower()))


def check_ephemeral(source: Source, where: str) -> Findings:
    """The claim to make: a template of which only labels, annotations and spec count."""
    template = source.get("volumeClaimTemplate")
    where = f"{where}.volumeClaimTemplate"
    if template is None:
        yield required(where)
        return
    yield from _check_metadata(template.get("metadata") or {}, f"{where}.metadata")
    yield from claim.check_claim_spec(template.get("spec") or {}, f"{where}.spec")


def check_created_claim(volume: Source, where: str, owner: ClaimOwner) -> Findings:
    """The claim of an ephemeral volume is named after pod and volume."""
    name, claim = volume.get("name") or "", owner.claim_of(volume)
    if name and claim:
        wrong = (f'PVC name "{claim}": {detail}' for detail in formats.dns_subdomain(claim))
        yield from invalid_each(f"{where}.name", name, wrong)


def _check_metadata(metadata: Source, where: str) -> Findings:
    yield from check_annotations(metadata.get("annotations") or {}, f"{where}.annotations")
    yield from check_labels(metadata.get("labels") or {}, f"{where}.labels")
    for field, value in metadata.items():
        if field not in ("annotations", "labels") and value not in (None, "", 0):
            yield forbidden(f"{where}.{field}", "cannot be set")


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


_ISCSI_FORMATS: Final = {
    "iqn": regex(r"iqn\.\d{4}-\d{2}\.[A-Za-z0-9.-]+:[^,;*&$|\t\n\f\r ]+\Z", re.ASCII),
    "eui": regex(r"\Aeui.[A-Za-z0-9]{16}\Z"),
    "naa": regex(r"\Anaa.[A-Za-z0-9]{32}\Z"),
}
_DISK_CACHING: Final = ("None", "ReadOnly", "ReadWrite")
_DISK_KINDS: Final = ("Dedicated", "Managed", "Shared")
_MANAGED_DISK: Final = (
    "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
)
_BLOB_DISK: Final = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"
_HOST_PORTS: Final = "must be a host:port pair or multiple pairs separated by commas"
_MAX_TARGET: Final = 64  # characters of volume name, colon and target portal
_MAX_TENANT: Final = 64


def check_nfs(source: Source, where: str) -> Findings:
    """A server, and an absolute path on it."""
    path = source.get("path") or ""
    if not source.get("server"):
        yield required(f"{where}.server")
    if not path:
        yield required(f"{where}.path")
    if not path.startswith("/"):
        yield invalid(f"{where}.path", path, "must be an absolute path")


def check_gce_disk(source: Source, where: str) -> Findings:
    """A named disk and a partition of it."""
    if not source.get("pdName"):
        yield required(f"{where}.pdName")
    yield from _check_partition(source, where)


def check_aws_disk(source: Source, where: str) -> Findings:
    """A disk by its id and a partition of it."""
    if not source.get("volumeID"):
        yield required(f"{where}.volumeID")
    yield from _check_partition(source, where)


def _check_partition(source: Source, where: str) -> Findings:
    partition = source.get("partition") or 0
    if not 0 <= partition <= 255:
        yield invalid(f"{where}.partition", partition, "must be between 1 and 255, inclusive")


def check_iscsi(source: Source, where: str) -> Findings:
    """A portal, a qualified name of the target, a unit of it, and a Secret where CHAP is asked for."""
    if not source.get("targetPortal"):
        yield required(f"{where}.targetPortal")
    if not source.get("iqn"):
        yield required(f"{where}.iqn")
    else:
        yield from _check_iscsi_format(source["iqn"], f"{where}.iqn")
    yield from between(source.get("lun") or 0, 0, 255, f"{where}.lun")
    authenticated = source.get("chapAuthDiscovery") or source.get("chapAuthSession")
    if authenticated and source.get("secretRef") is None:
        yield required(f"{where}.secretRef")
    if source.get("initiatorName") is not None:
        yield from _check_iscsi_format(source["initiatorName"], f"{where}.initiatorname")


def _check_iscsi_format(text: str, where: str) -> Findings:
    expected = _ISCSI_FORMATS.get(text[:3])
    if expected is None:
        yield invalid(where, text, "must be valid format starting with iqn, eui, or naa")
    elif not expected.search(text):
        yield invalid(where, text, "must be valid format")


def check_iscsi_name(volume: Source, where: str) -> Findings:
    """With an initiator name of its own, the volume is known by its name and portal together."""
    source, name = volume["iscsi"], volume.get("name") or ""
    if source.get("initiatorName") is None:
        return
    if formats.byte_length(f"{name}:{source.get('targetPortal') or ''}") > _MAX_TARGET:
        detail = "must be under 64 characters if iscsi.initiatorName is specified."
        yield invalid(where, name, f"Total length of <volume name>:<iscsi.targetPortal> {detail}")


def check_fibre_channel(source: Source, where: str) -> Findings:
    """World wide names with a unit, or world wide identifiers, not both."""
    names, identifiers = source.get("targetWWNs"), source.get("wwids")
    lun: int | None = source.get("lun")
    at = f"{where}.targetWWNs"
    if not names and not identifiers:
        yield required(at, "must specify either targetWWNs or wwids, but not both")
    if names and identifiers:
        yield invalid(at, names, "targetWWNs and wwids can not be specified simultaneously")
    if names and lun is None:
        yield required(f"{where}.lun", "lun is required if targetWWNs is specified")
    elif names and lun is not None:
        yield from between(lun, 0, 255, f"{where}.lun")


def check_azure_disk(source: Source, where: str) -> Findings:
    """A disk by name and URI; the form of the URI follows from the kind of disk."""
    uri, caching = source.get("diskURI") or "", source.get("cachingMode") or "ReadWrite"
    kind = "Shared" if source.get("kind") is None else source["kind"]
    if not source.get("diskName"):
        yield required(f"{where}.diskName")
    if not uri:
        yield required(f"{where}.diskURI")
    if caching not in _DISK_CACHING:
        yield not_supported(f"{where}.cachingMode", caching, _DISK_CACHING)
    if kind not in _DISK_KINDS:
        yield not_supported(f"{where}.kind", kind, _DISK_KINDS)
    if kind == "Managed" and not uri.startswith("/subscriptions/"):
        yield not_supported(f"{where}.diskURI", uri, (_MANAGED_DISK,))
    if kind != "Managed" and not uri.startswith("https://"):
        yield not_supported(f"{where}.diskURI", uri, (_BLOB_DISK,))


def check_flocker(source: Source, where: str) -> Findings:
    """A dataset by name or by id, not both."""
    name, uuid = source.get("datasetName") or "", source.get("datasetUUID") or ""
    if not name and not uuid:
        yield required(where, "one of datasetName and datasetUUID is required")
    if name and uuid:
        yield invalid(where, "resource", "datasetName and datasetUUID can not be specified simultaneously")
    if "/" in name:
        yield invalid(f"{where}.datasetName", name, "must not contain '/'")


def check_quobyte(source: Source, where: str) -> Findings:
    """A registry of hosts and ports, and a volume."""
    registry = source.get("registry") or ""
    if not registry:
        yield required(f"{where}.registry", _HOST_PORTS)
    elif formats.byte_length(source.get("tenant") or "") > _MAX_TENANT:
        yield required(f"{where}.tenant", "must be a UUID and may not exceed a length of 64 characters")
    else:
        for pair in registry.split(","):
            if not _is_host_port(pair):
                yield invalid(f"{where}.registry", registry, _HOST_PORTS)
    if not source.get("volume"):
        yield required(f"{where}.volume")


def _is_host_port(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        return False
    return bool(colon) and not any(bracket in host + port for bracket in "[]")


def check_flex(source: Source, where: str) -> Findings:
    """A driver, and options that keep out of the namespaces of Kubernetes."""
    if not source.get("driver"):
        yield required(f"{where}.driver")
    for option in source.get("options") or ():
        namespace = f".{option.partition('/')[0].lower()}"
        if namespace.endswith((".kubernetes.io", ".k8s.io")):
            detail = "kubernetes.io and k8s.io namespaces are reserved"
            yield invalid(key(f"{where}.options", option), option, detail)


def check_storageos(source: Source, where: str) -> Findings:
    """A volume by name, possibly in a namespace."""
    name, namespace = source.get("volumeName") or "", source.get("volumeNamespace") or ""
    if not name:
        yield required(f"{where}.volumeName")
    else:
        yield from invalid_each(f"{where}.volumeName", name, formats.dns_label(name))
    if namespace:
        yield from invalid_each(f"{where}.volumeNamespace", namespace, formats.dns_label(namespace))
    yield from check_named_secret(source, where)
