"""A request that admission refuses, as the API's Status says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.base.errors import ExpanderError
from expander.local.store.encoding import Object

GROUPS: Final = {"Job": "batch", "CronJob": "batch"}
"""The API groups of kinds that are not in the core group."""


class Refused(ExpanderError):
    """``code`` is the HTTP status, ``reason`` the API's word for it, ``details`` those of the Status."""

    exit_code = 1

    def __init__(self, code: int, reason: str, message: str, details: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details)


def resource_of(kind: str) -> str:
    """The resource of a kind, in lower case and the plural: ``jobs``."""
    return f"{kind.lower()}s"


def full_resource(kind: str) -> str:
    """The resource with its group: ``jobs.batch``, ``pods``."""
    return f"{resource_of(kind)}.{GROUPS[kind]}" if kind in GROUPS else resource_of(kind)


def forbidden(obj: Object, why: str, causes: list[Mapping[str, str]] | None = None) -> Refused:
    """A refusal of ``obj`` with code 403."""
    kind, name = obj["kind"], obj["metadata"].get("name", "")
    details: dict[str, Any] = {"name": name} if name else {}
    if kind in GROUPS:
        details["group"] = GROUPS[kind]
    details["kind"] = resource_of(kind)
    if causes:
        details["causes"] = causes
    subject = f'{full_resource(kind)} "{name}"' if name else full_resource(kind)
    return Refused(403, "Forbidden", f"{subject} is forbidden: {why}", details)
