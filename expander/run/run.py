"""Run a batch in the local executor: submit, halt policies, time limits, and why nothing moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

from expander.base.dataclass import dataclass
from expander.base.errors import UsageError
from expander.base.regex import regex
from expander.kube.objects import Object, statuses_of
from expander.local.executor import Executor
from expander.local.store.job_states import FINISHED, job_state
from expander.manifests.manifest import Manifest
from expander.run.reporter import RunReporter, Waiting
from expander.run.rerun import EarlierRun

_FORM = regex(r"(now|soon),(fail|success|done)=([0-9]{1,9})(%?)")

MIN_ENDED_FOR_PERCENT = 3
"""Percentages apply from so many ended Jobs on: one failure of one is not yet 100%."""


TOO_MANY_PODS = "Too many pods"
"""The scheduler's message when the node runs as many pods as it may, which passes."""

TRANSIENT_REASONS = ("ContainerCreating", "PodInitializing")
"""Waiting reasons that pass by themselves."""

MAX_STEP_SECONDS = 0.2
"""Longest wait of the loop, so that a signal or a time limit is soon noticed."""

STALL_SECONDS = 3.0
"""Seconds without an ended Job after which the user is told what the open ones wait for."""

MAX_JOBS_CHECKED = 20
"""How many open Jobs are checked then."""

MAX_STEP_MANIFESTS = 256
"""Manifests submitted between two steps of the executor, at most."""


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


def describe_open_job(pods: Sequence[Object]) -> str | None:
    """Why a Job has not ended, or None when it is simply running."""
    reasons: dict[str, int] = {}
    fits = any("nodeName" in pod["spec"] for pod in pods)
    for pod in pods:
        for reason in pod_problems(pod, fits):
            reasons[reason] = reasons.get(reason, 0) + 1
    if not reasons:
        return None
    told = [f"{count} pods: {reason}" if count > 1 else reason for reason, count in reasons.items()]
    return "; ".join(told[:3])


def pod_problems(pod: Object, fits: bool) -> Iterator[str]:
    """What holds up a pod, or made it fail; not that it waits for its turn.

    ``fits``: other pods of its Job were scheduled, so this one will be as well.
    """
    status = pod.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            if fits or TOO_MANY_PODS in condition.get("message", ""):
                continue
            yield f"{condition.get('reason', 'Unschedulable')}: {condition.get('message', '')}".rstrip(": ")
    for container in statuses_of(pod):
        state = container.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        if waiting.get("reason") and waiting["reason"] not in TRANSIENT_REASONS:
            yield f"{container['name']}: {waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
        elif ended.get("exitCode"):
            message = f": {ended['message']}" if ended.get("message") else ""
            yield f"{container['name']} failed with exit code {ended['exitCode']}{message}"


@dataclass(slots=True)
class RunEnd:
    """How a run ended.

    ``counts`` are Jobs by state (pending, running, suspended, succeeded, failed); ``before`` those that an
    earlier run had finished and that were not run again. ``stopped`` says why it ended early, if it did.
    """

    counts: dict[str, int] = field(default_factory=dict)
    before: int = 0
    stopped: str | None = None

    @property
    def unfinished(self) -> int:
        """Jobs that have neither succeeded nor failed."""
        return self.counts.get("pending", 0) + self.counts.get("running", 0)


