"""PersistentVolumeClaims, alone and in the templates of pods.

``ValidatePersistentVolumeClaim`` of pkg/apis/core/validation decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.core import amount, check_quantity
from expander.validate.rules.field import (
    EMPTY,
    POSITIVE,
    Findings,
    forbidden,
    invalid,
    invalid_each,
    key,
    not_supported,
    required,
)
from expander.validate.rules.metadata import check_label_selector, check_metadata

Spec = Mapping[str, Any]

ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES: Final = ("Block", "Filesystem")
_OLD_SOURCES: Final = (("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot"))
"""What a ``dataSource`` may be: groups and kinds."""


def check_claim(claim: Mapping[str, Any], release: Release) -> list[Finding]:
    """What the API server would refuse in a new PersistentVolumeClaim with its defaults."""
    return [
        *check_metadata(claim.get("metadata") or EMPTY),
        *check_claim_spec(_with_one_source(claim.get("spec") or EMPTY), "spec"),
    ]


def _with_one_source(spec: Spec) -> Spec:
    """The spec without what the server drops: sources in other namespaces, and old ones of other kinds."""
    found = dict(spec)
    new = found.get("dataSourceRef")
    if new is not None and new.get("namespace"):
        del found["dataSourceRef"]
    old = found.get("dataSource")
    if old is not None and found.get("dataSourceRef") is None and _source_of(old) not in _OLD_SOURCES:
        del found["dataSource"]
    return found


def _source_of(source: Spec) -> tuple[str, str]:
    return source.get("apiGroup") or "", source.get("kind") or ""


def check_claim_spec(spec: Spec, where: str) -> Findings:
    """What the API server would refuse in the spec of a claim at the path ``where``."""
    modes = spec.get("accessModes") or ()
    if not modes:
        yield required(f"{where}.accessModes", "at least 1 access mode is required")
    yield from check_label_selector(spec.get("selector"), f"{where}.selector")
    yield from check_access_modes(modes, f"{where}.accessModes")
    yield from _check_storage(spec, key(f"{where}.resources", "storage"))
    for field in ("storageClassName", "volumeAttributesClassName"):
        if name := spec.get(field):
            yield from invalid_each(f"{where}.{field}", name, formats.dns_subdomain(name))
    yield from check_volume_mode(spec, where)
    for field in ("dataSource", "dataSourceRef"):
        if spec.get(field) is not None:
            yield from _check_data_source(spec[field], f"{where}.{field}")
    yield from _check_same_source(spec, where)


def check_access_modes(modes: Any, where: str) -> Findings:
    """Known ways to mount a volume; one for a single pod is alone."""
    for mode in modes:
        if mode not in ACCESS_MODES:
            yield not_supported(where, mode, ACCESS_MODES)
    if "ReadWriteOncePod" in modes and any(mode in ACCESS_MODES[:3] for mode in modes):
        yield forbidden(where, "may not use ReadWriteOncePod with other access modes")


def check_volume_mode(spec: Spec, where: str) -> Findings:
    """A file system or a device."""
    mode = spec.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        yield not_supported(f"{where}.volumeMode", mode, VOLUME_MODES)


def _check_storage(spec: Spec, where: str) -> Findings:
    requests = (spec.get("resources") or {}).get("requests") or {}
    if "storage" not in requests:
        yield required(where)
        return
    yield from check_quantity(requests["storage"], where)
    storage = amount(requests["storage"])
    if storage.value <= 0:
        yield invalid(where, str(storage), POSITIVE)


def _check_data_source(source: Spec, where: str) -> Findings:
    kind, group = source.get("kind") or "", source.get("apiGroup") or ""
    for field in ("name", "kind"):
        if not source.get(field):
            yield required(f"{where}.{field}")
    if not group and kind != "PersistentVolumeClaim":
        yield invalid(where, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup")
    if group:
        yield from invalid_each(f"{where}.apiGroup", group, formats.dns_subdomain(group))
    if namespace := source.get("namespace"):
        yield from invalid_each(f"{where}.namespace", namespace, formats.dns_label(namespace))


def _check_same_source(spec: Spec, where: str) -> Findings:
    """The old and the new field for the origin of the data do not contradict each other."""
    old, new = spec.get("dataSource"), spec.get("dataSourceRef")
    if old is None or new is None:
        return
    if new.get("namespace"):
        yield invalid(
            where, f"{where}.dataSource", "may not be specified when dataSourceRef.namespace is specified"
        )
    elif any(old.get(field) != new.get(field) for field in ("apiGroup", "kind", "name")):
        yield invalid(where, f"{where}.dataSource", "must match dataSourceRef")
