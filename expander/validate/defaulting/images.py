"""The tag of a container image, as the API server reads it to choose a pull policy.

The grammar of references is that of github.com/distribution/reference.
"""

from __future__ import annotations

import re
from functools import lru_cache

WORD = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
HOST = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
DOMAIN = rf"(?:{HOST}(?:\.{HOST})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
REFERENCE = re.compile(
    rf"(?P<name>(?:{DOMAIN}/)?{WORD}(?:/{WORD})*)(?::(?P<tag>\w[\w.-]{{0,127}}))?(?:@(?P<digest>{DIGEST}))?",
    re.ASCII,
)
IDENTIFIER = re.compile(r"[a-f0-9]{64}")
LONGEST_NAME = 255
LONGEST = 4096
"""Longer than any name with tag and digest; what is longer is not looked at."""


@lru_cache(maxsize=1024)
def pull_policy(image: str) -> str:
    """``Always`` for an image whose tag is latest, written or meant; else ``IfNotPresent``."""
    return "Always" if tag(image) == "latest" else "IfNotPresent"


def tag(image: str) -> str:
    """The tag of ``image``: ``latest`` when it has neither tag nor digest, empty when it is malformed."""
    found = REFERENCE.fullmatch(image) if len(image) <= LONGEST else None
    if found is None or IDENTIFIER.fullmatch(image) or len(found["name"]) > LONGEST_NAME:
        return ""
    return found["tag"] or ("" if found["digest"] else "latest")
