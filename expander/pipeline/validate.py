"""Manifests -> verdicts, offline."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, BinaryIO

from expander.base.errors import InputError, YamlError
from expander.base.yaml import Chunk
from expander.pipeline.reading import chunks_of, files_of
from expander.pipeline.verdicts import Examined, Verdict, Warned, examine, unreadable
from expander.validate.finding import Finding
from expander.validate.warnings import Advice, Totals

PORTION = 1 << 18
"""Characters of documents that are examined together."""

PARALLEL = 4
"""Portions from which on other processes help; starting them takes as long as a few portions."""

SOURCES = 100
"""So many files are examined together at most."""

Portion = list[tuple[str, "list[Chunk] | YamlError"]]
"""Sources and their documents; an error where a source stops being readable."""


def validate(manifest: Mapping[str, Any], version: str | None = None) -> list[Finding]:
    """What the API server would refuse in ``manifest``; empty when it would be accepted.

    ``manifest`` is plain JSON data; ``version`` a Kubernetes version such as "1.33", the newest by default.
    Raises UsageError for a version without schemas and InputError for a kind without one.
    """
    from expander.validate.check import check

    found = check(manifest, version=version)
    if found is None:
        raise InputError(f"there is no schema for {manifest.get('apiVersion')} {manifest.get('kind')}")
    return found


class Validation:
    """The verdicts of all manifests in ``paths``, in order, with warnings about the batch.

    Iterating reads and checks; afterwards ``counts`` has the number of verdicts by status, ``warned`` the
    number of warnings, and ``batch_warnings`` what concerns the batch as a whole.
    """

    def __init__(
        self,
        paths: Sequence[str],
        *,
        version: str | None = None,
        recursive: bool = False,
        group_label: str = "jobgroup",
        quota: Mapping[str, str] | None = None,
        workers: int | None = None,
        stdin: BinaryIO | None = None,
    ) -> None:
        self._paths = paths
        self._version = version
        self._recursive = recursive
        self._group_label = group_label
        self._quota = quota or {}
        self._workers = workers if workers is not None else os.cpu_count() or 1
        self._stdin = stdin
        self.counts = {"valid": 0, "invalid": 0, "skipped": 0, "error": 0}
        self.warned = 0
        self.totals = Totals(group_label)
        self.batch_warnings: list[Advice] = []

    def __iter__(self) -> Iterator[Verdict]:
        names: dict[tuple[str, str, str], tuple[str, int]] = {}
        numbers: dict[str, int] = {}
        for verdicts, totals in self._examined():
            self.totals.include(totals)
            for verdict in verdicts:
                verdict.index = numbers.get(verdict.source, 0)
                numbers[verdict.source] = verdict.index + 1
                self._compare(verdict, names)
                self.counts[verdict.status] += 1
                self.warned += len(verdict.warnings)
                yield verdict
        self.batch_warnings = self.totals.warnings() + self.totals.over(self._quota)
        self.warned += len(self.batch_warnings)

    def _compare(self, verdict: Verdict, names: dict[tuple[str, str, str], tuple[str, int]]) -> None:
        """Warn when another manifest of the batch has the same kind, namespace and name."""
        if not verdict.name:
            return
        here = (verdict.source, verdict.line)
        first = names.setdefault((verdict.kind, verdict.namespace, verdict.name), here)
        if first is not here:
            message = f"{verdict.kind} {verdict.name!r} is in {first[0]}:{first[1]} already"
            verdict.warnings.append(Warned(Advice("metadata.name", "duplicate-name", message), verdict.line))

    def _examined(self) -> Iterator[Examined]:
        work = partial(
            _examine, version=self._version, group_label=self._group_label, amounts=bool(self._quota)
        )
        portions = self._portions()
        first = list(islice(portions, PARALLEL))
        if len(first) < PARALLEL or self._workers < 2:
            yield from map(work, first)
            yield from map(work, portions)
            return
        from expander.pipeline.workers import in_order

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
                    if size >= PORTION:
                        yield portion
                        chunks, size = [], 0
                        portion = [(source, chunks)]
            except YamlError as error:
                portion.append((source, error))
            if len(portion) >= SOURCES:
                yield portion
                portion, size = [], 0
        if portion:
            yield portion


def _examine(portion: Portion, version: str | None, group_label: str, amounts: bool) -> Examined:
    totals = Totals(group_label, amounts=amounts)
    verdicts: list[Verdict] = []
    for source, chunks in portion:
        if isinstance(chunks, YamlError):
            verdicts.append(unreadable(source, chunks))
        else:
            verdicts += examine(source, chunks, version, totals)
    return Examined(verdicts, totals)


def quotas_in(paths: Iterable[str]) -> dict[str, str]:
    """The hard limits of the ResourceQuotas in files; the smaller where two limit the same.

    Raises InputError for a file that cannot be read or has no ResourceQuota.
    """
    from expander.base.errors import Position
    from expander.kube.quantity import compare
    from expander.pipeline.quotas import limits_in

    hard: dict[str, str] = {}
    for path in paths:
        quotas = [each["spec"] for each in limits_in([path]) if each["kind"] == "ResourceQuota"]
        if not quotas:
            raise InputError("there is no ResourceQuota in the file", where=Position(path))
        for spec in quotas:
            for name, limit in (spec.get("hard") or {}).items():
                text = str(limit)
                if name not in hard or compare(text, hard[name]) < 0:
                    hard[name] = text
    return hard
