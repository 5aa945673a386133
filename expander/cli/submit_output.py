"""What ``submit`` prints: outcomes on standard output, failures and a sum on standard error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from expander.cli.output import Output, printable, say

if TYPE_CHECKING:
    from expander.submit.options import Outcome
    from expander.submit.submit import Counts, Submitter

SHOWN = 20
"""So many items that did not arrive are shown one by one."""

LISTED = 1000
"""So many Jobs whose pods are refused are in the JSON of the sum."""


class SubmitReport:
    """Prints what became of each item, and the sum; ``say`` is for lines on standard error.

    ``note`` stands behind what is said of items that would have arrived.
    """

    def __init__(
        self,
        tally: Counts,
        *,
        as_json: bool,
        quiet: bool,
        note: str = "",
        say: Callable[[str], None] = say,
    ) -> None:
        self._say = say
        self._note = note
        self.tally = tally
        self._out = Output()
        self._as_json = as_json
        self._quiet = quiet

    def show(self, settled: Outcome) -> None:
        """What became of one item."""
        self.tally.add(settled)
        prepared, done = settled.prepared, settled.done
        if self._as_json:
            self._line(
                {
                    "name": prepared.name,
                    "namespace": prepared.namespace,
                    "item": prepared.item,
                    "outcome": done.outcome,
                    "reason": done.reason,
                    "attempts": settled.attempts,
                    **({"message": done.message} if done.message else {}),
                }
            )
        elif done.passed and not self._quiet:
            self._out.put(printable(f"{prepared.title}/{prepared.name} {done.outcome}{self._note}") + "\n")
        if not done.passed and self.tally.failed <= SHOWN:
            item = "" if prepared.item is None else f" (item {prepared.item!r})"
            self._say(
                f"{done.outcome}: {prepared.title}/{prepared.name}{item}: {done.message or done.reason}"
            )

    def _line(self, data: dict[str, Any]) -> None:
        self._out.put(json.dumps(data, ensure_ascii=False) + "\n")

    def finish(self, submit: Submitter | None = None, interrupted: bool = False) -> None:
        """The sum; of ``submit`` also what became of Jobs later."""
        counts = self.tally.counts
        podless = submit.news.podless.found() if submit is not None else []
        finishing = submit.finishing if submit is not None else None
        more: dict[str, Any] = {"interrupted": True} if interrupted else {}
        if podless:
            more["podsRefused"] = [
                {"name": name, "namespace": namespace, "message": message}
                for namespace, name, message in podless[:LISTED]
            ]
        if finishing is not None:
            more |= {"collected": finishing.collected, "collectedFailed": finishing.failed}
        if self._as_json:
            self._line({"summary": counts, **more})
        self._out.finish()
        if self.tally.failed > SHOWN:
            say(f"{self.tally.failed - SHOWN:,} more items did not arrive")
        parts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items()))
        parts = parts or ("none was settled" if interrupted else "nothing to do")
        say(f"{sum(counts.values()):,} items: {parts}{self._note or f' ({self.tally.rate:,.0f} a second)'}")
        if podless:
            words = (
                f"{len(podless):,} Jobs were accepted, but" if len(podless) > 1 else "1 Job was accepted, but"
            )
            say(f"{words} pods of theirs were refused; the Job controller goes on trying: {podless[-1][2]}")
        if finishing is not None:
            failed = f", {finishing.failed:,} of which had failed," if finishing.failed else ""
            words = f"{finishing.collected:,} finished Jobs{failed} were collected into {finishing.folder}"
            say(f"{words} and deleted")
            if finishing.left:
                say(f"{finishing.left:,} finished Jobs could not be collected and are left in the cluster")
