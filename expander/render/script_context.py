"""The context of a value in a script: which values are data there, and how a message names the place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from expander.base.dataclass import dataclass
from expander.render.arguments import HARMLESS_VALUE

Segments = Sequence[str | int]
"""A text in pieces; numbers are placeholders."""

_IN_SCRIPT: Final = "in code that is not proven to take it as data"
_SED: Final = r"\b(?:g?sed|ed|ex|vi|vim)\b"
_IN_SED: Final = rf"(?![\s\S]*[0-9/][ewrRW]){HARMLESS_VALUE}"
"""For sed a line number or a pattern before ``e`` or ``w`` is a command that runs or writes something."""


@dataclass(frozen=True, slots=True)
class Context:
    """The place of one placeholder: ``words`` name it, ``pattern`` matches the values that are data there.

    ``quoting``: a value that the quoting filter made is data there too, whatever it holds. ``variable``: how
    the place reads with a variable (``%s``) in place of the value; empty where none can stand.
    """

    words: str
    pattern: str
    quoting: bool = False
    variable: str = ""

    def accepts(self, value: str) -> bool:
        """Whether ``value`` is only data here."""
        return re.fullmatch(self.pattern, value) is not None


def is_proven(context: Context) -> bool:
    """Whether any value may come to a place by a variable."""
    return bool(context.variable)


def unproven(text: str, why: str = _IN_SCRIPT) -> Context:
    """The context of a place in ``text`` where only harmless values may stand."""
    return Context(why, _IN_SED if re.search(_SED, text) else HARMLESS_VALUE)