class Run:
    """One run of a batch in an executor. ``reporter`` hears of it; ``timeout`` is in seconds.

    ``earlier`` takes up an earlier run of the group, of which the input is all then.
    """

    def __init__(
        self,
        executor: Executor,
        manifests: Iterator[Manifest],
        reporter: RunReporter,
        *,
        earlier: EarlierRun | None = None,
        halt: Halt | None = None,
        timeout: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executor = executor
        self._manifests = manifests
        self._reporter = reporter
        executor.on_pod_changed = reporter.pod_changed
        self._earlier = earlier or EarlierRun(executor, reporter.refused)
        self._tells_earlier = earlier is not None
        self._open: dict[tuple[str, str], None] = {}
        self._told: set[tuple[str, str, str]] = set()
        self._moved_at = clock()
        self._caveats = 0
        self._halt = halt
        self._ends_at = None if timeout is None else clock() + timeout
        self._clock = clock
        self.interrupts = 0
        """How often it was interrupted."""
        self._draining = self._stopping = False
        self._ended = {"succeeded": 0, "failed": 0}

    def interrupt(self) -> None:
        """The first call waits for running Jobs, the second stops them, the third kills what is left."""
        self.interrupts += 1

    def go(self) -> RunEnd:
        """Run until everything has ended or there is a reason to stop."""
        ended_before = _ended_count(self._executor.group())
        result = RunEnd()
        size = 1
        more = True
        while True:
            if more and not self._draining:
                chunk = list(islice(self._manifests, size))
                more = bool(chunk)
                self._submit(chunk)
                size = min(size * 2, MAX_STEP_MANIFESTS)
                if self._tells_earlier and not more:
                    for words in self._earlier.sentences():
                        self._reporter.note(words)
            self._executor.step(0 if more and not self._draining else MAX_STEP_SECONDS)
            for job in self._executor.take_finished():
                self._moved_at = self._clock()
                self._open.pop((job["metadata"]["namespace"], job["metadata"]["name"]), None)
                self._reporter.finished(job, partial(self._executor.pods_ever, job["metadata"]["uid"]))
            self._tell_caveats()
            if self._clock() - self._moved_at > STALL_SECONDS:
                self._tell_stalls()
            result.counts = self._executor.group()
            result.before = ended_before - _ended_count(self._earlier.counts.again)
            self._reporter.progress(result.counts)
            if self._over(result, more):
                return result

    def _submit(self, manifests: list[Manifest]) -> None:
        told = self._executor.submit(manifest.tree for manifest in manifests)
        for manifest, submitted in self._earlier.settle([*zip(manifests, told, strict=True)]):
            if submitted.kind == "Job":
                self._open[submitted.namespace, submitted.name] = None
                self._reporter.submitted(submitted.namespace, submitted.name, manifest)
                if submitted.outcome == "unchanged":
                    self._look_at_kept(submitted.namespace, submitted.name)

    def _look_at_kept(self, namespace: str, name: str) -> None:
        job = self._executor.find("Job", namespace, name)
        if job is not None and job_state(job) in FINISHED:
            del self._open[namespace, name]
            self._reporter.kept(job, partial(self._executor.pods_ever, job["metadata"]["uid"]))

    def _tell_caveats(self) -> None:
        """Report what the runtime cannot provide."""
        for words in self._executor.caveats[self._caveats :]:
            self._reporter.note(words)
        self._caveats = len(self._executor.caveats)

    def _tell_stalls(self) -> None:
        """Report once for each of the first open Jobs what it waits for."""
        self._moved_at = self._clock()
        looked_at = 0
        for namespace, name in list(self._open):
            job = self._executor.find("Job", namespace, name)
            if job is None or job_state(job) in FINISHED:
                del self._open[namespace, name]
                continue
            if looked_at == MAX_JOBS_CHECKED:
                return
            looked_at += 1
            words = describe_open_job(self._executor.owned(job["metadata"]["uid"]))
            if words is not None and (told := (namespace, name, words)) not in self._told:
                self._told.add(told)
                self._reporter.waiting(Waiting(job, "", words))

    def _stop(self, result: RunEnd, why: str) -> bool:
        """Stop what runs, with its grace period; whether nothing is left to wait for."""
        self._draining = self._stopping = True
        result.stopped = why
        self._executor.stop()
        return self._executor.running == 0

    def _over(self, result: RunEnd, more: bool) -> bool:
        executor, counts = self._executor, result.counts
        if self.interrupts > 2:
            result.stopped = "interrupted"
            return True
        if self._stopping:
            return executor.running == 0
        if self.interrupts > 1:
            return self._stop(result, "interrupted")
        if self._ends_at is not None and self._clock() >= self._ends_at:
            self._tell_stalls()
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
            return executor.running == 0
        return not more and executor.running == 0 and counts["pending"] + counts["running"] == executor.held


def _ended_count(counts: Mapping[str, int]) -> int:
    return counts["succeeded"] + counts["failed"]


def remove_state(folder: Path) -> None:
    """Remove the state of a group. Raises ExpanderError while an executor uses it."""
    import shutil

    from expander.local.state import StateFolder

    if folder.exists():
        StateFolder(folder).close()
        shutil.rmtree(folder)
