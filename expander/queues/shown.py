"""What of a broker's URL may be shown."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("@")[2] or "..."
    if "@" not in parts.netloc:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, f"{user.partition(':')[0]}@{host}", parts.path, "", ""))


def has_password(url: str) -> bool:
    """Whether the URL has something in it that may not be shown."""
    return without_password(url) != url or "password=" in url
