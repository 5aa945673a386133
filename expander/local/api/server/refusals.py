"""Why a request is refused, as an exception that carries the Status object of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Refused(Exception):
    """The request gets this Status (see `views.statuses`) for an answer; ``headers`` go with it."""

    def __init__(self, status: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status.get("message"))
        self.status = dict(status)
        self.headers = dict(headers or {})

    @property
    def code(self) -> int:
        """The HTTP status code."""
        return int(self.status["code"])
