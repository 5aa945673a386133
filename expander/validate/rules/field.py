"""Paths and findings in the words of the API server.

The wording, and the way a value is written in it, is that of ``util/validation/field`` of apimachinery,
so that a finding reads like the server's cause. `formats` knows names, `addresses` addresses.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from expander.base.late_module import late_module
from expander.validate.finding import Finding, Reason

if TYPE_CHECKING:
    from expander.kube import gofmt
    from expander.kube import quantity as quantities
else:  # what findings say
    quantities = late_module("expander.kube.quantity")
    gofmt = late_module("expander.kube.gofmt")

Findings = Iterator[Finding]
EMPTY: Final[Mapping[str, Any]] = {}

NOT_NEGATIVE: Final = "must be greater than or equal to 0"
POSITIVE: Final = "must be greater than zero"
IMMUTABLE: Final = "field is immutable"


def path(*steps: str | int) -> str:
    """``path("spec", "containers", 0, "name")`` is ``spec.containers[0].name``; a map key is `key`'s."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def key(base: str, name: str) -> str:
    """The path of an entry of a map: ``metadata.labels[app]``."""
    return f"{base}[{name}]"


def each(items: Sequence[Any] | None, base: str) -> Iterator[tuple[str, Any]]:
    """(path, entry) of a list of objects; a null entry is an object without fields, as for the server."""
    for index, item in enumerate(items or ()):
        yield f"{base}[{index}]", EMPTY if item is None else item


def texts(items: Sequence[Any] | None, base: str) -> Iterator[tuple[str, str]]:
    """(path, entry) of a list of strings; a null entry is the empty string, as for the server."""
    for index, item in enumerate(items or ()):
        yield f"{base}[{index}]", "" if item is None else item


def shown(value: object) -> str:
    """A value as the server writes it in a message: text quoted, null, numbers, the rest as Go's JSON."""
    if isinstance(value, str):
        return gofmt.quoted(value)
    if isinstance(value, quantities.Quantity):
        return gofmt.quoted(str(value))
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def required(where: str, detail: str = "") -> Finding:
    """The field must be given."""
    return Finding(where, Reason.REQUIRED, _with("Required value", detail))


def invalid(where: str, value: object, detail: str = "") -> Finding:
    """The value is malformed or out of range."""
    return Finding(where, Reason.INVALID, _with(f"Invalid value: {shown(value)}", detail))


def invalid_each(where: str, value: object, details: Iterable[str]) -> Findings:
    """One `invalid` for each detail: the shape of a format's answer."""
    for detail in details:
        yield invalid(where, value, detail)


def immutable(where: str, value: object) -> Finding:
    """The field cannot change; ``value`` is what it should have become, as the server prints it."""
    return invalid(where, value, IMMUTABLE)


def not_supported(where: str, value: object, allowed: Iterable[str]) -> Finding:
    """The value is not one of an enumeration; ``allowed`` is listed in the order given."""
    choices = ", ".join(gofmt.quoted(choice) for choice in allowed)
    detail = f"supported values: {choices}" if choices else ""
    return Finding(where, Reason.NOT_SUPPORTED, _with(f"Unsupported value: {shown(value)}", detail))


def forbidden(where: str, detail: str = "") -> Finding:
    """The field may not be given here."""
    return Finding(where, Reason.FORBIDDEN, _with("Forbidden", detail))


def duplicate(where: str, value: object) -> Finding:
    """The value is there twice where it must be unique."""
    return Finding(where, Reason.DUPLICATE, f"Duplicate value: {shown(value)}")


def not_found(where: str, value: object, detail: str = "") -> Finding:
    """The value names something that is not in the object."""
    return Finding(where, Reason.NOT_FOUND, _with(f"Not found: {shown(value)}", detail))


def too_long(where: str, limit: int) -> Finding:
    """The text has more than ``limit`` bytes."""
    return Finding(where, Reason.TOO_LONG, f"Too long: may not be more than {limit} bytes")


def too_many(where: str, count: int, limit: int) -> Finding:
    """The list has ``count`` entries, more than ``limit``."""
    return Finding(where, Reason.TOO_MANY, f"Too many: {count}: must have at most {limit} items")


def not_negative(value: int | None, where: str) -> Findings:
    """A count of things or seconds is 0 or more."""
    if value is not None and value < 0:
        yield invalid(where, value, NOT_NEGATIVE)


def between(value: int, low: int, high: int, where: str) -> Findings:
    """A number from ``low`` to ``high``, both included."""
    if not low <= value <= high:
        yield invalid(where, value, f"must be between {low} and {high}, inclusive")


def _with(head: str, detail: str) -> str:
    return f"{head}: {detail}" if detail else head
