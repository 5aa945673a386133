"""What ``submit`` prints: outcomes on standard output, failures, progress and a summary on standard error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from expander.base.text import counted, plural
from expander.cli.output import MAX_ERRORS, Output, printable, say

if TYPE_CHECKING:
    from expander.cli.progress import Step
    from expander.submit.options import Outcome
    from expander.submit.submit import Counts, Submitter

MAX_JOBS_WITHOUT_PODS: Final = 1000
"""Jobs whose pods are refused that are listed in the JSON of the summary."""


class SubmitReport:
    """Prints what became of each item, and the summary.

    ``note`` stands behind what is said of items that would have arrived.
    """

    def __init__(self, tally: Counts, *, as_json: bool, quiet: bool, note: str = "") -> None:
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
        if not done.passed and self.tally.failed <= MAX_ERRORS:
            item = "" if prepared.item is None else f" (item {prepared.item!r})"
            say(f"{done.outcome}: {prepared.title}/{prepared.name}{item}: {done.message or done.reason}")

    def _line(self, data: dict[str, Any]) -> None:
        self._out.put(json.dumps(data, ensure_ascii=False) + "\n")

    def finish(self, submit: Submitter | None = None, interrupted: bool = False) -> None:
        """The summary; of ``submit`` also what became of Jobs later."""
        podless = submit.news.podless.found() if submit is not None else []
        finishing = submit.finishing if submit is not None else None
        if self._as_json:
            more: dict[str, Any] = {"interrupted": True} if interrupted else {}
            if podless:
                more["podsRefused"] = [
                    {"name": name, "namespace": namespace, "message": message}
                    for namespace, name, message in podless[:MAX_JOBS_WITHOUT_PODS]
                ]
            if finishing is not None:
                more |= {"collected": finishing.collected, "collectedFailed": finishing.failed}
            self._line({"summary": self.tally.counts, **more})
        self._out.finish()
        self._sum(interrupted)
        if podless:
            say(f"{counted(len(podless), 'Job')} created without pods, which are refused: {podless[-1][2]}")
        if finishing is not None:
            failed = f" ({finishing.failed:,} failed)" if finishing.failed else ""
            jobs = counted(finishing.collected, "finished Job")
            say(f"{jobs}{failed} collected into {finishing.folder} and deleted")
            if finishing.left:
                say(f"{counted(finishing.left, 'finished Job')} could not be collected: left in the cluster")

    def _sum(self, interrupted: bool) -> None:
        counts = self.tally.counts
        if self.tally.failed > MAX_ERRORS:
            more = self.tally.failed - MAX_ERRORS
            say(f"{more:,} more {plural('item', more)} did not arrive")
        parts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items()))
        parts = parts or ("none sent" if interrupted else "nothing to do")
        rate = self._note or (f" ({self.tally.rate:,.0f}/s)" if counts else "")
        say(f"{counted(sum(counts.values()), 'item')}: {parts}{rate}")


def submit_step(submit: Submitter, tally: Counts, total: Callable[[], int | None]) -> Step:
    """How far ``submit`` is; ``total`` gives the number of items."""
    from expander.cli.progress import Step

    submission = submit.submission
    counts = submission.counts()
    done = sum(tally.counts.values())
    step = Step(done, done + submission.on_the_way if submission.is_fed else total())
    step.parts += [f"{tally.failed:,} refused"] if tally.failed else []
    step.parts += [f"{counts['held']:,} waiting for quota"] if counts["held"] else []
    step.parts += [f"{counts['retrying']:,} retrying"] if counts["retrying"] else []
    window, finishing = submission.books.window, submit.finishing
    if window is not None:
        bound = "" if window.most is None else f" of {window.most:,}"
        step.parts.append(f"{window.active:,}{bound} active")
    if finishing is not None:
        step.parts.append(f"{finishing.collected:,} collected")
    if counts["held"] or counts["retrying"]:
        step.why = submission.books.why
    elif window is not None and window.is_full:
        step.why = "waiting for Jobs to finish"
    return step
