"""Text in Go's double quotes, as the downward API writes the values of labels and annotations (``%q``)."""

from __future__ import annotations

_SHORT = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def quoted(text: str) -> str:
    """``text`` as strconv.Quote writes it."""
    return '"' + "".join(_character(character) for character in text) + '"'


def _character(character: str) -> str:
    """One character, escaped where Go escapes it."""
    if character in _SHORT:
        return _SHORT[character]
    if character == " " or (character.isprintable() and not character.isspace()):
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
