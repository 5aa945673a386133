"""The context of a value in a script: which values are data there, and how a message names the place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from expander.base.dataclass import dataclass

Segments = Sequence[str | int]
"""A text in pieces; numbers are placeholders."""

END: Final = r"(?![\s\S])"
_RESERVED: Final = "if|then|else|elif|fi|do|done|case|esac|while|until|for|in|function|select|time|coproc"
HARMLESS_VALUE: Final = rf"(?!(?:{_RESERVED}){END})(?:-?[0-9]|[A-Za-z_./])[A-Za-z0-9_./-]*"
"""Values that may stand anywhere: letters, digits and ``_ . / -``, but neither options nor reserved words."""

ANY: Final = r"[\s\S]*"
"""Every value."""
NO_DASH: Final = rf"(?!-){ANY}"
"""Values that do not begin with a dash."""

SCRIPT_FIELDS: Final = ("script", "source", "entrypoint", "command", "args")
"""Fields of custom resources that may hold a script or a command line."""

_IN_SCRIPT: Final = "in code that is not proven to take it as data"
_SED: Final = r"\b(?:g?sed|ed|ex|vi|vim)\b"
_IN_SED: Final = rf"(?![\s\S]*[0-9/][ewrRW]){HARMLESS_VALUE}"
"""For sed a line number or a pattern before ``e`` or ``w`` is a command that runs or writes something."""


_DATA: Final = (("metadata", "labels"), ("metadata", "annotations"))


@dataclass(frozen=True, slots=True)
class Change:
    """What a program makes of some values: ``words`` say it, ``kept`` matches those that it leaves alone.

    ``hint`` is what to write instead. ``plain`` matches some of them by their characters alone, where not
    ``kept`` itself does: many values at once are looked at with it.
    """

    words: str
    kept: str
    hint: str
    plain: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """The place of one placeholder: ``words`` name it, ``pattern`` matches the values that are data there.

    ``quoting``: a value that the quoting filter made is data there too, whatever it holds. ``variable``: how
    the place reads with a variable (``%s``) in place of the value; empty where none can stand. ``changes``
    are those that the script makes in values that are data. ``hint`` is what to write instead, where known.
    """

    words: str
    pattern: str
    quoting: bool = False
    variable: str = ""
    changes: tuple[Change, ...] = ()
    hint: str = ""

    def accepts(self, value: str) -> bool:
        """Whether ``value`` is only data here, and arrives as it is."""
        return self.is_data(value) and self.change_of(value) is None

    def is_data(self, value: str) -> bool:
        """Whether ``value`` is only data here."""
        return re.fullmatch(self.pattern, value) is not None

    def change_of(self, value: str) -> Change | None:
        """What would become of ``value``; None when it arrives as it is."""
        return next((each for each in self.changes if not re.fullmatch(each.kept, value)), None)


def may_be_code(path: Sequence[str | int]) -> bool:
    """Whether a text at ``path`` of an object may be code: not where a name, label or annotation stands.

    Fields of a custom resource that are called as those of scripts are may be some wherever they stand.
    """
    if path[-2:] == ("metadata", "name"):
        return False
    return path[-3:-1] not in _DATA or path[-1] in SCRIPT_FIELDS


def is_proven(context: Context) -> bool:
    """Whether any value may come to a place by a variable."""
    return bool(context.variable)


def unproven(text: str, why: str = _IN_SCRIPT) -> Context:
    """The context of a place in ``text`` where only harmless values may stand."""
    return Context(why, _IN_SED if re.search(_SED, text) else HARMLESS_VALUE)
