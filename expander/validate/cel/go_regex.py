r"""Regular expressions of Go (RE2 syntax) for Python's ``re``.

What differs is rewritten: ``$`` is the end of the text, ``\s`` has no vertical tab, POSIX classes and
``\p{..}`` are spelt out, flags count from where they stand.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Final

from expander.validate.cel.linear_regex import Automaton, TooLargeError, longest_text

_POSIX: Final = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_SPACE: Final = r"\t\n\f\r "
_REPEAT: Final = re.compile(r"\{\d+(?:,\d*)?\}")
_FLAGS: Final = re.compile(r"\(\?([ims]*)(?:-([ims]+))?([:)])")
_UNGREEDY: Final = re.compile(r"\(\?[imsU-]*U[imsU-]*[:)]")
_PROPERTY: Final = re.compile(r"\\([pP])(?:\{(\^?)(\w+)\}|(\w))")
_LONG_HEX: Final = re.compile(r"\\x\{([0-9A-Fa-f]+)\}")


class UntranslatedError(ValueError):
    """An expression that Go may well have, and Python has not."""


class Expression:
    """An expression of Go, searched in a time that grows with the text, as there."""

    def __init__(self, expression: str) -> None:
        """``expression`` is in Python's syntax."""
        self._expression = expression
        self._pattern = re.compile(expression, re.ASCII)
        self._longest = longest_text(expression)
        self._automaton: Automaton | None = None

    def search(self, text: str) -> bool:
        """Whether the expression matches somewhere in ``text``."""
        if len(text) <= self._longest:
            return self._pattern.search(text) is not None
        if self._automaton is None:
            self._automaton = Automaton(self._expression)
        return self._automaton.search(text)

    def found(self, text: str) -> list[str]:
        """The parts of ``text`` that match. Raises UntranslatedError where finding them could take long."""
        if len(text) > self._longest and self.search(text):
            raise UntranslatedError(f"regular expression {self._expression!r}: too slow to find what matches")
        return [each[0] for each in self._pattern.finditer(text)] if len(text) <= self._longest else []


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> Expression:
    """The expression of a pattern. Raises UntranslatedError, and ValueError for what Go refuses too."""
    try:
        return Expression("".join(_Translation(pattern).text()))
    except (OverflowError, RecursionError, TooLargeError) as error:
        raise UntranslatedError(f"regular expression {pattern!r}: {error}") from None
    except (re.error, IndexError) as error:
        raise ValueError(f"regular expression {pattern!r}: {error}") from None


