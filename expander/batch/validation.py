"""Verdicts on the manifests in files, offline, made on all processor cores and given in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import field
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeVar

from expander.base.dataclass import dataclass
from expander.base.errors import InputError, YamlError
from expander.base.named_tuple import NamedTuple
from expander.base.yaml import Chunk, Document, read_chunk
from expander.batch.files import chunks_of, files_of
from expander.kube.versions import DEFAULT, Release
from expander.validate.check import check
from expander.validate.finding import ANNOTATION_RULE, Advice, Finding, Reason, steps_of
from expander.validate.policies.quotas import Charge, QuotaCount
from expander.validate.server_warnings import server_warnings
from expander.validate.warnings import Totals, advice

if TYPE_CHECKING:
    from expander.validate.crds.definitions import Definitions
    from expander.validate.policies.policy_set import Policies
    from expander.validate.policies.review import Review

UNCHECKED_RULE = "unchecked-rule"
"""The rule of the warning that a rule of a definition or policy was not evaluated."""

Status = Literal["valid", "invalid", "skipped", "error"]


class Placed(NamedTuple):
    """A finding and the line of the source it is about; 0 when not known."""

    finding: Finding
    line: int


class Warned(NamedTuple):
    """A warning and the line of the source it is about; 0 when not known."""

    advice: Advice
    line: int


@dataclass(slots=True)
class Verdict:
    """What is to say about one document.

    ``status`` is ``valid``, ``invalid`` (the server would refuse it: ``findings``), ``skipped`` (no schema
    for its kind) or ``error`` (it cannot be read: ``message``). ``index`` counts the documents of ``source``
    from 0. ``charges`` are what it counts for in quotas.
    """

    source: str
    line: int
    index: int
    status: Status
    api_version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    findings: list[Placed] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)
    message: str = ""
    charges: Sequence[Charge] = ()
    generate_name: str = ""

    @property
    def title(self) -> str:
        """``Job/night``, ``Job/night-*`` where the server names it, ``document`` for what has no kind."""
        name = self.name or (f"{self.generate_name}*" if self.generate_name else "")
        return f"{self.kind}/{name}" if self.kind else "document"

    @property
    def is_template(self) -> bool:
        """Whether it would be refused, and its name or what is found refers to an item, as ``$ITEM`` does."""
        if not self.findings:
            return False
        from expander.batch.load import has_reference

        return has_reference(self.title) or any(has_reference(str(each.finding)) for each in self.findings)

    def as_json(self) -> dict[str, Any]:
        """The stable form for machines."""
        found: dict[str, Any] = {
            "source": self.source,
            "line": self.line,
            "index": self.index,
            "apiVersion": self.api_version,
            "kind": self.kind,
            "name": self.name,
            "status": self.status,
            "findings": [
                {"path": f.path, "reason": f.reason.value, "message": f.message, "line": line}
                for f, line in self.findings
            ],
        }
        if self.warnings:
            found["warnings"] = [
                {"path": a.path, "rule": a.rule, "message": a.message, "line": line}
                for a, line in self.warnings
            ]
        if self.message:
            found["message"] = self.message
        return found


class Cluster(NamedTuple):
    """The server that manifests are meant for: release, definitions, policies, the namespace by default."""

    release: Release = DEFAULT
    crds: Definitions | None = None
    policies: Policies | None = None
    namespace: str | None = None


class Examined(NamedTuple):
    """Verdicts of some chunks, and what their valid manifests ask for together."""

    verdicts: list[Verdict]
    totals: Totals


def examine(
    source: str,
    chunks: Sequence[Chunk],
    cluster: Cluster,
    totals: Totals,
) -> list[Verdict]:
    """The verdicts of documents; a chunk that is not YAML has one of status ``error``.

    A field that is there twice and a tab that indents are what the API server refuses: ``invalid``.

    What valid manifests ask for is added to ``totals``.
    """
    verdicts: list[Verdict] = []
    for chunk in chunks:
        try:
            documents = read_chunk(chunk, source)
        except YamlError as error:
            verdicts.append(_malformed(chunk, source, error))
            continue
        for document in documents:
            for data, prefix in _objects(document):
                verdicts.append(_verdict(document, data, prefix, cluster, totals))
    return verdicts


def _malformed(chunk: Chunk, source: str, error: YamlError) -> Verdict:
    verdict = unreadable(source, error)
    documents = _lenient(chunk, source)
    if documents:
        _name(verdict, documents[0].data)
        reason = Reason.DUPLICATE
    elif _is_tab(chunk, verdict.line):
        reason = Reason.INVALID
    else:
        return verdict
    verdict.status = "invalid"
    verdict.findings.append(Placed(Finding("", reason, verdict.message), verdict.line))
    verdict.message = ""
    return verdict


def _lenient(chunk: Chunk, source: str) -> list[Document]:
    """The documents of a chunk in which nothing but a field that is there twice is wrong; else none."""
    try:
        return read_chunk(chunk, source, "last")
    except YamlError:
        return []


def _is_tab(chunk: Chunk, line: int) -> bool:
    """Whether a tab indents that line, where the text stops being YAML."""
    lines = chunk.text.splitlines()
    text = lines[line - chunk.line] if 0 <= line - chunk.line < len(lines) else ""
    return "\t" in text[: len(text) - len(text.lstrip())]


def unreadable(source: str, error: YamlError) -> Verdict:
    """The verdict for text that is not YAML."""
    problem = error.problems[0]
    line = problem.where.line if problem.where else 0
    hint = f" ({problem.hint})" if problem.hint else ""
    return Verdict(source, line, 0, "error", message=problem.message + hint)


def _objects(document: Document) -> Iterator[tuple[Any, tuple[str | int, ...]]]:
    """The objects of a document and their places in it: those of a v1 List, or the document."""
    data = document.data
    if isinstance(data, dict) and data.get("kind") == "List" and isinstance(data.get("items"), list):
        for number, item in enumerate(data["items"]):
            yield item, ("items", number)
    else:
        yield data, ()


def _verdict(
    document: Document, data: Any, prefix: tuple[str | int, ...], cluster: Cluster, totals: Totals
) -> Verdict:
    found = check(data, cluster.release, crds=cluster.crds)
    review = _review(data, cluster) if cluster.policies is not None and not _wrong(found) else None
    everything = [*(found or ()), *(review.findings if review is not None else ())]
    wrong = _wrong(everything)
    status: Status = "invalid" if wrong else "skipped" if found is None else "valid"
    verdict = Verdict(document.source, document.position(prefix).line, 0, status)
    tree = _name(verdict, data)
    for finding in wrong:
        verdict.findings.append(Placed(finding, document.position((*prefix, *finding.steps)).line))
    unchecked = [each for each in everything if each.reason is Reason.UNCHECKED]
    warnings = [Advice(each.path, UNCHECKED_RULE, each.message) for each in unchecked]
    if verdict.status == "valid":
        totals.add(tree)
        warnings += advice(tree, cluster.release)
    elif verdict.status == "skipped":
        warnings += server_warnings(tree, cluster.release)
    if review is not None:
        warnings += review.warnings
        verdict.charges = () if wrong else review.charges
    custom = None if cluster.crds is None else cluster.crds.find(verdict.api_version, verdict.kind)
    if custom is not None and custom.deprecated:
        warnings.append(Advice("apiVersion", "deprecated-version", custom.deprecated))
    for warning in warnings:
        line = document.position((*prefix, *steps_of(warning.path))).line
        verdict.warnings.append(Warned(warning, line))
    return verdict


def _wrong(found: Iterable[Finding] | None) -> list[Finding]:
    return [each for each in found or () if each.reason is not Reason.UNCHECKED]


def _review(data: Any, cluster: Cluster) -> Review | None:
    """What policies say of an object; None for what is none."""
    if not isinstance(data, dict) or not data.get("apiVersion") or not data.get("kind"):
        return None
    from expander.validate.policies.case import review

    assert cluster.policies is not None
    return review(cluster.policies, data, cluster.release, crds=cluster.crds, namespace=cluster.namespace)


def _called(verdict: Verdict, _: int) -> str:
    return f"{verdict.kind} {verdict.name!r}"


def _name(verdict: Verdict, data: Any) -> dict[str, Any]:
    """Say in the verdict what object it is about; the object, or an empty one for what is none."""
    tree: dict[str, Any] = data if isinstance(data, dict) else {}
    metadata = tree.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    verdict.api_version, verdict.kind = _text(tree.get("apiVersion")), _text(tree.get("kind"))
    verdict.name, verdict.namespace = _text(metadata.get("name")), _text(metadata.get("namespace"))
    verdict.generate_name = _text(metadata.get("generateName"))
    return tree


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


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
