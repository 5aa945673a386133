"""Requests as bytes: what is the same for all that are made with the same credentials is made once."""

from __future__ import annotations

import time
from typing import Final

from expander.base.errors import InputError
from expander.cluster.access import Access
from expander.cluster.connection import Endpoint

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
"""What a body is unless it is told: that of a PATCH, and any other."""


class Session:
    """An endpoint, and what is shown to it. ``since`` is when the credentials were read, on `time.monotonic`.

    Raises InputError when the credentials cannot be had.
    """

    def __init__(self, access: Access, endpoint: Endpoint) -> None:
        self.access = access
        self.endpoint = endpoint
        self.since = time.monotonic()
        shown = access.authorization()
        headers = [("Authorization", shown)] if shown else []
        headers += [*access.impersonation, ("Accept", JSON), ("User-Agent", "expander")]
        if any("\r" in value or "\n" in value for _, value in headers):
            raise InputError("the credentials have a line break in them")
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        self._head = f" HTTP/1.1\r\n{endpoint.head}{lines}".encode()

    def request(
        self, method: str, path: str, body: bytes | None = None, content_type: str | None = None
    ) -> bytes:
        """A whole request. A ``body`` is JSON, or a merge patch of a PATCH, unless ``content_type`` tells."""
        first = f"{method} {self.endpoint.prefix}{path}".encode()
        if body is None:
            return first + self._head + b"\r\n"
        kind = content_type or (MERGE_PATCH if method == "PATCH" else JSON)
        about = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        return first + self._head + about + body
