"""Why a patch is refused: the code, the reason and the words of the API.

PatchError
├── BadPatch        400   the patch cannot be read, or breaks the rules of its format
├── PatchTooLarge   413   it has more operations than are allowed
├── Unprocessable   422   it is well formed, but does not fit the object
├── SchemaMismatch  422   its result does not fit the schema
├── Untyped         500   an applied object does not fit its schema; the API has no reason for it
└── Conflict        409   an applied object changes fields that others own
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from expander.base.dataclass import dataclass
from expander.kube.gofmt import plain

UNPROCESSABLE_MESSAGE = "the server rejected our request due to an error in our request"


@dataclass(frozen=True, slots=True)
class Cause:
    """One field in ``details.causes`` of a Status."""

    reason: str
    message: str
    field: str

    def as_json(self) -> dict[str, str]:
        """The cause as the API writes it."""
        return {"reason": self.reason, "message": self.message, "field": self.field}


class PatchError(Exception):
    """A patch is refused. ``message`` is what the API says, ``causes`` name the fields."""

    code: ClassVar[int]
    reason: ClassVar[str]

    def __init__(self, message: str, causes: Sequence[Cause] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.causes = tuple(causes)

    @property
    def details(self) -> dict[str, Any] | None:
        """``details`` of the Status, or None when it has none."""
        return {"causes": [cause.as_json() for cause in self.causes]} if self.causes else None


class BadPatch(PatchError):
    """The patch cannot be read, or breaks the rules of its format."""

    code, reason = 400, "BadRequest"


class PatchTooLarge(PatchError):
    """The patch has more operations than the API allows."""

    code, reason = 413, "RequestEntityTooLarge"


class Unprocessable(PatchError):
    """The patch does not fit the object. ``explanation`` says why; the API keeps that to itself."""

    code, reason = 422, "Invalid"

    def __init__(self, explanation: str) -> None:
        super().__init__(UNPROCESSABLE_MESSAGE)
        self.explanation = explanation

    @property
    def details(self) -> dict[str, Any]:
        """Empty: there are details, but nothing in them."""
        return {}


class Untyped(PatchError):
    """An applied object does not fit its schema, or a merge has no rule for what it is given."""

    code, reason = 500, ""


class Conflict(PatchError):
    """An applied object would change fields that others own; ``force`` would take them over."""

    code, reason = 409, "Conflict"


class SchemaMismatch(PatchError):
    """What the patch makes has fields its kind does not have, or values of a wrong type."""

    code, reason = 422, "Invalid"


def schema_mismatch(
    problems: Sequence[str], patch: Any, patched: Mapping[str, Any], *, strategic: bool
) -> SchemaMismatch:
    """The error for ``problems`` (``unknown field "spec.x"``) in ``patched``, which ``patch`` made."""
    shown = plain(patch) if strategic else json.dumps(patched, separators=(",", ":"), ensure_ascii=False)
    value = json.dumps(shown, ensure_ascii=False)
    detail = f"Invalid value: {value}: strict decoding error: {', '.join(problems)}"
    message = f' "" is invalid: patch: {detail}'
    return SchemaMismatch(message, [Cause("FieldValueInvalid", detail, "patch")])
