"""Outcomes for machines: a JSON object a line for each item, and a last one with the sums."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from expander.base.errors import ItemError
from expander.cli.messages import Output


class OutcomeLines:
    """Prints the lines as outcomes become known; `counts` are those printed so far, by outcome."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self.counts: Counter[str] = Counter()

    def put(
        self,
        name: str | None,
        namespace: str | None,
        item: str | None,
        outcome: str,
        *,
        reason: str = "",
        attempts: int = 0,
        message: str = "",
    ) -> None:
        """One item. ``item`` is its raw value, None for an object that came from none."""
        self.counts[outcome] += 1
        line: dict[str, Any] = {"name": name, "namespace": namespace, "item": item, "outcome": outcome}
        line |= {"reason": reason, "attempts": attempts}
        self._line(line | ({"message": message} if message else {}))

    def invalid(self, error: ItemError) -> None:
        """An item that became no object, or one that cannot be sent; its name is not known for sure."""
        item = next((problem.item for problem in error.problems if problem.item), None)
        self.put(None, None, item, "refused", reason=error.reason, message=str(error))

    def finish(self, *, interrupted: bool = False, counts: Mapping[str, int] | None = None) -> None:
        """The last line; ``counts`` in place of those of the lines."""
        summary = dict(sorted((self.counts if counts is None else counts).items()))
        self._line({"summary": summary, **({"interrupted": True} if interrupted else {})})
        self._out.finish()

    def _line(self, data: Mapping[str, Any]) -> None:
        self._out.put(json.dumps(data, ensure_ascii=False) + "\n")
