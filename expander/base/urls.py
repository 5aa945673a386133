"""URLs in messages: user, password, query and fragment of one may be secrets."""

from __future__ import annotations

from typing import Final

from expander.base.regex import regex

AFTER_PATH: Final = regex(r"[?#]")
"""Begins what comes after the path."""

_LINK: Final = regex(r"::(?=[A-Za-z][A-Za-z0-9+.-]+(?:::|://))")
"""Between two URLs of a chain."""


def links_of(url: str) -> list[str]:
    """The URLs of a chain, which ``::`` connects; it may also stand in a password or query."""
    return _LINK.split(url)


def without_credentials(text: str) -> str:
    """``text`` for messages: as it is, unless it is a URL, a chain of them, or resembles one.

    Of a URL that is on one line, whatever it has.
    """
    if "://" not in text:
        return text
    words = "::".join(map(_without_credentials, links_of(text)))
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in words)


def _without_credentials(link: str) -> str:
    """A URL without user, password, query and fragment; without all when it is not clear what these are."""
    scheme, colon, rest = link.partition("://")
    if not colon:
        return link
    authority, slash, path = rest.partition("/")
    user, _, server = authority.rpartition("@")
    if user and AFTER_PATH.search(authority):
        return f"{scheme}://..."
    return f"{scheme}://{AFTER_PATH.split(f'{server}{slash}{path}')[0]}"
