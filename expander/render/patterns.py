"""Which values may be copied into a manifest's text as they are.

For each slot of a hole a regular expression of harmless values: the naming rule leaves them alone,
the field's type takes them, YAML reads them back as this string in the hole's style, JSON needs no
escape, and the shell sees one word. The expressions are narrower than the rules they stand for: a
value outside them is not wrong, it only takes the exact way through `Hole.value`.
"""

from __future__ import annotations

from expander.base.yaml import plain_is_string
from expander.kube.schemas import FieldType
from expander.manifests.names import NameRule
from expander.render.hole import Hole, Style

_END = r"(?![\s\S])"
_NO_ESCAPES = r"[ !#-\[\]-~]*"  # printable ASCII that JSON and double-quoted YAML write alike
_LITERAL = r"[!#-\[\]-~][ !#-\[\]-~]*"
_PLAIN = r"[A-Za-z0-9_./-]*"
_NOT_A_WORD = rf"(?=[A-Za-z])(?!(?i:y|n|yes|no|on|off|true|false|null){_END})"
_INTEGER_TEXT = r"0|[1-9][0-9]{0,8}"
_TEXTS = frozenset((FieldType.STRING, FieldType.QUANTITY, FieldType.TIME, FieldType.MISSING))


def safe_patterns(hole: Hole) -> dict[int, str] | None:
    """Slot -> expression of the values that may be copied, or None when none may be."""
    if hole.is_key:
        return None
    slots = set(hole.slots)
    if hole.whole and hole.type in (FieldType.INT32, FieldType.INT64):
        return {hole.slots[0]: _INTEGER_TEXT}
    if hole.rule is None and hole.type not in _TEXTS and (hole.whole or hole.type is not FieldType.ANY):
        return None
    wanted: list[str] = []
    if hole.rule is not None:
        pattern = _of_rule(hole, hole.rule)
        if pattern is None:
            return None
        wanted.append(pattern)
    if hole.style is Style.PLAIN:
        pattern = _of_plain(hole)
        if pattern is None:
            return None
        wanted.append(pattern)
    elif hole.style is Style.LITERAL:
        wanted.append(_LITERAL)
    elif hole.rule is None:
        wanted.append(_NO_ESCAPES)
    patterns = {slot: list(wanted) for slot in slots}
    for slot, context in zip(hole.slots, hole.contexts, strict=bool(hole.contexts)):
        patterns[slot].append(context.pattern)
    return {slot: all_of(found) for slot, found in patterns.items()}


def all_of(patterns: list[str]) -> str:
    """One expression for what all of ``patterns`` match in full."""
    distinct = list(dict.fromkeys(patterns))
    return "".join(rf"(?=(?:{pattern}){_END})" for pattern in distinct[:-1]) + f"(?:{distinct[-1]})"


def _of_rule(hole: Hole, rule: NameRule) -> str | None:
    constant = "".join(part if isinstance(part, str) else "a" for part in hole.segments)
    if not rule.accepts(constant):
        return None
    room = (rule.limit - len(constant)) // len(hole.slots) + 1
    if room < 3:
        return None
    letters = "a-z0-9" if rule.lower else "A-Za-z0-9"
    inner = letters if rule.lower else f"{letters}_."
    return rf"[{letters}](?:[-{inner}]{{0,{room - 2}}}[{letters}])?"


def _of_plain(hole: Hole) -> str | None:
    sample = "".join(part if isinstance(part, str) else "a./-_0" for part in hole.segments)
    first = hole.segments[0]
    if isinstance(first, int):
        return _NOT_A_WORD + _PLAIN if plain_is_string(sample, hole.flow) else None
    decided = first[0].isascii() and first[0].isalpha() and (len(first) > 5 or not first.isalpha())
    return _PLAIN if decided and plain_is_string(sample, hole.flow) else None
