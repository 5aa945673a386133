"""The refusal of a patch whose result is no object of the kind, in the words of the API server.

Decided by the patch handler of apiserver: a strategic merge patch is shown as it was sent, of other
patches the whole object they made is shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from expander.kube.gofmt import plain
from expander.local.api.patching.refusals import Cause, PatchRefused


class Misfit(PatchRefused):
    """What the patch makes has fields its kind does not have, or values of a wrong type."""

    code: ClassVar[int] = 422
    reason: ClassVar[str] = "Invalid"


def misfit(problems: Sequence[str], patch: Any, patched: Mapping[str, Any], *, strategic: bool) -> Misfit:
    """The error for ``problems`` (``unknown field "spec.x"``) in ``patched``, which ``patch`` made."""
    shown = plain(patch) if strategic else json.dumps(patched, separators=(",", ":"), ensure_ascii=False)
    value = json.dumps(shown, ensure_ascii=False)
    detail = f"Invalid value: {value}: strict decoding error: {', '.join(problems)}"
    message = f' "" is invalid: patch: {detail}'
    return Misfit(message, [Cause("FieldValueInvalid", detail, "patch")])
