"""KYAML, the form of YAML that ``kubectl -o kyaml`` prints: braces, and quotes around every text.

Nothing in it can be taken for something else, and indentation means nothing. kubectl 1.37 prints the same,
but for a line that begins with a space that has no width of its own: there it prints another text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from expander.base.regex import regex

_STEP: Final = "  "
_ESCAPES: Final = {
    **{'"': '\\"', "\\": "\\\\", "\0": "\\0", "\a": "\\a", "\b": "\\b", "\v": "\\v", "\f": "\\f"},
    **{"\r": "\\r", "\x1b": "\\e", "\x85": "\\N", "\xa0": "\\_", "\u2028": "\\L", "\u2029": "\\P"},
}
_WORDS: Final = frozenset("y n t f yes no on off true false null inf infinity nan".split())
"""Keys that some reader takes for something else, in any case of letters."""
_key = regex(r"\w(?:[\w./-]*\w)?").fullmatch
_number = regex(
    r"0x[0-9a-f]+|0b[01]+|0o[0-7]+|[0-9]+\.?(?:e[-+]?[0-9]+)?|[0-9]*\.[0-9]+(?:e[-+]?[0-9]+)?"
).fullmatch
_date = regex(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}").fullmatch
_plain = regex(r"[ !#-\[\]-~]*").fullmatch


def kyaml(value: Any) -> str:
    """A document of JSON data with its separator, ending in a line end; keys in their order.

    ValueError for NaN, infinities and half of a surrogate pair.
    """
    return f"---\n{_value(value, '')}\n"


def _value(value: Any, indent: str) -> str:
    if isinstance(value, str):
        return _text(value, indent)
    if isinstance(value, Mapping):
        return _mapping(value, indent)
    if isinstance(value, list):
        return _list(value, indent)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _float(value) if isinstance(value, float) else str(value)


def _mapping(value: Mapping[str, Any], indent: str) -> str:
    if not value:
        return "{}"
    inner = indent + _STEP
    fields = "".join(f"{inner}{_name(key)}: {_value(part, inner)},\n" for key, part in value.items())
    return f"{{\n{fields}{indent}}}"


def _list(value: list[Any], indent: str) -> str:
    if not value:
        return "[]"
    if all(isinstance(part, Mapping | list) for part in value):
        return f"[{', '.join(_value(part, indent) for part in value)}]"
    inner = indent + _STEP
    return "[\n" + "".join(f"{inner}{_value(part, inner)},\n" for part in value) + f"{indent}]"


def _name(key: str) -> str:
    if _key(key):
        text = key.lower().replace("_", "")
        if text not in _WORDS and not _number(text) and not _date(text):
            return key
    return f'"{_escaped(key).replace(chr(9), chr(92) + "t").replace(chr(10), chr(92) + "n")}"'


def _text(value: str, indent: str) -> str:
    """A text on one line; one of several has each on a line of its own, which is joined to the next."""
    if "\n" not in value:
        return f'"{value if _plain(value) else _escaped(value)}"'
    lines = value.split("\n")
    ended = [f"{line}\\n\\" for line in map(_escaped, lines[:-1])]
    if lines[-1]:
        ended.append(f"{_escaped(lines[-1])}\\")
    inner = indent + _STEP
    shown = (f"{inner}\\{line}" if line[0] in " \t" else f"{inner} {line}" for line in ended)
    return '"\\\n' + "\n".join(shown) + f'\n{inner}"'


def _escaped(text: str) -> str:
    return "".join([char if char.isprintable() and char not in '"\\' else _escape(char) for char in text])


def _escape(char: str) -> str:
    if char in _ESCAPES or char in "\t\n":
        return _ESCAPES.get(char, char)
    code = ord(char)
    if 0xD800 <= code <= 0xDFFF:
        raise ValueError("half of a surrogate pair cannot be written as UTF-8")
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _float(value: float) -> str:
    """A number as JSON of Go has it."""
    if not math.isfinite(value):
        raise ValueError(f"{value} has no JSON")
    if value and not 1e-6 <= abs(value) < 1e21:
        head, _, power = repr(value).partition("e")
        return f"{head}e{power[0]}{power[1:].lstrip('0')}"
    text = repr(value)
    if "e" in text:
        from decimal import Decimal

        text = format(Decimal(text), "f")
    return text.removesuffix(".0")
