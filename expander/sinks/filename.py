"""Names that a file in the folder may have, and when two of them would be one file somewhere.

The rules are those of file systems (a path component of at most 255 bytes without ``/`` and NUL), made
stricter: names with a leading dot are kept for the index and for temporary files.
"""

from __future__ import annotations

import os
import re
from unicodedata import normalize

from expander.base.errors import OutputError

LONGEST = 255
"""Bytes, in the encoding of the file system."""

_plain = re.compile(rf"[a-z0-9_-][a-z0-9._-]{{0,{LONGEST - 1}}}").fullmatch


def key_of(name: str) -> str:
    """The name as a file system sees it that ignores case and Unicode form: two files need two keys.

    Raises OutputError for a name that no file of the folder may have.
    """
    if _plain(name):
        return name
    problem = _problem(name)
    if problem is not None:
        shown = name if len(name) <= 60 else f"{name[:60]}..."
        raise OutputError(f"{shown!r} cannot be the name of a file: {problem}")
    return normalize("NFC", normalize("NFC", name).casefold())


def _problem(name: str) -> str | None:
    if not name:
        return "it is empty"
    if "/" in name:
        return "it has a /, and all files are put into one folder"
    if "\0" in name:
        return "it has a NUL character"
    if name.startswith("."):
        return "it begins with a dot; such names are kept for the index and for what must stay hidden"
    try:
        length = len(os.fsencode(name))
    except UnicodeEncodeError:
        return "it has a character that the file system's encoding lacks"
    return f"it has {length} bytes; at most {LONGEST} are possible" if length > LONGEST else None
