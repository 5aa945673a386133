"""YAML that kubectl reads back as the same values.

Strings stay plain only where no reader in use could take them for something else; the rest is quoted.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from expander.base.regex import regex
from expander.base.written_numbers import WrittenNumber, dumps
from expander.base.yaml.scalars import resolve

_PLAIN = regex(
    r"[A-Za-z_/](?:[A-Za-z0-9_./%@+=~^$(){}\[\],;<>!&*?|'\"`\\-]|:(?! |\Z)| (?![# ]|\Z))*", re.ASCII
)
_PLAIN_FLOW = regex(r"[A-Za-z_/](?:[A-Za-z0-9_./%@+=~$()-]| (?! |\Z))*", re.ASCII)
_AMOUNT = regex(r"[0-9]+(?:\.[0-9]+)?(?:m|k|[KMGTPE]i|[MGTP])|[0-9]+(?:\.[0-9]+){2,}", re.ASCII)
_ESCAPED = regex("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_SURROGATE = regex("[\ud800-\udfff]")
_NO_UTF8 = "half of a surrogate pair cannot be written as UTF-8"
_NOT_IN_BLOCK = regex("[\0-\t\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_encode = json.JSONEncoder(ensure_ascii=False).encode
_encode_lines = json.JSONEncoder(ensure_ascii=False, separators=("\n", ":")).encode


def plain_is_string(text: str, flow: bool = False) -> bool:
    """Whether ``text`` can stand without quotes and is a string then; ``flow`` inside brackets or braces."""
    return _plain_flow(text) if flow else _plain(text)


@lru_cache(maxsize=8192)
def _plain(text: str) -> bool:
    matched = _PLAIN.fullmatch(text) or _AMOUNT.fullmatch(text)
    return matched is not None and isinstance(resolve(text), str)


@lru_cache(maxsize=8192)
def _plain_flow(text: str) -> bool:
    matched = _PLAIN_FLOW.fullmatch(text) or _AMOUNT.fullmatch(text)
    return matched is not None and isinstance(resolve(text), str)


def quoted(text: str) -> str:
    """``text`` in double quotes: valid as YAML and as JSON. ValueError for half of a surrogate pair."""
    if _SURROGATE.search(text):
        raise ValueError(_NO_UTF8)
    return _ESCAPED.sub(_escape, _encode(text))


def quoted_all(texts: Sequence[str]) -> list[str]:
    """`quoted` of each of these, at least one, in one go: JSON has no line ends in a text."""
    lines = _encode_lines(texts)[1:-1]
    if not lines.isascii() or "\x7f" in lines:
        if _SURROGATE.search(lines):
            raise ValueError(_NO_UTF8)
        lines = _ESCAPED.sub(_escape, lines)
    return lines.split("\n")


def json_text(value: Any, indent: int | None = None) -> str:
    """Any data as JSON that is YAML of the same meaning too."""
    return _ESCAPED.sub(_escape, dumps(value, ensure_ascii=False, indent=indent))


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def scalar(value: Any, flow: bool = False) -> str:
    """A scalar on one line. ValueError for NaN, infinities and half of a surrogate pair."""
    if isinstance(value, str):
        return value if plain_is_string(value, flow) else quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} has no JSON")
    plain = isinstance(value, float) and type(value) is not WrittenNumber
    text = float.__repr__(value) if plain else repr(value)
    return re.sub("[eE]", r".0\g<0>", text) if "." not in text else text  # YAML 1.1 wants the dot


def dump(value: Any) -> str:
    """A document in block style, ending in a line end; keys in their order, no separator.

    ValueError as in `scalar`.
    """
    if isinstance(value, (dict, list)) and value:
        out: list[str] = []
        _block(value, "", out.append)
        return "".join(out)
    return _inline(value, "") + "\n"


def _inline(value: Any, indent: str) -> str:
    if isinstance(value, str):
        return value if _plain(value) else _text(value, indent)
    if isinstance(value, dict):
        return "{}"
    return "[]" if isinstance(value, list) else scalar(value)


def _text(value: str, indent: str) -> str:
    """A string that is not plain: a literal block when it has lines and they survive in one."""
    if (
        "\n" not in value
        or _NOT_IN_BLOCK.search(value)
        or value.isspace()
        or value[0] in " \n"
        or " \n" in value
    ):
        return quoted(value)
    body, end = value.rstrip("\n"), len(value) - len(value.rstrip("\n"))
    if value.endswith(" "):
        return quoted(value)
    chomp = "-" if end == 0 else "" if end == 1 else "+"
    lines = [f"{indent}  {line}" if line else "" for line in body.split("\n")]
    return f"|{chomp}\n" + "\n".join(lines) + "\n" * max(end - 1, 0)


def _block(value: Any, indent: str, write: Any) -> None:
    if isinstance(value, dict):
        for key, part in value.items():
            _entry(f"{indent}{scalar(key)}:", part, indent, write)
    else:
        for part in value:
            _item(part, indent, write)


def _entry(start: str, part: Any, indent: str, write: Any) -> None:
    if isinstance(part, dict) and part:
        write(f"{start}\n")
        _block(part, f"{indent}  ", write)
    elif isinstance(part, list) and part:
        write(f"{start}\n")
        _block(part, indent, write)
    else:
        write(f"{start} {_inline(part, indent)}\n")


def _item(part: Any, indent: str, write: Any) -> None:
    if isinstance(part, dict) and part:
        start = f"{indent}- "
        for key, value in part.items():
            _entry(f"{start}{scalar(key)}:", value, f"{indent}  ", write)
            start = f"{indent}  "
    elif isinstance(part, list) and part:
        out: list[str] = []
        _block(part, f"{indent}  ", out.append)
        write(f"{indent}- {''.join(out)[len(indent) + 2 :]}")
    else:
        write(f"{indent}- {_inline(part, indent)}\n")
