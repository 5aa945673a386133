"""Random name endings and uids as the API server makes them."""

from __future__ import annotations

from collections.abc import Mapping
from os import urandom
from time import time_ns
from typing import Any, Final

from expander.kube.time import unix

ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
"""The letters of generated names: without vowels and look-alikes, so that no words appear."""

SUFFIX_CHARS: Final = 5
MAX_PREFIX_CHARS: Final = 58
"""Characters of ``generateName`` that are kept before the ending."""


MAX_STEP_SECONDS: Final = 60
"""How much later than its creationTimestamp, which is when the step began that made it, an object may be."""


_LETTERS: Final = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
"""The letter that each byte stands for."""


def token() -> str:
    """Five random characters."""
    return urandom(SUFFIX_CHARS).translate(_LETTERS).decode("ascii")


def safe_encoded(text: str) -> str:
    """A text, such as a number, in the letters of generated names (SafeEncodeString of apimachinery)."""
    return "".join(ALPHABET[ord(each) % len(ALPHABET)] for each in text)


def generated(prefix: str) -> str:
    """The name the API server gives an object created with ``generateName: prefix``."""
    return prefix[:MAX_PREFIX_CHARS] + token()


def new_uid() -> str:
    """The uid of a new object: a UUID of version 7, whose order in time keeps the database's index short.

    Behind the milliseconds stand their 4096ths (RFC 9562, 6.2, method 3): of two it tells which is older.
    """
    time = f"{time_ns() * 4096 // 1_000_000:015x}"
    noise = f"{int.from_bytes(urandom(8), 'big') >> 2 | 1 << 63:016x}"  # begins with the variant, binary 10
    return f"{time[:8]}-{time[8:12]}-7{time[12:]}-{noise[:4]}-{noise[4:]}"


def created_at(metadata: Mapping[str, Any]) -> float | None:
    """When an object was created (Unix seconds): as its uid tells if it is of `new_uid`, else to the second.

    None for an object that no server has created.
    """
    stamp, uid = metadata.get("creationTimestamp"), str(metadata.get("uid"))
    if not stamp:
        return None
    known = unix(stamp)
    if len(uid) == 36 and uid[14] == "7":
        found = int(uid[:8] + uid[9:13], 16) / 1000 + int(uid[15:18], 16) / 4_096_000
        if known <= found < known + MAX_STEP_SECONDS:
            return found
    return known
