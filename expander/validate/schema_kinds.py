"""Which schema an object is to be held against.

The API server's scheme decides which apiVersions and kinds exist; custom resources add groups of their
own, whose names always hold a dot (apiextensions validation).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expander.base.errors import nearest
from expander.kube import schemas
from expander.validate.finding import Finding, Reason


def identify(
    obj: Mapping[str, Any], version: str | None, assume: tuple[str, str] | None
) -> tuple[str, str] | list[Finding]:
    """apiVersion and kind of ``obj``, from ``assume`` where it has none; or why it can have no schema."""
    wrong = [
        Finding(field, Reason.TYPE_INVALID, "must be a string")
        for field in ("apiVersion", "kind")
        if not isinstance(obj.get(field), str | None)
    ]
    if wrong:
        return wrong
    api_version, kind = obj.get("apiVersion") or "", obj.get("kind") or ""
    if assume is not None:
        api_version, kind = api_version or assume[0], kind or assume[1]
    missing = [
        Finding(field, Reason.REQUIRED, "Required value")
        for field, value in (("apiVersion", api_version), ("kind", kind))
        if not value
    ]
    return missing or unregistered(api_version, kind, schemas.kinds(version)) or (api_version, kind)


def unregistered(api_version: str, kind: str, known: schemas.Kinds) -> list[Finding]:
    """A finding when no API server has such a kind, custom resources or not."""
    if kind in known.get(api_version, ()) or is_custom(api_version, known):
        return []
    homes = [name for name in known if kind in known[name]]
    meant: str | None
    if homes:
        field, meant = "apiVersion", homes[0]
    elif api_version in known:
        field, meant = "kind", nearest(kind, known[api_version])
    else:
        field, meant = "apiVersion", nearest(api_version, known)
    message = f'no kind "{kind}" is registered for version "{api_version}"'
    hint = f', did you mean "{meant}"?' if meant else ""
    return [Finding(field, Reason.NOT_SUPPORTED, message + hint)]


def is_custom(api_version: str, known: schemas.Kinds) -> bool:
    """Whether an apiVersion can be one of custom resources: its group has a dot and is not built in."""
    group, slash, short = api_version.partition("/")
    built_in = any(name.startswith(f"{group}/") for name in known)
    return bool(slash and short) and "/" not in short and "." in group and not built_in
