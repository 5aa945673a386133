"""What validation says of each document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from expander.base.errors import YamlError
from expander.base.yaml import Chunk, Document, read_chunk
from expander.validate.check import check
from expander.validate.finding import Finding, steps_of
from expander.validate.warnings import Advice, Totals, advice

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
    from 0.
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


class Examined(NamedTuple):
    """Verdicts of some chunks, and what their valid manifests ask for together."""

    verdicts: list[Verdict]
    totals: Totals


def examine(source: str, chunks: Sequence[Chunk], version: str | None, totals: Totals) -> list[Verdict]:
    """The verdicts of documents; a chunk that is not YAML has one of status ``error``.

    What valid manifests ask for is added to ``totals``.
    ``version`` is a Kubernetes version, the newest by default; UsageError for one without schemas.
    """
    verdicts: list[Verdict] = []
    for chunk in chunks:
        try:
            documents = read_chunk(chunk, source)
        except YamlError as error:
            verdicts.append(unreadable(source, error))
            continue
        for document in documents:
            for data, prefix in _objects(document):
                verdicts.append(_verdict(document, data, prefix, version, totals))
    return verdicts


def unreadable(source: str, error: YamlError) -> Verdict:
    """The verdict for text that is no YAML."""
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
    document: Document,
    data: Any,
    prefix: tuple[str | int, ...],
    version: str | None,
    totals: Totals,
) -> Verdict:
    found = check(data, version=version)
    tree: dict[str, Any] = data if isinstance(data, dict) else {}
    metadata = tree.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    verdict = Verdict(
        document.source,
        document.position(prefix).line,
        0,
        "skipped" if found is None else "invalid" if found else "valid",
        _text(tree.get("apiVersion")),
        _text(tree.get("kind")),
        _text(metadata.get("name")),
        _text(metadata.get("namespace")),
    )
    for finding in found or ():
        verdict.findings.append(Placed(finding, document.position((*prefix, *finding.steps)).line))
    if verdict.status == "valid":
        totals.add(tree)
        for warning in advice(tree):
            steps = steps_of(warning.path)
            verdict.warnings.append(Warned(warning, document.position((*prefix, *steps)).line))
    return verdict


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
