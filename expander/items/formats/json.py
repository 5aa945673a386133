"""Items from JSON (an array read element by element, or one object) and from JSON Lines.

Text is decoded value by value while it is read, so memory is that of the largest value. orjson reads most
lines when it is installed; where it would differ from Python's decoder (large integers, ``1.10``,
repeated keys) or fails, Python's decoder reads the line: results and errors are the same with and without it.
"""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import BinaryIO, NoReturn

from expander.base.errors import InputError, SourceLocation
from expander.base.regex import regex
from expander.base.written_numbers import integer, real
from expander.items.formats.text import MAX_RECORD_BYTES, blocks, chunks, not_utf8, too_long
from expander.items.item import MAX_DEPTH, Item, Scalar, Value, why_invalid


class RefusedError(ValueError):
    """JSON that Python's decoder would take and that cannot stand in a manifest."""


def _pairs(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    columns = dict(pairs)
    if len(columns) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RefusedError(f"the key {twice!r} appears twice in one object")
    return columns


def _float(text: str) -> float:
    number = real(text)
    if math.isinf(number):
        raise RefusedError(f"the number {text} is too large")
    return number


def _constant(text: str) -> NoReturn:
    raise RefusedError(f"{text} is not valid JSON")


DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_float=_float, parse_int=integer, parse_constant=_constant
)
"""Python's decoder, made to keep the text of numbers, and to refuse repeated keys, NaN, Infinity."""


def decode(raw: bytes, where: SourceLocation) -> Value:
    """The value of one JSON text. Raises InputError with the column of what is wrong."""
    try:
        text = raw.decode()
        value: Value = DECODER.decode(text)
        check(value, text, 0, len(text))
    except (ValueError, RecursionError) as error:
        raise malformed(error, where) from error
    return value


def check(value: Value, text: str, start: int, end: int) -> None:
    """Raise RefusedError if ``value`` has lone surrogates or too many levels.

    ``text[start:end]`` is how it is written, which tells at once that most values have neither.
    """
    deep = text.count("[", start, end) + text.count("{", start, end) > MAX_DEPTH
    if (deep or text.find("\\u", start, end) >= 0) and (wrong := why_invalid(value)):
        raise RefusedError(f"found {wrong}")


def malformed(error: ValueError | RecursionError, where: SourceLocation) -> InputError:
    """The InputError for a decoder's exception on a text that is one line at ``where``."""
    if isinstance(error, json.JSONDecodeError):
        message = "more than one JSON value" if error.msg == "Extra data" else f"not valid JSON: {error.msg}"
        return InputError(message, where=where._replace(column=error.colno))
    if isinstance(error, RecursionError):
        return InputError(f"found more than {MAX_DEPTH} levels of nesting", where=where)
    if isinstance(error, (RefusedError, UnicodeDecodeError)):
        return InputError(str(error), where=where)
    return InputError("a number has too many digits", where=where)


def as_item_value(value: Value, where: SourceLocation, number: int) -> Scalar | dict[str, Value]:
    """``value`` if it can be an item. Raises InputError for a list."""
    if isinstance(value, list):
        raise InputError(
            "found a list, expected a plain value or an object with columns",
            where=where,
            item=f"item {number}",
        )
    return value


_ODD = (
    rb"-0(?![.0-9])",
    rb"\.[0-9]+0(?![0-9])",
    rb"0\.0000",
    rb"[0-9.]{17}",
    rb"e(?<=[0-9]e)[-+0-9]",
    rb"E(?<=[0-9]E)[-+0-9]",
)
_ODD_NUMBER = regex(b"|".join(_ODD))
"""Matches each number that Python may write in another way, and integers too large for orjson."""
_ODD_NUMBERS = [regex(each) for each in _ODD]
"""The same one by one, which finds none in a block sooner."""
_KEY = regex(rb'"\s*:')
"""Matches once for each key as written, and possibly inside strings."""
_UNSURE = object()


def read_json_lines(stream: BinaryIO, source: str) -> Iterator[Item]:
    """One item per line: an object gives columns, a scalar a plain value; types are kept.

    Empty lines are skipped. Raises InputError for a line that is not one JSON value, for a list, for
    a key that appears twice, and for NaN and Infinity.
    """
    loads = _loads()
    number = 0
    line = 0
    for block in blocks(stream, source):
        odd = loads is not None and any(each.search(block) for each in _ODD_NUMBERS)
        for raw in block.removesuffix(b"\n").split(b"\n"):
            line += 1
            if not raw or raw.isspace():
                continue
            number += 1
            value = _UNSURE if loads is None or (odd and _ODD_NUMBER.search(raw)) else loads(raw)
            if value is _UNSURE:
                value = _decode(raw, source, line, number)
            if isinstance(value, list):
                as_item_value(value, SourceLocation(source, line), number)
            yield Item(value, number, source, line)  # type: ignore[arg-type]


def _decode(raw: bytes, source: str, line: int, number: int) -> Value:
    try:
        return decode(raw, SourceLocation(source, line))
    except InputError as error:
        if isinstance(error.__cause__, UnicodeDecodeError):
            not_utf8(error.__cause__, source, line)
        problem = replace(error.problems[0], item=f"item {number}")
        raise InputError(problem) from error.__cause__


