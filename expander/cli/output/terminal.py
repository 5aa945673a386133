"""Standard streams that may be closed, and job output that may be hostile to a terminal."""

from __future__ import annotations

import io
import os
import re
import sys
from typing import Any, Final

from expander.base.regex import regex

_COLOUR: Final = regex(r"\x1b\[[0-9;:]*m")
_UNSAFE: Final = regex(r"\x1b\[[0-9;:]*m|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def open_closed_streams() -> None:
    """Give standard streams that are closed a descriptor, before another file gets their number.

    What is read from such an input or written to such an output fails as with a closed one (EBADF); messages
    that would go to a closed standard error are lost.
    """
    for number, flags in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_unchecked(0, "r")), "utf-8")
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(_unchecked(1, "w")), "utf-8")
    if sys.stderr is None:
        sys.stderr = io.TextIOWrapper(io.BufferedWriter(_unchecked(2, "w")), "utf-8", line_buffering=True)


def _unchecked(number: int, mode: Any) -> io.FileIO:
    return io.FileIO(number, mode, closefd=False)


def harmless(output: bytes) -> bytes:
    """Whole lines of job output for a terminal: colors stay, and end with their line; all else is visible.

    Control characters are shown as ``cat -v`` does (``^[`` for ESC), other characters that change what is
    seen as escapes.
    """
    text = output.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return output
    lines = text.split("\n")
    return "\n".join(map(_harmless_line, lines)).encode("utf-8", "backslashreplace")


def _harmless_line(line: str) -> str:
    line = line.removesuffix("\r")
    safe = _UNSAFE.sub(_visible, line)
    return f"{safe}\x1b[0m" if _COLOUR.search(safe) else safe


def _visible(match: re.Match[str]) -> str:
    found = match[0]
    if len(found) > 1:
        return found
    code = ord(found)
    if code < 0x20 or code == 0x7F:
        return "^" + chr(code ^ 0x40)
    return found.encode("unicode_escape").decode()