class _Translation:
    """One pass over an expression."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.open: list[list[str]] = [[]]  # the flags switched on in each group that is open
        self.multiline = False

    def text(self) -> Iterator[str]:
        """The parts of the translated expression."""
        pattern = self.pattern
        while self.at < len(pattern):
            character = pattern[self.at]
            if character == "\\":
                yield self._escape(in_class=False)
            elif character == "[":
                yield self._class()
            elif character == "(":
                yield self._group()
            else:
                self.at += 1
                yield self._plain(character)
        yield ")" * len(self.open[-1])

    def _plain(self, character: str) -> str:
        flags = self.open[-1]
        if character == "$":
            return "$" if self.multiline else r"\Z"
        if character == ")":
            self.open.pop()
            return ")" * len(flags) + ")"
        if character == "|" and flags:
            return ")" * len(flags) + "|" + "".join(flags)
        if character == "{":
            self.at -= 1
            found = _REPEAT.match(self.pattern, self.at)
            self.at = found.end() if found else self.at + 1
            return found[0] if found else r"\{"
        if character == "+" and self.pattern[self.at - 2 : self.at - 1] in ("+", "*", "?"):
            raise ValueError(f"regular expression {self.pattern!r}: invalid nested repetition operator")
        return character

    def _group(self) -> str:
        pattern, at = self.pattern, self.at
        if found := _FLAGS.match(pattern, at):
            self.at = found.end()
            self.multiline = self.multiline or "m" in found[1]
            opening = f"(?{found[1]}{'-' + found[2] if found[2] else ''}:"
            if found[3] == ":":
                self.open.append([])
                return opening
            self.open[-1].append(opening)
            return opening
        self.open.append([])
        if pattern.startswith("(?<", at) and pattern[at + 3 : at + 4] not in ("=", "!"):
            self.at += 3
            return "(?P<"
        if _UNGREEDY.match(pattern, at):
            raise UntranslatedError(f"regular expression {pattern!r}: the flag U is not supported")
        if pattern.startswith("(?", at) and not pattern.startswith("(?P<", at):
            raise ValueError(f"regular expression {pattern!r}: invalid or unsupported Perl syntax")
        self.at += 1
        return "("

    def _escape(self, *, in_class: bool) -> str:
        pattern, at = self.pattern, self.at
        if found := _PROPERTY.match(pattern, at):
            self.at = found.end()
            negated = (found[1] == "P") != (found[2] == "^")
            ranges = _category(found[3] or found[4], negated)
            return ranges if in_class else f"[{ranges}]"
        if found := _LONG_HEX.match(pattern, at):
            self.at = found.end()
            return re.escape(chr(int(found[1], 16)))
        following = pattern[at + 1]
        if following == "Q" and not in_class:
            end = pattern.find(r"\E", at)
            self.at = len(pattern) if end < 0 else end + 2
            return re.escape(pattern[at + 2 : len(pattern) if end < 0 else end])
        self.at += 2
        if following == "z":
            return r"\Z"
        if following == "s" or (following == "S" and not in_class):
            space = _SPACE if following == "s" else f"^{_SPACE}"
            return space if in_class else f"[{space}]"
        if (
            following == "C"
            or following in "Z"
            or (following.isdigit() and following != "0" and not in_class)
        ):
            raise ValueError(f"regular expression {pattern!r}: invalid escape sequence \\{following}")
        return "\\" + following

    def _class(self) -> str:
        pattern = self.pattern
        self.at += 1
        parts = ["["]
        if pattern.startswith("^", self.at):
            parts.append("^")
            self.at += 1
        if pattern.startswith("]", self.at):
            parts.append(r"\]")
            self.at += 1
        while pattern[self.at] != "]":
            character = pattern[self.at]
            end = pattern.find(":]", self.at) if pattern.startswith("[:", self.at) else -1
            if end > 0:
                name = pattern[self.at + 2 : end]
                parts.append(_posix(name))
                self.at = end + 2
            elif character == "\\":
                parts.append(self._escape(in_class=True))
            else:
                is_end = character == "-" and parts[-1] == "-"  # the end of a range
                parts.append("\\" + character if character in "[&|~" or is_end else character)
                self.at += 1
        self.at += 1
        return "".join([*parts, "]"])


def _posix(name: str) -> str:
    if name.startswith("^"):
        return _without(re.compile(f"[{_POSIX[name[1:]]}]"))
    if name not in _POSIX:
        raise ValueError(f"invalid character class range [:{name}:]")
    return _POSIX[name]


@cache
def _category(name: str, negated: bool) -> str:
    """The characters of a Unicode category as the inside of a class."""
    known = {unicodedata.category(chr(code)) for code in range(0x3000)} | {"Co", "Cs"}
    if name not in known and name not in {each[0] for each in known}:
        raise UntranslatedError(f"the character class {name} is not supported")
    return _ranges(lambda text: unicodedata.category(text).startswith(name) is not negated)


def _without(pattern: re.Pattern[str]) -> str:
    return _ranges(lambda text: not pattern.match(text))


def _ranges(wanted: object) -> str:
    """The characters that ``wanted`` takes, as the inside of a class."""
    assert callable(wanted)
    parts, first = [], -1
    for code in range(sys.maxunicode + 2):
        inside = code <= sys.maxunicode and wanted(chr(code))
        if inside and first < 0:
            first = code
        elif not inside and first >= 0:
            parts.append(f"\\U{first:08x}-\\U{code - 1:08x}")
            first = -1
    return "".join(parts)
