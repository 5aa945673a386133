"""``format`` of texts (cel-go ``ext/formatting.go``)."""

from __future__ import annotations

from typing import Any, Final

from expander.base.regex import regex
from expander.kube.gofmt import general
from expander.validate.cel.functions.conversions import to_text
from expander.validate.cel.values import (
    LISTS,
    MAPS,
    CelError,
    Duration,
    Timestamp,
    Type,
    Uint,
    entries,
    lookup,
    type_name,
)

_VERB: Final = regex(r"%(?:(%)|(?:\.(\d+))?([sdfeboxX]))")
_DEFAULT_DIGITS: Final = 6


def formatted(text: str, arguments: list[Any]) -> str:
    """``text`` with ``arguments`` in place of its verbs. Raises CelError."""
    used = 0

    def written(found: Any) -> str:
        nonlocal used
        if found[1]:
            return "%"
        if used >= len(arguments):
            raise CelError(f"index {used} out of range")
        used += 1
        digits = _DEFAULT_DIGITS if found[2] is None else int(found[2])
        return _written(found[3], digits, arguments[used - 1])

    return _VERB.sub(written, text)


def _written(verb: str, digits: int, value: Any) -> str:
    kind = type(value)
    if verb == "s":
        return _plain(value)
    if verb == "d" and kind in (int, Uint, float):
        return str(int(value)) if kind is not float else general(value)
    if verb in "fe" and kind in (int, Uint, float):
        text = f"{float(value):.{digits}{verb}}"
        return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(text, text)
    if verb == "b" and kind in (int, Uint, bool):
        return format(int(value), "b")
    if verb == "o" and kind in (int, Uint):
        return format(value, "o")
    if verb in "xX":
        if kind in (int, Uint):
            return format(value, verb)
        if kind in (str, bytes):
            found: str = (value if kind is bytes else value.encode()).hex()
            return found.upper() if verb == "X" else found
    raise CelError(f"error during formatting: no formatting function for type {type_name(value)} and %{verb}")


def _plain(value: Any) -> str:
    kind = type(value)
    if kind in (str, bool, int, Uint, Timestamp, Duration):
        return to_text(value)
    if kind is float:
        text = general(value)
        return {"+Inf": "Infinity", "-Inf": "-Infinity"}.get(text, text)
    if value is None:
        return "null"
    if kind is bytes:
        return bytes(value).decode("utf-8", "replace")
    if kind is Type:
        return str(value.name)
    if kind in LISTS:
        return f"[{', '.join(map(_plain, value))}]"
    if kind in MAPS:
        parts = sorted(f"{_plain(key)}: {_plain(lookup(value, key))}" for key in entries(value))
        return f"{{{', '.join(parts)}}}"
    raise CelError(
        f"error during formatting: string clause can only be used on strings, bools, bytes, ints, "
        f"doubles, maps, lists, types, durations, and timestamps, was given {type_name(value)}"
    )
