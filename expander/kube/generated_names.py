"""Random name endings and uids as the API server makes them."""

from __future__ import annotations

from os import urandom
from time import time_ns
from typing import Final

ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
"""The letters of generated names: without vowels and look-alikes, so that no words appear."""

SUFFIX_CHARS: Final = 5
MAX_PREFIX_CHARS: Final = 58
"""Characters of ``generateName`` that are kept before the ending."""


def token() -> str:
    """Five random characters."""
    return "".join([ALPHABET[byte % len(ALPHABET)] for byte in urandom(SUFFIX_CHARS)])


def generated(prefix: str) -> str:
    """The name the API server gives an object created with ``generateName: prefix``."""
    return prefix[:MAX_PREFIX_CHARS] + token()


def new_uid() -> str:
    """The uid of a new object: a UUID of version 7, whose order in time keeps the database's index short."""
    time, noise = f"{time_ns() // 1_000_000:012x}", urandom(10).hex()
    variant = "89ab"[int(noise[18], 16) & 3]
    return f"{time[:8]}-{time[8:]}-7{noise[:3]}-{variant}{noise[3:6]}-{noise[6:18]}"
