"""Profiles of the kernel's guards: seccomp and AppArmor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.validate.rules.checks import Findings, invalid, not_supported, required, too_long
from expander.validate.rules.formats import byte_length
from expander.validate.rules.pod.paths import check_descending

_TYPES: Final = ("Localhost", "RuntimeDefault", "Unconfined")
_MAX_APPARMOR_NAME: Final = 4095  # bytes of a path in Linux

Profile = Mapping[str, Any]


def check_seccomp(profile: Profile, where: str) -> Findings:
    """A type, and a file of the node with type Localhost only."""
    kind, local = profile.get("type") or "", profile.get("localhostProfile")
    at = f"{where}.localhostProfile"
    yield from _check_type(kind, f"{where}.type", "type is required when seccompProfile is set")
    if kind == "Localhost":
        if local is None:
            yield required(at, "must be set when seccomp type is Localhost")
        else:
            yield from check_descending(local, at)
    elif local is not None:
        whole = {"Type": kind, "LocalhostProfile": local}
        yield invalid(at, whole, "can only be set when seccomp type is Localhost")


def check_apparmor(profile: Profile, where: str) -> Findings:
    """A type, and a profile loaded on the node with type Localhost only."""
    kind, local = profile.get("type") or "", profile.get("localhostProfile")
    at = f"{where}.localhostProfile"
    yield from _check_type(kind, f"{where}.type", "type is required when appArmorProfile is set")
    if kind == "Localhost":
        if local is not None and local.strip() != local:
            yield invalid(at, local, "must not be padded with whitespace")
        elif not local:
            yield required(at, "must be set when AppArmor type is Localhost")
        if byte_length(local or "") > _MAX_APPARMOR_NAME:
            yield too_long(at, _MAX_APPARMOR_NAME)
    elif kind in _TYPES and local is not None:
        yield invalid(at, local, "can only be set when AppArmor type is Localhost")


def _check_type(kind: str, where: str, detail: str) -> Findings:
    if not kind:
        yield required(where, detail)
    elif kind not in _TYPES:
        yield not_supported(where, kind, _TYPES)
