"""What is no name of an image: ParseNormalizedNamed of distribution/reference, which kubelets use."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from expander.base.regex import regex

_PART: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN: Final = rf"(?:{_PART}(?:\.{_PART})*|\[[A-Fa-f0-9:]+\])(?::[0-9]+)?"
_WORD: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DIGEST: Final = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_TAG: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_matches = regex(rf"(?P<name>{_DOMAIN}/{_WORD}(?:/{_WORD})*)(?::{_TAG})?(?:@(?P<digest>{_DIGEST}))?")
_is_id = regex(r"[a-f0-9]{64}")

MAX_NAME: Final = 255
DIGESTS: Final = {"sha256": 64, "sha384": 96, "sha512": 128}
"""Hexadecimal digits of a digest, by its algorithm."""


@lru_cache(maxsize=1024)
def image_name_error(image: str) -> str | None:
    """Why a text is no name of an image, in the words of that library; None if it is one."""
    if _is_id.fullmatch(image):
        return f"invalid repository name ({image}), cannot specify 64-byte hexadecimal strings"
    domain, slash, rest = image.partition("/")
    is_domain = "." in domain or ":" in domain or domain == "localhost" or domain.lower() != domain
    if not (slash and is_domain):
        domain, rest = "docker.io", image
    if domain in ("docker.io", "index.docker.io") and "/" not in rest:
        rest = f"library/{rest}"
    repository = rest.partition(":")[0]
    if repository.lower() != repository:
        return f"invalid reference format: repository name ({repository}) must be lowercase"
    found = _matches.fullmatch(f"{domain}/{rest}")
    if found is None:
        return "invalid reference format"
    if len(found["name"].partition("/")[2]) > MAX_NAME:
        return f"repository name must not be more than {MAX_NAME} characters"
    algorithm, _, digits = (found["digest"] or "").partition(":")
    if algorithm and algorithm not in DIGESTS:
        return "unsupported digest algorithm"
    if algorithm and len(digits) != DIGESTS[algorithm]:
        return "invalid checksum digest length"
    return "invalid checksum digest format" if digits.lower() != digits else None
