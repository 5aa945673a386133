"""Volumes of CSI drivers, and claims that are made together with the pod."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from expander.validate.rules import formats
from expander.validate.rules.amounts import amount, check_quantity
from expander.validate.rules.checks import (
    POSITIVE,
    Findings,
    forbidden,
    invalid,
    invalid_each,
    key,
    not_supported,
    required,
    too_long,
)
from expander.validate.rules.labels import check_annotations, check_label_selector, check_labels

Source = Mapping[str, Any]

_ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_VOLUME_MODES: Final = ("Block", "Filesystem")
_MAX_DRIVER: Final = 63


class ClaimOwner(NamedTuple):
    """The pod that claims are made for: ``name`` is empty in a template, ``bare`` is true for a Pod."""

    name: str = ""
    bare: bool = False

    def claim_of(self, volume: Source) -> str | None:
        """The name of the claim made for ``volume``; None while the pod has no name."""
        return f"{self.name}-{volume.get('name') or ''}" if self.name else None


TEMPLATE: Final = ClaimOwner()


def check_csi(source: Source, where: str) -> Findings:
    """A driver by its domain name, and a Secret to publish with."""
    driver = source.get("driver") or ""
    if not driver:
        yield required(f"{where}.driver")
    if formats.byte_length(driver) > _MAX_DRIVER:
        yield too_long(f"{where}.driver", _MAX_DRIVER)
    yield from invalid_each(f"{where}.driver", driver, formats.dns_subdomain(driver.lower()))
    secret = source.get("nodePublishSecretRef")
    if secret is not None:
        name = secret.get("name") or ""
        if not name:
            yield required(f"{where}.nodePublishSecretRef.name")
        else:
            yield from invalid_each(f"{where}.name", name, formats.dns_subdomain(name))


def check_ephemeral(source: Source, where: str) -> Findings:
    """The claim to make: a template of which only labels, annotations and spec count."""
    template = source.get("volumeClaimTemplate")
    where = f"{where}.volumeClaimTemplate"
    if template is None:
        yield required(where)
        return
    yield from _check_metadata(template.get("metadata") or {}, f"{where}.metadata")
    yield from _check_claim(template.get("spec") or {}, f"{where}.spec")


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


def _check_claim(spec: Source, where: str) -> Findings:
    yield from _check_access_modes(spec.get("accessModes") or (), f"{where}.accessModes")
    yield from check_label_selector(spec.get("selector"), f"{where}.selector")
    yield from _check_storage(spec, key(f"{where}.resources", "storage"))
    for field in ("storageClassName", "volumeAttributesClassName"):
        if name := spec.get(field):
            yield from invalid_each(f"{where}.{field}", name, formats.dns_subdomain(name))
    mode = spec.get("volumeMode")
    if mode is not None and mode not in _VOLUME_MODES:
        yield not_supported(f"{where}.volumeMode", mode, _VOLUME_MODES)
    for field in ("dataSource", "dataSourceRef"):
        if spec.get(field) is not None:
            yield from _check_data_source(spec[field], f"{where}.{field}")
    yield from _check_same_source(spec, where)


def _check_access_modes(modes: Any, where: str) -> Findings:
    if not modes:
        yield required(where, "at least 1 access mode is required")
    for mode in modes:
        if mode not in _ACCESS_MODES:
            yield not_supported(where, mode, _ACCESS_MODES)
    if "ReadWriteOncePod" in modes and any(mode in _ACCESS_MODES[:3] for mode in modes):
        yield forbidden(where, "may not use ReadWriteOncePod with other access modes")


def _check_storage(spec: Source, where: str) -> Findings:
    requests = (spec.get("resources") or {}).get("requests") or {}
    if "storage" not in requests:
        yield required(where)
        return
    yield from check_quantity(requests["storage"], where)
    storage = amount(requests["storage"])
    if storage.value <= 0:
        yield invalid(where, str(storage), POSITIVE)


def _check_data_source(source: Source, where: str) -> Findings:
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


def _check_same_source(spec: Source, where: str) -> Findings:
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
