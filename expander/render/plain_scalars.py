"""Plain scalars of many rows at once: whether their values need quotes in YAML.

That depends on the value (``12`` is a number, ``yes`` a boolean) and on the text around it (``12Mi`` is a
string). One scan says what the values of a column have in common, and of a placeholder that is mostly enough
to know how all its rows are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

from expander.base.late_module import late_module
from expander.base.regex import regex
from expander.kube.schemas import FieldType
from expander.render.placeholder import Placeholder, Style

if TYPE_CHECKING:
    from expander.base.yaml import writer
else:  # for values in plain scalars
    writer = late_module("expander.base.yaml.writer")

_LONGEST_WORD = 5
"""Letters of ``false``, the longest word that is no string in YAML."""

_DIGITS = regex(r"\n(?:[0-9]++\n)*+")
_PLAIN = regex(r"\n(?:(?:[A-Za-z0-9_./-]++ ?+)++(?<! )\n)*+")
_NO_STRING = regex(r"\n(?:[^A-Za-z]|(?i:y|n|yes|no|on|off|true|false|null)\n)")


class Values(Enum):
    """What the values of a column have in common; each has a value that is like them."""

    DIGITS = "7"
    WORDS = "a./-_0"
    """Strings in YAML, of the characters below, the first a letter."""
    PLAIN = "./-_0a"
    """Letters, digits, ``_``, ``.``, ``/`` and ``-``, at least one, and single spaces between them."""
    OTHERS = ""


def is_open(placeholder: Placeholder) -> bool:
    """Whether values that may be copied decide if a placeholder needs quotes."""
    if placeholder.style is not Style.PLAIN or placeholder.type in (FieldType.INT32, FieldType.INT64):
        return False
    return (
        placeholder.rule is None
        or needs_quotes(placeholder, [Values.PLAIN] * len(placeholder.columns)) is not False
    )


def alike(texts: Sequence[str]) -> Values:
    """What all of these values have in common."""
    lines = "\n".join(("", *texts, ""))
    if _DIGITS.fullmatch(lines):
        return Values.DIGITS
    if not _PLAIN.fullmatch(lines):
        return Values.OTHERS
    return Values.PLAIN if _NO_STRING.search(lines) else Values.WORDS


def needs_quotes(placeholder: Placeholder, values: Sequence[Values]) -> bool | None:
    """Whether a plain scalar has quotes, whose columns have such values; None where each row decides."""
    segments = placeholder.segments
    if Values.OTHERS in values or (isinstance(segments[0], int) and values[0] is Values.PLAIN):
        return None
    like = iter(values)
    sample = "".join([part if isinstance(part, str) else next(like).value for part in segments])
    is_plain = writer.plain_is_string(sample, placeholder.flow)
    if sample[0] in "0123456789":  # an amount, by its digits and what is constant
        return not is_plain if set(values) == {Values.DIGITS} else None
    constants = "".join([part for part in segments if isinstance(part, str)])
    may_be_word = len(constants) + len(values) <= _LONGEST_WORD and (constants.isalpha() or not constants)
    if is_plain and may_be_word and not placeholder.whole and Values.DIGITS not in values:
        return None
    return not is_plain
