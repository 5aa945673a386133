"""What the files of configMap, secret, downwardAPI and projected volumes hold: path -> bytes and mode.

pkg/volume/{configmap,secret,downwardapi,projected} decide, and what their messages say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from expander.local.kubelet.downward import field_value, resource_value
from expander.local.kubelet.node import Surroundings
from expander.local.kubelet.refusals import ConfigError, VolumeError
from expander.local.kubelet.sources import Kind, Lookup, Missing, contents

READABLE = 0o644


@dataclass(frozen=True, slots=True)
class File:
    """One file of a volume."""

    data: bytes
    mode: int


Payload = dict[str, File]


def payload(
    pod: Mapping[str, Any], volume: Mapping[str, Any], lookup: Lookup, place: Surroundings
) -> Payload:
    """The files of ``volume``, which is of one of the four kinds. VolumeError when one cannot be had."""
    try:
        if "projected" in volume:
            return _projected(pod, volume["projected"], lookup, place)
        for field in ("configMap", "secret", "downwardAPI"):
            if field in volume:
                return _source(pod, field, volume[field], _mode(volume[field]), lookup, place)
    except (Missing, ConfigError) as error:
        raise VolumeError(str(error)) from None
    return {}


def _mode(source: Mapping[str, Any]) -> int:
    return int(source.get("defaultMode") or READABLE)


def _projected(
    pod: Mapping[str, Any], source: Mapping[str, Any], lookup: Lookup, place: Surroundings
) -> Payload:
    """The files of several sources in one folder; of two with the same path the later stays."""
    found: Payload = {}
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
    place: Surroundings,
) -> Payload:
    """The files of one source."""
    if field == "downwardAPI":
        items = source.get("items") or ()
        return {item["path"]: File(_asked(pod, item, place), item.get("mode") or mode) for item in items}
    kinds: dict[str, Kind] = {"configMap": "ConfigMap", "secret": "Secret"}
    if field not in kinds:
        raise VolumeError(f"a projected {field} cannot be provided on this machine")
    name = source.get("secretName") or source.get("name") or ""
    try:
        entries = contents(lookup, kinds[field], pod["metadata"]["namespace"], name)
    except Missing:
        if source.get("optional"):
            return {}
        raise
    if not source.get("items"):
        return {key: File(data, mode) for key, data in entries.items()}
    return _chosen(field, source, entries, mode)


def _chosen(field: str, source: Mapping[str, Any], entries: Mapping[str, bytes], mode: int) -> Payload:
    """The entries that ``items`` names, at its paths."""
    found: Payload = {}
    for item in source["items"]:
        if item["key"] in entries:
            found[item["path"]] = File(entries[item["key"]], item.get("mode") or mode)
        elif not source.get("optional"):
            words = "configmap references non-existent config key"
            if field == "secret":
                words = "references non-existent secret key"
            raise VolumeError(f"{words}: {item['key']}")
    return found


def _asked(pod: Mapping[str, Any], item: Mapping[str, Any], place: Surroundings) -> bytes:
    """What one item of a downward API volume asks for."""
    if "fieldRef" in item:
        return field_value(pod, item["fieldRef"]["fieldPath"], place).encode()
    return resource_value(pod["spec"], {}, item["resourceFieldRef"], place.node).encode()
