"""ConfigMaps and Secrets as pods use them: by name in their namespace, with keys that may be missing."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, Literal

Lookup = Callable[[str, str, str], Mapping[str, Any] | None]
"""An object by kind, namespace and name; None when there is none."""
Kind = Literal["ConfigMap", "Secret"]


class Missing(Exception):
    """There is no such object, or it has no such key; the message is the kubelet's."""


def texts(lookup: Lookup, kind: Kind, namespace: str, name: str) -> dict[str, str]:
    """The entries that can be environment variables; Missing when the object is not there.

    Bytes of a Secret that are no UTF-8 keep their place as the replacement character.
    """
    found = _object(lookup, kind, namespace, name)
    if kind == "ConfigMap":
        return dict(found.get("data") or {})
    return {key: value.decode(errors="replace") for key, value in _secret(found).items()}


def contents(lookup: Lookup, kind: Kind, namespace: str, name: str) -> dict[str, bytes]:
    """Every entry as bytes, for files; Missing when the object is not there."""
    found = _object(lookup, kind, namespace, name)
    if kind == "Secret":
        return _secret(found)
    entries = {key: value.encode() for key, value in (found.get("data") or {}).items()}
    return entries | {key: b64decode(value) for key, value in (found.get("binaryData") or {}).items()}


def _object(lookup: Lookup, kind: Kind, namespace: str, name: str) -> Mapping[str, Any]:
    found = lookup(kind, namespace, name)
    if found is None:
        raise Missing(f'{kind.lower()} "{name}" not found')
    return found


def _secret(found: Mapping[str, Any]) -> dict[str, bytes]:
    """What the API server makes of ``data`` and the write-only ``stringData``."""
    entries = {key: b64decode(value or "") for key, value in (found.get("data") or {}).items()}
    return entries | {key: value.encode() for key, value in (found.get("stringData") or {}).items()}
