"""What ``submit`` prints: outcomes on standard output, failures, progress and a summary on standard error."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from expander.base.text import MAX_ERRORS, counted, plural
from expander.cli.output.slow_server import slow_words
from expander.cli.output.streams import ItemErrors, Output, printable, say
from expander.client.bodies import decode_object
from expander.manifests.rerun import CHUNKS_AGAIN, is_chunk, overridden_note
from expander.run.item_counts import item_count
from expander.submit.delivery import ANOTHER_GROUP, FAILED_BEFORE, KEPT, RERUN

if TYPE_CHECKING:
    from expander.cli.output.progress import Step
    from expander.submit.delivery import Outcome
    from expander.submit.policy_retries import PolicyRetries
    from expander.submit.submit import Submitter

FREE_NAMES: Final = (
    "a name is unique in its namespace: use another one in metadata.name, another --namespace, "
    "or delete that group with `expander cleanup`"
)
"""The way out where names belong to another group."""

MAX_WARNINGS: Final = 20
"""Warning headers of the server that are shown."""

MAX_JOBS_WITHOUT_PODS: Final = 1000
"""Jobs whose pods are refused that are listed in the JSON of the summary."""


class Counts:
    """Counts outcomes, and how fast they come."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self.counts: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        """Those that did not arrive."""

    def add(self, outcome: Outcome) -> None:
        """Count one."""
        self.counts[outcome.result.outcome] += 1
        if not outcome.result.passed:
            self.failures[outcome.result.outcome] += 1

    @property
    def failed(self) -> int:
        """How many did not arrive."""
        return self.failures.total()

    @property
    def rate(self) -> float:
        """Items a second since the beginning."""
        return sum(self.counts.values()) / max(self._clock() - self._since, 1e-3)


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
        self._told: set[str] = set()
        self._kept = 0
        self._failed_before = 0
        self._again = 0
        self._chunks = 0
        self._of_others = 0
        """Names that another group has."""
        self.namespaces: set[str] = set()
        """Those where Jobs have arrived."""
        self._jobs = self._items = 0
        """How many of the objects are Jobs, and how many items these do."""
        self._are_items = False
        """Whether objects were made of items, and are not manifests as they are."""

    def advise(self, words: str) -> None:
        """Say what a server is going to say of the manifests, which need not be told again."""
        self._told.add(words)
        say(f"warning: {words}")

    def show(self, settled: Outcome) -> None:
        """What became of one item."""
        self.tally.add(settled)
        prepared, done = settled.prepared, settled.result
        self._are_items |= prepared.item is not None
        if prepared.is_workload:
            if done.passed and not self._note:
                self.namespaces.add(prepared.namespace)
            several = prepared.may_be_several
            self._jobs += 1
            self._items += item_count(decode_object(prepared.body) or {}) if several else 1
        self._kept += (done.outcome, done.reason) == ("unchanged", KEPT)
        self._failed_before += (done.outcome, done.reason) == ("unchanged", FAILED_BEFORE)
        if (done.outcome, done.reason) == ("created", RERUN):
            self._again += 1
            self._chunks += is_chunk(decode_object(prepared.body) or {}) if prepared.is_job else 0
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
        self._of_others += done.reason == ANOTHER_GROUP
        shown = self.tally.failed - self._of_others
        if not done.passed and (
            shown <= MAX_ERRORS if done.reason != ANOTHER_GROUP else self._of_others == 1
        ):
            item = "" if prepared.item is None else f" (item {prepared.item!r})"
            say(f"{done.outcome}: {prepared.title}/{prepared.name}{item}: {done.message or done.reason}")

    def _line(self, data: dict[str, Any]) -> None:
        self._out.put(json.dumps(data, ensure_ascii=False) + "\n")

    def finish(
        self,
        errors: ItemErrors,
        submit: Submitter | None = None,
        *,
        interrupted: bool = False,
        unsent: int = 0,
    ) -> None:
        """The summary; of ``submit`` also what became of Jobs later.

        ``errors`` are of what was refused before it was sent, ``unsent`` items were left out.
        """
        counts = self.tally.counts + Counter(refused=errors.count)
        failed_pods = submit.watchers.failed_pods.found() if submit is not None else []
        collector = submit.collector if submit is not None else None
        retries = submit.retries if submit is not None else None
        warnings = submit.workers.warnings.most_common() if submit is not None else []
        untold = [each for each in warnings if each[0] not in self._told]
        if self._as_json:
            more: dict[str, Any] = {"interrupted": True, "unsent": unsent} if interrupted else {}
            self._line({"summary": counts, **more, **_later(submit, failed_pods, warnings)})
        self._out.finish()
        for text, count in untold[:MAX_WARNINGS]:
            say(f"warning: {text}" + (f" ({count:,} times)" if count > 1 else ""))
        if len(untold) > MAX_WARNINGS:
            say(f"warning: {len(untold) - MAX_WARNINGS:,} more warnings of the server")
        self._sum(counts, interrupted, unsent, errors)
        if self._kept:
            them = "it" if self._kept == 1 else "them"
            kept = f"{counted(self._kept, 'complete Job')} kept although changed"
            say(f"{kept} (--rerun changed runs {them} again)")
        if self._failed_before and retries is None:
            them = "it" if self._failed_before == 1 else "them"
            say(f"{counted(self._failed_before, 'failed Job')} kept (--rerun failed runs {them} again)")
        if self._again:
            say(f"{counted(self._again, 'Job')} run again")
        if self._chunks:
            say(CHUNKS_AGAIN.format(counted(self._chunks, "chunk")))
        if submit is not None and submit.overridden:
            say(overridden_note(submit.overridden))
        if failed_pods:
            jobs, why = counted(len(failed_pods), "Job"), failed_pods[-1][2]
            say(f"{jobs} created without pods, which are refused: {why}")
        if retries is not None:
            say_ends(retries)
        if collector is not None:
            failed = f" ({collector.failed:,} failed)" if collector.failed else ""
            jobs = counted(collector.collected, "finished Job")
            say(f"{jobs}{failed} collected into {collector.folder} and deleted")
            if submit is not None and submit.failed_before:
                say(f"{counted(submit.failed_before, 'Job')} deleted by an earlier run had failed")
            if collector.left:
                say(f"{counted(collector.left, 'finished Job')} could not be collected: left in the cluster")

    def _sum(self, counts: Counter[str], interrupted: bool, unsent: int, errors: ItemErrors) -> None:
        if self._of_others:
            if more := self._of_others - 1:
                say(f"{more:,} more {'belongs' if more == 1 else 'belong'} to other groups")
            say(f"  hint: {FREE_NAMES}")
        if (failed := self.tally.failed - self._of_others) > MAX_ERRORS:
            more = failed - MAX_ERRORS
            say(f"{more:,} more {plural('item', more)} did not arrive")
        is_named = errors.refused.count and not self.tally.counts["refused"]
        which = f" ({errors.refused})" if is_named else ""
        parts = ", ".join(
            f"{count:,} {_in_words(outcome, count)}{which if outcome == 'refused' else ''}"
            for outcome, count in sorted(counts.items())
        )
        parts = ", ".join(filter(None, [parts, f"{unsent:,} not sent" if unsent else ""]))
        parts = parts or ("none sent" if interrupted else "nothing to do")
        rate = self._note or (f" ({self.tally.rate:,.0f}/s)" if self.tally.counts else "")
        objects = sum(counts.values()) + unsent
        whole = counted(objects, "item" if self._are_items or not self.tally.counts else "object")
        if self._items > self._jobs:
            whole = counted(objects, "Job" if self._jobs == objects - unsent - errors.count else "object")
            if not unsent and not errors.count:  # of what is not sent it is not known how many items they are
                whole = f"{counted(self._items, 'item')} in {whole}"
        say(f"{whole}: {parts}{rate}")


def _later(
    submit: Submitter | None, failed_pods: Sequence[tuple[str, str, str]], warnings: Sequence[tuple[str, int]]
) -> dict[str, Any]:
    """What became of the Jobs later, for the JSON of the summary."""
    more: dict[str, Any] = {}
    if failed_pods:
        more["podsRefused"] = [
            {"name": name, "namespace": namespace, "message": message}
            for namespace, name, message in failed_pods[:MAX_JOBS_WITHOUT_PODS]
        ]
    if submit is not None and (collector := submit.collector) is not None:
        more |= {"collected": collector.collected, "collectedFailed": collector.failed}
    if submit is not None and submit.failed_before:
        more["failedBefore"] = submit.failed_before
    if submit is not None and submit.retries is not None:
        complete, lost = submit.retries.counts()
        more |= {"jobs": {"complete": complete, "failed": lost}, "retries": submit.retries.retried}
    if warnings:
        more["warnings"] = [{"message": text, "count": count} for text, count in warnings]
    return more


def _in_words(outcome: str, count: int) -> str:
    return outcome if outcome != "exists" else "exists already" if count == 1 else "exist already"


def say_ends(retries: PolicyRetries) -> None:
    """How the Jobs ended that a policy tried again where it could."""
    complete, failed = retries.counts()
    jobs, again = counted(complete + failed, "Job"), counted(retries.retried, "retry")
    say(f"{jobs} ended: {complete:,} complete, {failed:,} failed; {again}")


def submit_step(submit: Submitter, tally: Counts, total: Callable[[], int | None]) -> Step:
    """How far ``submit`` is; ``total`` gives the number of items, of which each may be several objects."""
    from expander.cli.output.progress import Step

    workers = submit.workers
    counts = workers.counts()
    done = sum(tally.counts.values())
    known = done + max(0, workers.pending - (submit.retries.under_way if submit.retries else 0))
    whole = known if submit.is_fed else total()
    step = Step(done, None if whole is not None and whole < known else whole)
    step.parts += [f"{count:,} {_in_words(what, count)}" for what, count in tally.failures.items()]
    step.parts += [f"{counts['held']:,} waiting for quota"] if counts["held"] else []
    step.parts += [f"{counts['retrying']:,} retrying"] if counts["retrying"] else []
    window, collector = workers.window, submit.collector
    if window is not None:
        bound = "" if window.most is None else f" of {window.most:,}"
        step.parts.append(f"{window.active:,}{bound} active")
    if collector is not None:
        step.parts.append(f"{collector.collected:,} collected")
    if submit.retries is not None and submit.retries.retried:
        step.parts.append(f"{submit.retries.retried:,} tried again")
    step.why, dispatcher = workers.waits_for(), workers.dispatcher
    step.stands = dispatcher.refused > 1 or dispatcher.lacks_credentials
    if step.why:
        return step
    if window is not None and (window.is_full or (submit.is_fed and submit.retries is not None)):
        step.why = "waiting for Jobs to finish"
    else:
        step.why = slow_words(submit.transport)
        step.stands = bool(step.why)
    return step
