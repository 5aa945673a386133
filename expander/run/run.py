"""Run a batch in the local executor: submit, halt policies, time limits, and why nothing moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Literal

from expander.base.dataclass import dataclass
from expander.base.errors import SourceLocation, UsageError
from expander.base.regex import regex
from expander.base.text import counted
from expander.kube.objects import Object
from expander.local.executor import Executor
from expander.local.store.job_states import FINISHED, job_state
from expander.manifests.manifest import Manifest
from expander.run.reporter import RunReporter
from expander.run.rerun import EarlierRun

if TYPE_CHECKING:
    from expander.run.retries import Retries

_FORM = regex(r"(now|soon),(fail|success|done)=([0-9]{1,9})(%?)")

MIN_ENDED_FOR_PERCENT = 3
"""Percentages apply from so many ended Jobs on: one failure of one is not yet 100%."""


MAX_STEP_SECONDS = 0.2
"""Longest wait of the loop, so that a signal or a time limit is soon noticed."""

MAX_STEP_MANIFESTS = 64
"""Manifests submitted between two steps of the executor, at most: what has ended waits for so many."""

MAX_FIRST_MANIFESTS = 256
READ_AHEAD_SECONDS = 0.3
"""Manifests that are read, within so many seconds, before the first Job starts: what it refers to (Services,
ConfigMaps ...) may stand behind it."""

STALL_SECONDS = 30.0
"""Seconds without anything that runs, after which it is said that all the rest waits."""

WORK = ("Job", "Pod")
"""Kinds that run: they are submitted after what else was read with them."""


@dataclass(frozen=True, slots=True)
class Halt:
    """When to stop: ``count`` Jobs (with ``percent``, of 100 ended) have failed, succeeded or ended.

    ``now`` stops running Jobs; otherwise (``soon``) no new ones start and running ones are waited for.
    """

    now: bool
    what: Literal["fail", "success", "done"]
    count: int
    percent: bool = False

    @classmethod
    def parse(cls, text: str) -> Halt:
        """``now,fail=1``, ``soon,fail=10%``, ``now,success=1``, ``soon,done=100``; UsageError otherwise."""
        match = _FORM.fullmatch(text)
        if match is None or int(match[3]) == 0 or (match[4] and int(match[3]) > 100):
            raise UsageError(
                f"found {text!r}, expected WHEN,WHAT=NUMBER",
                hint="WHEN is now or soon, WHAT is fail, success or done, NUMBER a count or a percentage: "
                "now,fail=1 or soon,fail=10%",
            )
        return cls(match[1] == "now", match[2], int(match[3]), bool(match[4]))  # type: ignore[arg-type]

    def reached(self, succeeded: int, failed: int) -> bool:
        """Whether to stop after so many Jobs have ended."""
        ended = succeeded + failed
        counted = {"fail": failed, "success": succeeded, "done": ended}[self.what]
        if not self.percent:
            return counted >= self.count
        return ended >= MIN_ENDED_FOR_PERCENT and counted * 100 >= self.count * ended


FIRST_FAILURE = Halt(True, "fail", 1)


@dataclass(slots=True)
class RunEnd:
    """How a run ended.

    ``counts`` are Jobs, and pods without one, by state (pending, running, suspended, succeeded, failed);
    ``pods`` is how many of them are such pods, and ``before`` how many an earlier run had finished that were
    not run again. ``stopped`` says why it ended early, if it did; ``exhausted`` whether all manifests had
    been taken by then.
    """

    counts: dict[str, int] = field(default_factory=dict)
    before: int = 0
    stopped: str | None = None
    pods: int = 0
    exhausted: bool = False


class Run:
    """One run of a batch in an executor. ``reporter`` hears of it; ``timeout`` is in seconds.

    ``earlier`` takes up an earlier run of the group, of which the input is all then. ``retries`` tries failed
    items again. A pod without a Job
    counts as one, unless its restartPolicy is Always: such a pod serves the others, and is stopped when they
    have ended.
    """

    def __init__(
        self,
        executor: Executor,
        manifests: Iterator[Manifest],
        reporter: RunReporter,
        *,
        earlier: EarlierRun | None = None,
        retries: Retries | None = None,
        halt: Halt | None = None,
        timeout: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executor = executor
        self._manifests = manifests
        self._reporter = reporter
        executor.on_pod_changed = self._on_pod_changed
        executor.keep_finished()  # every Job counts to the end of the run
        self._retries = retries
        self._earlier = earlier or EarlierRun(executor, reporter.refused)
        self._tells_earlier = earlier is not None
        self._caveats = 0
        self._halt = halt
        self._ends_at = None if timeout is None else clock() + timeout
        self._clock = clock
        self.interrupts = 0
        """How often it was interrupted."""
        self._draining = self._stopping = False
        self._stalled_since: float | None = None
        self._has_told_stall = False
        self._pods: dict[tuple[str, str], str] = {}
        """The state of each pod without a Job."""
        self._has_servers = self._has_worked = False
        self._suspended: set[str] = set()
        """Jobs that were suspended during this run, which waits for them."""
        self._ended_before = 0
        self._ended = {"succeeded": 0, "failed": 0}

    def interrupt(self) -> None:
        """The first call waits for what runs, the second stops it, the third kills what is left.

        Pods that wait for what is missing do not run.
        """
        self.interrupts += 1

    def go(self) -> RunEnd:
        """Run until everything has ended or there is a reason to stop."""
        if self._tells_earlier:
            self._earlier.delete_expired()
        self._ended_before = _ended_count(self._executor.group())
        result = RunEnd()
        chunks = self._chunks()
        more = True
        while True:
            if more and not self._draining:
                chunk = next(chunks, [])
                more = bool(chunk)
                result.exhausted = not more
                self._submit(chunk)
                if self._tells_earlier and not more:
                    for words in self._earlier.sentences():
                        self._reporter.note(words)
            self._executor.step(0 if more and not self._draining else MAX_STEP_SECONDS)
            self._take_requests()
            self._retry()
            for job in self._executor.take_finished():
                if self._retries is not None:
                    if self._retry([job]):
                        continue
                    job = self._executor.by_uid(job["metadata"]["uid"]) or job
                self._reporter.finished(job, partial(self._executor.pods_ever, job["metadata"]["uid"]))
            for pod in self._executor.take_changed_pods():
                self._pod_changed(pod)
            self._tell_caveats()
            self._tell_waiting()
            self._tell_stall(more)
            result.counts = self._counts()
            result.pods = len(self._pods)
            result.before = self._ended_before - self._earlier.counts.gone
            result.before -= self._earlier.ended_left if self._tells_earlier else 0
            self._reporter.progress(result.counts)
            if self._over(result, more):
                if result.stopped is None:
                    self._earlier.end()
                return result

    def _take_requests(self) -> None:
        """Report which Jobs were suspended and resumed."""
        for done in self._executor.take_requests():
            if done.suspend:
                self._suspended.update(done.uids)
            else:
                self._suspended.difference_update(done.uids)
            if done.uids:
                words = "suspended; `expander resume` lets them go on" if done.suspend else "resumed"
                self._reporter.note(f"{counted(len(done.uids), 'Job')} {words}")

    def _on_pod_changed(self, pod: Object) -> None:
        if self._retries is not None:
            self._retries.suspect(pod)
        self._reporter.pod_changed(pod)

    def _retry(self, jobs: Sequence[Object] | None = None) -> bool:
        """Try again, by the policy, ``jobs`` or those of which pods have failed; whether any was replaced."""
        if self._retries is None or self._stopping:
            return False
        retried = self._retries.retry_suspects() if jobs is None else self._retries.retry(jobs)
        for each in retried:
            metadata = each.job["metadata"]
            if each.split:
                manifest = Manifest(each.job, SourceLocation(f"job/{metadata['name']}"))
                self._reporter.submitted(metadata["namespace"], metadata["name"], manifest)
            self._reporter.retried(each)
        for job, why in self._retries.take_at_most():
            self._reporter.not_retried(job, why)
        return any(not each.split for each in retried)

    def _chunks(self) -> Iterator[list[Manifest]]:
        """The manifests, in pieces; the first is what can be read at once."""
        until = self._clock() + READ_AHEAD_SECONDS
        first = []
        for manifest in islice(self._manifests, MAX_FIRST_MANIFESTS):
            first.append(manifest)
            if self._clock() > until:
                break
        yield first
        size = 1
        while chunk := list(islice(self._manifests, size)):
            yield chunk
            size = min(size * 2, MAX_STEP_MANIFESTS)

    def _counts(self) -> dict[str, int]:
        """Jobs, and pods without one, by state; not those of an earlier run that the input has not named."""
        counts = self._executor.group()
        if self._tells_earlier:
            counts = self._earlier.of_this_run(counts)
        return self._with_pods(counts)

    def _with_pods(self, counts: dict[str, int]) -> dict[str, int]:
        for state in self._pods.values():
            counts[state] += 1
        return counts

    def _pod_changed(self, pod: Object) -> None:
        """A pod without a Job has another status."""
        key = pod["metadata"]["namespace"], pod["metadata"]["name"]
        if key not in self._pods:
            return
        before, self._pods[key] = self._pods[key], self._executor.pod_run_state(pod)
        if self._pods[key] in FINISHED and before not in FINISHED:
            self._reporter.finished(pod, lambda: [pod])

    def _submit(self, manifests: list[Manifest]) -> None:
        manifests = sorted(manifests, key=lambda manifest: manifest.kind in WORK)
        told = self._executor.submit(manifest.tree for manifest in manifests)
        for manifest, submitted in self._earlier.settle([*zip(manifests, told, strict=True)]):
            if submitted.kind == "Job":
                complete = submitted.outcome == "unchanged" and submitted.there is None
                if complete and self._retries is None and self._reporter.kept_complete(manifest):
                    continue  # which nobody has read
                self._reporter.submitted(submitted.namespace, submitted.name, manifest)
                if self._retries is not None and (words := self._retries.note(manifest.tree)):
                    self._reporter.note(words)
                if submitted.there is not None:
                    self._look_at_kept(submitted.there)
                elif complete:
                    self._look_at_kept(self._executor.by_uid(submitted.uid) or manifest.tree)
            elif submitted.kind == "Pod":
                self._reporter.submitted(submitted.namespace, submitted.name, manifest)
                self._expect_pod(submitted.namespace, submitted.name)

    def _expect_pod(self, namespace: str, name: str) -> None:
        """A pod without a Job is there; it may be of an earlier run."""
        pod = self._executor.get("Pod", namespace, name)
        if (pod["spec"].get("restartPolicy") or "Always") == "Always":
            self._has_servers = True
            return
        self._pods[namespace, name] = state = self._executor.pod_run_state(pod)
        if state in FINISHED:
            self._ended_before += 1
            self._reporter.kept(pod, lambda: [pod])

    def _look_at_kept(self, job: Object) -> None:
        if self._retry([job]):
            self._ended_before -= job_state(job) in FINISHED
            return
        if self._retries is not None:  # which may have changed it
            job = self._executor.by_uid(job["metadata"]["uid"]) or job
        if job_state(job) in FINISHED:
            self._reporter.kept(job, partial(self._executor.pods_ever, job["metadata"]["uid"]))

    def _tell_waiting(self, *, at_once: bool = False) -> None:
        """Report why pods wait."""
        for waiting in self._executor.waiting(at_once=at_once):
            self._reporter.waiting(waiting)

    def _tell_stall(self, more: bool) -> None:
        """Report, once, that nothing runs and that what is left waits for what is missing."""
        if self._has_told_stall or self._draining:
            return
        if more or not self._executor.stalled:
            self._stalled_since = None
            return
        now = self._clock()
        if self._stalled_since is None:
            self._stalled_since = now
        if now - self._stalled_since >= STALL_SECONDS:
            self._has_told_stall = True
            counts = self._counts()
            self._reporter.stalled(counts["pending"] + counts["running"])

    def _has_unfinished(self) -> bool:
        """Whether something has not ended, beside what is held."""
        counts = self._with_pods(self._executor.group())
        return counts["pending"] + counts["running"] > self._executor.held

    def _tell_caveats(self) -> None:
        """Report what the runtime cannot provide."""
        for words in self._executor.caveats[self._caveats :]:
            self._reporter.note(words)
        self._caveats = len(self._executor.caveats)

    def _stop(self, result: RunEnd, why: str) -> bool:
        """Stop what runs, with its grace period; whether nothing is left to wait for."""
        self._draining = self._stopping = True
        result.stopped = why
        self._executor.stop()
        return self._executor.running == 0

    def _over(self, result: RunEnd, more: bool) -> bool:
        executor, counts = self._executor, result.counts
        if self.interrupts > 2:
            self._stop(result, "interrupted")
            counts["pending"] += counts["running"]  # it is killed: it did not happen
            counts["running"] = 0
            return True
        if self._stopping:
            return executor.running == 0
        if self.interrupts > 1:
            return self._stop(result, "interrupted")
        if self._ends_at is not None and self._clock() >= self._ends_at:
            self._tell_waiting(at_once=True)
            return self._stop(result, "timed out")
        if self._halt is not None and self._halt.reached(counts["succeeded"], counts["failed"]):
            result.stopped = "halted"
            if self._halt.now:
                return self._stop(result, "halted")
        if (self.interrupts or result.stopped) and not self._draining:
            self._draining = True
            result.stopped = result.stopped or "interrupted"
            executor.drain()
        if self._draining:
            if executor.running and executor.all_wait:
                return self._stop(result, result.stopped or "interrupted")
            return executor.running == 0
        if more or self._has_unfinished() or (self._suspended and counts["suspended"]):
            self._has_worked = True
            return False
        if self._has_servers and executor.running and any(counts.values()):
            self._stopping = True
            executor.stop()
        return executor.running == 0 or (self._stopping and not self._has_worked)


def _ended_count(counts: Mapping[str, int]) -> int:
    return counts["succeeded"] + counts["failed"]
