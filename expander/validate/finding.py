"""The results of a check, as values."""

from __future__ import annotations

from enum import StrEnum

from expander.base.dataclass import dataclass
from expander.base.regex import regex

_STEP = regex(r"([^.\[\]]+)|\[([^\]]*)\]")


class Reason(StrEnum):
    """Why a field is refused, in the words of the API's causes."""

    INVALID = "FieldValueInvalid"
    REQUIRED = "FieldValueRequired"
    NOT_SUPPORTED = "FieldValueNotSupported"
    FORBIDDEN = "FieldValueForbidden"
    DUPLICATE = "FieldValueDuplicate"
    NOT_FOUND = "FieldValueNotFound"
    TYPE_INVALID = "FieldValueTypeInvalid"
    TOO_LONG = "FieldValueTooLong"
    TOO_MANY = "FieldValueTooMany"
    UNKNOWN_FIELD = "UnknownField"
    UNCHECKED = "Unchecked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One field of one manifest that the API server would refuse.

    ``path`` is the field in the server's form (``spec.template.spec.containers[0].name``),
    ``message`` what the server says behind it (``Required value``).
    """

    path: str
    reason: Reason
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message

    @property
    def steps(self) -> tuple[str | int, ...]:
        """The path as keys and places in lists."""
        return steps_of(self.path)


@dataclass(frozen=True, slots=True)
class Advice:
    """A warning: the field it is about, a short stable ``rule`` name, and what will happen."""

    path: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


ANNOTATION_RULE = "audit-annotation"
"""The rule of what a policy only writes into the audit log: worth knowing, and no fault."""


def steps_of(path: str) -> tuple[str | int, ...]:
    """A path in the server's form as keys and places in lists: ``a.b[0]`` is ``("a", "b", 0)``."""
    steps: list[str | int] = []
    for name, entry in _STEP.findall(path):
        steps.append(name or (int(entry) if entry.isdecimal() and len(entry) < 9 else entry))
    return tuple(steps)