def _loads() -> Callable[[bytes], object] | None:
    """A decoder that answers like Python's or gives _UNSURE; None without orjson."""
    try:
        from orjson import loads
    except ImportError:
        return None

    def checked(raw: bytes) -> object:
        if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
            return _UNSURE
        try:
            value = loads(raw)
        except ValueError:
            return _UNSURE
        one_key_per_colon = isinstance(value, dict) and raw.count(b":") == len(value)
        return value if one_key_per_colon or len(_KEY.findall(raw)) == _keys(value) else _UNSURE

    return checked


def _keys(value: object) -> int:
    """How many keys the objects in ``value`` have; fewer than were written if some were repeated."""
    if isinstance(value, dict):
        return len(value) + sum(_keys(part) for part in value.values() if isinstance(part, (dict, list)))
    if isinstance(value, list):
        return sum(_keys(part) for part in value)
    return 0


_BLANK = regex(r"[ \t\n\r]*")
_CUT_SHORT = 16
"""A literal, number or escape that the window cuts in two is reported within this many characters
of its end; an error further from the end is an error whatever follows."""
_CUT_NUMBER = 3
"""A number cut inside ``e+`` or after its point ends less than this before the window does."""


class JsonWindow:
    """The part of the text that is in memory; ``line`` is where the last value started."""

    def __init__(self, stream: BinaryIO, source: str) -> None:
        self._source = source
        self._texts = _decoded(stream, source)
        self._text = ""
        self._at = 0
        self._line = 1
        self._complete = False
        self.line = 1

    def peek(self) -> str:
        """The next character that is not blank, or '' at the end."""
        while True:
            match = _BLANK.match(self._text, self._at)
            assert match is not None
            self._move(match.end())
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._grow():
                return ""

    def skip(self) -> None:
        """Go past the character that `peek` gave."""
        self._at += 1

    def expect(self, character: str, other: str) -> None:
        """Go past ``character``. Raises InputError, which also speaks of ``other``, if it is not next."""
        found = self.peek()
        if found != character:
            shown = repr(found) if found else "the end of the text"
            self.fail(f"found {shown}, expected {character!r} or {other}")
        self.skip()

    def value(self, number: int) -> Scalar | dict[str, Value]:
        """The value at the next character that is not blank, as item ``number``."""
        self.peek()
        self.line = self._line
        try:
            value, end = self._decoded()
            check(value, self._text, self._at, end)
        except json.JSONDecodeError as error:
            self._malformed(error, number)
        except (ValueError, RecursionError) as error:
            problem = malformed(error, SourceLocation(self._source, self.line)).problems[0]
            self.fail(problem.message, item=f"item {number}")
        self._move(end)
        return as_item_value(value, SourceLocation(self._source, self.line), number)

    def fail(self, message: str, hint: str | None = None, item: str | None = None) -> NoReturn:
        """Raise InputError for the place the window is at."""
        raise InputError(message, where=SourceLocation(self._source, self._line), hint=hint, item=item)

    def _decoded(self) -> tuple[Value, int]:
        """The value at the window's place and where it ends; more is read until it is whole."""
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - _CUT_SHORT
                if not cut or not self._grow():
                    raise
            else:
                if end + _CUT_NUMBER <= len(self._text) or not self._grow():
                    return value, end

    def _malformed(self, error: json.JSONDecodeError, number: int) -> NoReturn:
        line = self._line + self._text.count("\n", self._at, error.pos)
        at_end = self._complete and error.pos >= len(self._text.rstrip())
        message = "the text ends inside a value" if at_end else f"not valid JSON: {error.msg}"
        raise InputError(message, where=SourceLocation(self._source, line), item=f"item {number}") from error

    def _move(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _grow(self) -> bool:
        """Drop what was read and double the rest; False, with nothing changed, at the end."""
        held = len(self._text) - self._at
        if held > MAX_RECORD_BYTES:
            raise too_long(self._source, self._line)
        parts: list[str] = []
        wanted = held
        while wanted >= 0 and (text := next(self._texts, "")):
            parts.append(text)
            wanted -= len(text)
        if not parts:
            self._complete = True
            return False
        self._text = "".join((self._text[self._at :], *parts))
        self._at = 0
        return True


def _decoded(stream: BinaryIO, source: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    for chunk in chunks(stream, source):
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError as error:
            not_utf8(error, source, line)
        line += chunk.count(b"\n")
        if text:
            yield text
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        not_utf8(error, source, line)


def read_json(stream: BinaryIO, source: str) -> Iterator[Item]:
    """The elements of a JSON array as items, or a single object as one item; types are kept.

    ``line`` of an item is where its element starts. Raises InputError for text that is not JSON
    (items before the mistake have been yielded by then), for an element that is a list, for a key
    that appears twice in an object, and for NaN and Infinity.
    """
    window = JsonWindow(stream, source)
    start = window.peek()
    if start == "{":
        yield Item(window.value(1), 1, source, window.line)
    elif start == "[":
        window.skip()
        for number in count(1) if window.peek() != "]" else ():
            yield Item(window.value(number), number, source, window.line)
            if window.peek() == "]":
                break
            window.expect(",", "']'")
        window.skip()
    else:
        window.fail("expected an array [...] or an object {...}", "for one value per line use jsonl:PATH")
    if window.peek():
        window.fail("more text after the end of the JSON document", "for one value per line use jsonl:PATH")
