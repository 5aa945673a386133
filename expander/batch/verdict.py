"""The verdict on each document of a file, offline, as the API server would give it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Literal

from expander.base.dataclass import dataclass
from expander.base.errors import YamlError
from expander.base.named_tuple import NamedTuple
from expander.base.yaml import Chunk, Document, read_chunk
from expander.kube.versions import DEFAULT, Release
from expander.validate.check import check
from expander.validate.finding import Advice, Finding, Reason, steps_of
from expander.validate.policies.quotas import Charge
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
