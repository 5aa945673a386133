"""A JSON text that is decoded value by value while it is read.

The window holds one value and the rest of the last block, so a text of any length takes the memory
of its largest value.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import BinaryIO, NoReturn

from expander.base.errors import InputError, Position
from expander.items.blocks import LONGEST_RECORD, chunks, not_utf8, too_long
from expander.items.item import Scalar, Value
from expander.items.json_values import DECODER, as_item_value, check, malformed

_BLANK = re.compile(r"[ \t\n\r]*")
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
            problem = malformed(error, Position(self._source, self.line)).problems[0]
            self.fail(problem.message, item=f"item {number}")
        self._move(end)
        return as_item_value(value, Position(self._source, self.line), number)

    def fail(self, message: str, hint: str | None = None, item: str | None = None) -> NoReturn:
        """Raise InputError for the place the window is at."""
        raise InputError(message, where=Position(self._source, self._line), hint=hint, item=item)

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
        message = "the text ends inside a value" if at_end else f"not JSON: {error.msg}"
        raise InputError(message, where=Position(self._source, line), item=f"item {number}") from error

    def _move(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _grow(self) -> bool:
        """Drop what was read and double the rest; False, with nothing changed, at the end."""
        held = len(self._text) - self._at
        if held > LONGEST_RECORD:
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
