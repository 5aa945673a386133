"""Hashes of names and of small texts, without the load of OpenSSL: that takes as long as twenty modules.

BLAKE2 of `hashlib` is Python's own anyway; its SHA-256 is OpenSSL's, which is worth it for what is large.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import blake2b, blake2s, sha256
else:
    try:
        from _blake2 import blake2b, blake2s

        try:
            from _sha2 import sha256
        except ImportError:  # Python 3.11
            from _sha256 import sha256
    except ImportError:  # another Python has other modules
        from hashlib import blake2b, blake2s, sha256

__all__ = ["blake2b", "blake2s", "sha256"]
