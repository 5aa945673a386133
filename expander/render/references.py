"""References to the item in a text, and the text between them.

``$ITEM`` ``${ITEM}`` ``${ITEM.column}`` ``$ITEM.column`` ``$INDEX`` ``${INDEX}`` refer to the item,
``${ITEM.column.part}`` to a part of a value, ``${ITEM.column|json}`` and ``${ITEM|json}`` to its JSON text;
``$$ITEM`` is a literal ``$ITEM``. Every other ``$`` keeps its meaning for Kubernetes (``$(VAR)``) and the
shell (``$HOME``, ``$$``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from expander.base.dataclass import dataclass
from expander.base.regex import regex

PATTERN = regex(
    r"\$(?P<literal>\$(?:ITEM|INDEX)(?![A-Za-z0-9_])|\$\{(?:ITEM|INDEX)(?:[.|][^{}\n]*)?\})"
    r"|\$\{ITEM(?:\.(?P<braced>[^{}\n]*)|(?P<piped>\|[^{}\n]*))?\}"
    r"|\$ITEM(?![A-Za-z0-9_])(?:\.(?P<dotted>[A-Za-z_0-9][A-Za-z0-9_-]*))?"
    r"|\$(?P<index>INDEX(?![A-Za-z0-9_])|\{INDEX\})"
    r"|\$(?P<longer>(?:ITEM|INDEX)[A-Za-z0-9_]+|\{(?:ITEM|INDEX)[A-Za-z0-9_]+\})"
)
"""A reference, the literal text of one, or a longer name."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One use of the item in a template.

    ``column`` is the named column, or None for the item itself; ``index`` marks the position of the item
    in the batch (from 0). ``text`` is how the template wrote it.
    """

    text: str
    column: str | None = None
    index: bool = False

    @property
    def key(self) -> tuple[str | None, bool]:
        """Equal for references that always have the same value."""
        return (self.column, self.index)


@dataclass(frozen=True, slots=True)
class Scan:
    """A text taken apart: constant strings and references in order, and longer names left alone."""

    segments: tuple[str | Reference, ...]
    longer: tuple[str, ...] = ()

    @property
    def constant(self) -> bool:
        """Whether the text does not depend on the item."""
        return not any(isinstance(segment, Reference) for segment in self.segments)


def pattern_with(values: Iterable[str]) -> re.Pattern[str]:
    """The pattern of references where ``$NAME`` and ``${NAME}`` refer to ``values`` too, as for envsubst."""
    words = "|".join(map(re.escape, sorted(values, key=len, reverse=True)))
    if not words:
        return PATTERN
    own = rf"(?<!\$)\$(?:\{{(?P<value>{words})\}}|(?P<bare>{words})(?![A-Za-z0-9_]))"
    return re.compile(f"{PATTERN.pattern}|{own}")


def scan(text: str, names: Collection[str] | None = None, pattern: re.Pattern[str] = PATTERN) -> Scan:
    """Take ``text`` apart; ``names`` are the names that ``$ITEM.name`` may mean (None: plain values)."""
    if "$" not in text:
        return Scan((text,) if text else ())
    segments: list[str | Reference] = []
    longer: list[str] = []
    end = 0
    constant = ""
    for match in pattern.finditer(text):
        constant += text[end : match.start()]
        end = match.end()
        reference: Reference | None = None
        if match["literal"]:
            constant += match["literal"]
        elif match["longer"]:
            constant += match[0]
            longer.append(match[0])
        elif match["index"]:
            reference = Reference(match[0], index=True)
        elif pattern is not PATTERN and (value := match["value"] or match["bare"]):
            reference = Reference(match[0], value)
        elif match["braced"] is not None or match["piped"]:
            reference = Reference(match[0], match["piped"] or match["braced"])
        else:
            column = _column(match["dotted"], names)
            written = "$ITEM" if column is None else f"$ITEM.{column}"
            reference = Reference(written if match["dotted"] else match[0], column)
            if match["dotted"]:
                end = match.start() + len(written)
        if reference is not None:
            if constant:
                segments.append(constant)
                constant = ""
            segments.append(reference)
    constant += text[end:]
    if constant:
        segments.append(constant)
    return Scan(tuple(segments), tuple(longer))


def references(text: str) -> list[str]:
    """The references to the item in ``text``, as they are written; ``$ITEM.name`` as a whole."""
    return [match[0] for match in PATTERN.finditer(text) if not match["literal"] and not match["longer"]]


def _column(dotted: str | None, names: Collection[str] | None) -> str | None:
    """The column that ``$ITEM.dotted`` begins with: the whole word, or the part before a hyphen."""
    while dotted and names:
        if dotted in names:
            return dotted
        dotted = dotted.rpartition("-")[0]
    return None
