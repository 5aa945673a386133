"""What ``retry`` prints: what was begun again on standard output, the rest and a sum on standard error."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from expander.cli.messages import Output, printable, say
from expander.cli.outcome_lines import OutcomeLines

if TYPE_CHECKING:
    from expander.group.retry import Told
    from expander.group.retry_plan import Chosen

SHOWN = 20
"""So many items that are not run again are shown one by one."""

DRY = "DryRun"
"""The reason of what would be begun again."""


class RetryReport:
    """Prints outcomes as lines for people, or in ``lines`` for machines."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self.out = Output()
        self.lines = OutcomeLines(self.out) if as_json else None
        self.failed = 0
        self._quiet = quiet
        self._dry = False
        self._counts: Counter[str] = Counter()

    def show(self, told: Told) -> None:
        """What became of one item."""
        self._counts[told.outcome] += 1
        self.failed += not told.passed
        if self.lines is not None:
            self.lines.put(
                told.name,
                told.namespace,
                told.item,
                told.outcome,
                reason=told.reason,
                attempts=told.attempts,
                message=told.message,
            )
        elif told.passed and not self._quiet:
            done = "would be created" if told.reason == DRY else told.outcome
            words = f"job.batch/{told.name} {done} (attempt {told.attempts})"
            self.out.put(printable(words) + "\n")
        if not told.passed and self.failed <= SHOWN:
            say(f"{told.outcome}: job.batch/{told.name}: {told.message or told.reason}")

    def dry(self, chosen: Chosen) -> int:
        """What would be begun again, and what not."""
        from expander.group.retry import Told, refused

        self._dry = True
        for again in chosen.again:
            namespace, name = again.key
            item = again.tree["metadata"]["annotations"].get("expander/item")
            self.show(Told(name, namespace, item, "created", DRY, again.attempt))
        for told in refused(chosen):
            self.show(told)
        return self.end()

    def end(self, *, interrupted: bool = False) -> int:
        """The sum, and the exit code that follows from it."""
        if self.lines is not None:
            self.lines.finish(interrupted=interrupted)
        self.out.finish()
        if self.failed > SHOWN:
            say(f"{self.failed - SHOWN:,} more are not run again")
        if self._counts:
            counts = sorted(self._counts.items())
            would = "would be " if self._dry else ""
            parts = ", ".join(
                f"{count:,} {would if outcome == 'created' else ''}{outcome}" for outcome, count in counts
            )
            say(f"{sum(self._counts.values()):,} Jobs: {parts}")
        if interrupted:
            say("interrupted: the same command goes on")
            return 130
        return 1 if self.failed else 0
