"""Verdicts on the manifests in files, made on all processor cores and given in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from itertools import chain, islice
from typing import BinaryIO, TypeVar

from expander.base.errors import InputError, YamlError
from expander.base.named_tuple import NamedTuple
from expander.base.yaml import Chunk
from expander.batch.files import chunks_of, files_of
from expander.batch.verdict import UNCHECKED_RULE, Cluster, Verdict, Warned, examine, unreadable
from expander.validate.finding import ANNOTATION_RULE, Advice
from expander.validate.policies.quotas import QuotaCount
from expander.validate.warnings import Totals


class Examined(NamedTuple):
    """Verdicts of some chunks, and what their valid manifests ask for together."""

    verdicts: list[Verdict]
    totals: Totals


PORTION_CHARS = 1 << 18
"""Characters of documents that are examined together."""

MIN_PARALLEL_PORTIONS = 4
"""Portions from which on other processes help; starting them takes as long as a few portions."""

MAX_PORTION_FILES = 100
"""So many files are examined together at most."""

Portion = list[tuple[str, "list[Chunk] | YamlError"]]
"""Sources and their documents; an error where a source stops being readable."""


class Validation:
    """The verdicts of all manifests in ``paths``, in order, with warnings about the batch.

    Iterating reads and checks; afterwards ``counts`` has the number of verdicts by status, ``warned`` the
    number of warnings, ``noted`` that of those which are only annotations of the audit log, ``unchecked`` the
    number of documents with rules that were not evaluated, and ``batch_warnings`` what concerns the batch as
    a whole.
    """

    def __init__(
        self,
        paths: Sequence[str],
        *,
        cluster: Cluster | None = None,
        recursive: bool = False,
        group_label: str = "jobgroup",
        quota: Mapping[str, str] | None = None,
        workers: int | None = None,
        stdin: BinaryIO | None = None,
    ) -> None:
        self._paths = paths
        self._cluster = cluster or Cluster()
        self._recursive = recursive
        self._group_label = group_label
        self._quota = quota or {}
        self._workers = workers if workers is not None else os.cpu_count() or 1
        self._stdin = stdin
        self.counts = {"valid": 0, "invalid": 0, "skipped": 0, "error": 0}
        self.warned = self.noted = self.unchecked = 0
        self.totals = Totals(group_label)
        self.batch_warnings: list[Advice] = []

    def __iter__(self) -> Iterator[Verdict]:
        names: dict[tuple[str, str, str], tuple[str, int]] = {}
        numbers: dict[str, int] = {}
        policies = self._cluster.policies
        quotas = None if policies is None else QuotaCount()
        for verdicts, totals in self._examined():
            self.totals.include(totals)
            for verdict in verdicts:
                verdict.index = numbers.get(verdict.source, 0)
                numbers[verdict.source] = verdict.index + 1
                self._compare(verdict, names)
                if quotas is not None and verdict.charges:
                    quotas.add(verdict.charges, 1, partial(_called, verdict))
                self.counts[verdict.status] += 1
                self.warned += len(verdict.warnings)
                self.noted += sum(each.advice.rule == ANNOTATION_RULE for each in verdict.warnings)
                self.unchecked += any(each.advice.rule == UNCHECKED_RULE for each in verdict.warnings)
                yield verdict
        self.batch_warnings = self.totals.warnings() + self.totals.over(self._quota)
        if quotas is not None and policies is not None:
            self.batch_warnings += [Advice("", "over-quota", words) for words in quotas.words()]
            self.batch_warnings += [Advice("", "unused-policy", words) for words in policies.notes]
        self.warned += len(self.batch_warnings)

    def _compare(self, verdict: Verdict, names: dict[tuple[str, str, str], tuple[str, int]]) -> None:
        """Warn when another manifest of the batch has the same kind, namespace and name."""
        if not verdict.name:
            return
        here = (verdict.source, verdict.line)
        first = names.setdefault((verdict.kind, verdict.namespace, verdict.name), here)
        if first is not here:
            message = f"duplicate {verdict.kind} name {verdict.name!r}, already used in {first[0]}:{first[1]}"
            verdict.warnings.append(Warned(Advice("metadata.name", "duplicate-name", message), verdict.line))

    def _examined(self) -> Iterator[Examined]:
        work = partial(
            _examine,
            cluster=self._cluster,
            group_label=self._group_label,
            amounts=bool(self._quota),
        )
        portions = self._portions()
        first = list(islice(portions, MIN_PARALLEL_PORTIONS))
        if len(first) < MIN_PARALLEL_PORTIONS or self._workers < 2:
            yield from map(work, first)
            yield from map(work, portions)
            return

        yield from in_order(work, first, portions, self._workers)

    def _portions(self) -> Iterator[Portion]:
        """Documents that are worth sending to a worker together."""
        portion: Portion = []
        size = 0
        for path in files_of(self._paths, self._recursive):
            source = "<stdin>" if path == "-" else path
            chunks: list[Chunk] = []
            portion.append((source, chunks))
            try:
                for chunk in chunks_of(path, self._stdin):
                    chunks.append(chunk)
                    size += len(chunk.text)
                    if size >= PORTION_CHARS:
                        yield portion
                        chunks, size = [], 0
                        portion = [(source, chunks)]
            except YamlError as error:
                portion.append((source, error))
            if len(portion) >= MAX_PORTION_FILES:
                yield portion
                portion, size = [], 0
        if portion:
            yield portion


def _called(verdict: Verdict, _: int) -> str:
    return f"{verdict.kind} {verdict.name!r}"


def _examine(portion: Portion, cluster: Cluster, group_label: str, amounts: bool) -> Examined:
    totals = Totals(group_label, amounts=amounts)
    verdicts: list[Verdict] = []
    for source, chunks in portion:
        if isinstance(chunks, YamlError):
            verdicts.append(unreadable(source, chunks))
        else:
            verdicts += examine(source, chunks, cluster, totals)
    return Examined(verdicts, totals)


def quotas_in(paths: Iterable[str]) -> dict[str, str]:
    """The hard limits of the ResourceQuotas in files; the smaller where two limit the same.

    Raises InputError for a file that cannot be read or has no ResourceQuota.
    """
    from expander.base.errors import SourceLocation
    from expander.batch.files import limits_in
    from expander.kube.quantity import compare

    hard: dict[str, str] = {}
    for path in paths:
        quotas = [each["spec"] for each in limits_in([path]) if each["kind"] == "ResourceQuota"]
        if not quotas:
            raise InputError("no ResourceQuota in the file", where=SourceLocation(path))
        for spec in quotas:
            for name, limit in (spec.get("hard") or {}).items():
                text = str(limit)
                if name not in hard or compare(text, hard[name]) < 0:
                    hard[name] = text
    return hard


Task = TypeVar("Task")
Result = TypeVar("Result")

TASKS_PER_WORKER = 4
"""Tasks in flight for each worker: enough to keep it busy, few enough to hold little in memory."""


def in_order(
    work: Callable[[Task], Result], first: Sequence[Task], more: Iterable[Task], workers: int
) -> Iterator[Result]:
    """``work`` of each task in ``workers`` processes, in the order of the tasks.

    Tasks are taken only as fast as results are. An exception of a task is raised in its place.
    """
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(workers, context, initializer=_quiet)
    try:
        waiting: deque[Future[Result]] = deque()
        for task in chain(first, more):
            waiting.append(pool.submit(work, task))
            if len(waiting) >= workers * TASKS_PER_WORKER:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _quiet() -> None:
    """Ctrl-C is for the process that gave the work; it ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
