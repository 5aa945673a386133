"""SARIF 2.1.0 of ``validate``: one run, its rules with what they say and where to read on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from expander.validate.finding import ANNOTATION_RULE
from expander.version import __version__

if TYPE_CHECKING:
    from expander.batch.validation import Validation
    from expander.batch.verdict import Verdict

_DOCS: Final = "https://kubernetes.io/docs/"
_CAUSES: Final = "reference/kubernetes-api/common-definitions/status/"
_FIELDS: Final = "reference/using-api/api-concepts/#field-validation"
_LABELS: Final = "reference/labels-annotations-taints/"
_JOBS: Final = "concepts/workloads/controllers/job/"
_LEVELS: Final = "concepts/security/pod-security-admission/"
_POLICIES: Final = "reference/access-authn-authz/validating-admission-policy/"
_WARNINGS: Final = "reference/using-api/deprecation-policy/"

RULES: Final = {
    "FieldValueDuplicate": ("A value that must be unique is there twice.", _CAUSES),
    "FieldValueForbidden": ("A field may not be given here.", _CAUSES),
    "FieldValueInvalid": ("A value is malformed or out of range.", _CAUSES),
    "FieldValueNotFound": ("A value names something that is not there.", _CAUSES),
    "FieldValueNotSupported": ("A value is not one of those that are known.", _CAUSES),
    "FieldValueRequired": ("A field must be given.", _CAUSES),
    "FieldValueTooLong": ("A text is too long.", _CAUSES),
    "FieldValueTooMany": ("A list or map has too many entries.", _CAUSES),
    "FieldValueTypeInvalid": ("A value has the wrong type.", _FIELDS),
    "UnknownField": ("The kind has no such field.", _FIELDS),
    "Unreadable": ("The text is not YAML.", "concepts/overview/working-with-objects/"),
    "audit-annotation": ("A ValidatingAdmissionPolicy writes a value into the audit log.", _POLICIES),
    "deprecated-label": ("A label of nodes has another name now.", _LABELS),
    "deprecated-annotation": ("An annotation has a field in its place now.", _LABELS),
    "deprecated-volume": ("A kind of volume is deprecated.", "concepts/storage/volumes/"),
    "duplicate-name": ("Two manifests have the same name.", "concepts/overview/working-with-objects/names/"),
    "endless": ("The pod never ends.", _JOBS),
    "fractional-bytes": (
        "A size is no whole number of bytes.",
        "concepts/configuration/manage-resources-containers/",
    ),
    "long-argument": (
        "An argument or variable is longer than Linux allows.",
        "tasks/inject-data-application/define-command-argument-container/",
    ),
    "lost-logs": ("The logs of failed pods are lost.", _JOBS),
    "name-not-label": ("A name is used in host names.", "concepts/overview/working-with-objects/names/"),
    "no-group": ("Jobs of a batch have no label in common.", _JOBS),
    "no-ttl": ("Jobs stay until they are deleted.", "concepts/workloads/controllers/ttlafterfinished/"),
    "over-quota": ("The batch asks for more than the quota has.", "concepts/policy/resource-quotas/"),
    "pod-security": ("Pods violate a level that the namespace warns of.", _LEVELS),
    "pod-security-audit": ("Pods violate a level that the namespace audits.", _LEVELS),
    "policy": ("A ValidatingAdmissionPolicy warns of the object.", _POLICIES),
    "policy-audit": ("A ValidatingAdmissionPolicy notes the object in the audit log.", _POLICIES),
    "unchecked-rule": (
        "A rule of a CustomResourceDefinition or a policy cannot be evaluated here.",
        "tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules",
    ),
    "unused-policy": ("A policy decides nothing, or is not evaluated here.", _POLICIES),
}
"""What the rules say, and where it is told; any other is a warning of the API server."""


def described(rule: str) -> dict[str, Any]:
    """A rule as SARIF lists it."""
    words, page = RULES.get(rule, ("The API server warns of it.", _WARNINGS))
    return {"id": rule, "shortDescription": {"text": words}, "helpUri": _DOCS + page}


SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


class SarifReport:
    """One run with all results, written at the end."""

    def __init__(self, put: Callable[[str], None]) -> None:
        self._put = put
        self._results: list[dict[str, Any]] = []

    def add(self, verdict: Verdict) -> None:
        who = f"{verdict.title}: " if verdict.kind else ""
        if verdict.status == "error":
            self._add("Unreadable", "error", verdict.message, verdict.source, verdict.line)
        for finding, line in verdict.findings:
            self._add(finding.reason.value, "error", f"{who}{finding}", verdict.source, line)
        for warning, line in verdict.warnings:
            level = "note" if warning.rule == ANNOTATION_RULE else "warning"
            self._add(warning.rule, level, f"{who}{warning}", verdict.source, line)

    def _add(self, rule: str, level: str, message: str, source: str, line: int) -> None:
        place: dict[str, Any] = {"artifactLocation": {"uri": quote(os.fsencode(source))}}
        if line:
            place["region"] = {"startLine": line}
        self._results.append(
            {
                "ruleId": rule,
                "level": level,
                "message": {"text": message},
                "locations": [{"physicalLocation": place}],
            }
        )

    def finish(self, validation: Validation) -> None:
        for advice in validation.batch_warnings:
            self._results.append(
                {"ruleId": advice.rule, "level": "warning", "message": {"text": str(advice)}}
            )
        rules = sorted({result["ruleId"] for result in self._results})
        driver = {"name": "expander", "version": __version__, "rules": [described(rule) for rule in rules]}
        run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": self._results}
        self._put(json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n")
