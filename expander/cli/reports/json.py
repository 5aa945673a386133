"""One JSON object per line and document."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from expander.batch.validation import Validation, Verdict


class JsonReport:
    """JSON Lines; the summary goes to standard error with the other messages."""

    def __init__(self, put: Callable[[str], None]) -> None:
        self._put = put

    def add(self, verdict: Verdict) -> None:
        self._put(json.dumps(verdict.as_json()) + "\n")

    def finish(self, validation: Validation) -> None:
        from expander.cli.messages import say

        for advice in validation.batch_warnings:
            say(f"batch: warning: {advice}")
