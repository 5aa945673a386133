"""Pod templates against the verdicts of a real API server.

Kept: the answers 201 and 422, and of their causes those under the pod template. Apart from them are the
causes a Job adds to its template.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from expander.base.yaml import load_documents
from expander.kube.versions import Release
from expander.local.registry import prepare_job_for_create
from expander.validate.defaults.defaults import defaults
from expander.validate.rules.pod.pod_spec import check_pod_template

Causes = list[tuple[str, str, str]]

RECORDED = Release(1, 36)


OF_THE_JOB = re.compile(
    'valid values: "OnFailure", "Never"|supported values: "OnFailure", "Never"$'
    '|only "Never" is supported|`selector` does not match'
)


def test_templates_get_the_server_s_findings_in_its_words_and_order(reference: Path) -> None:
    cases, rejected = 0, 0
    for case, template, path, expected in answered(reference):
        found = [
            (finding.path, str(finding.reason), finding.message)
            for finding in check_pod_template(template, path, RECORDED)
        ]
        assert found == [cause for cause in expected if is_of_template(cause, path)], case
        cases, rejected = cases + 1, rejected + bool(found)
    assert cases > 5000
    assert rejected > 1600


def test_templates_of_accepted_jobs_are_fine_with_the_server_s_defaults(reference: Path) -> None:
    checked = 0
    for line in (reference / "validation" / "yaml.jsonl").read_text().splitlines():
        obj = json.loads(line)["verdict"].get("object") or {}
        if obj.get("kind") == "Job":
            assert check_pod_template(obj["spec"]["template"], "spec.template", RECORDED) == []
            checked += 1
    assert checked > 60


def answered(reference: Path) -> Iterator[tuple[str, Mapping[str, Any], str, Causes]]:
    """(what the case is, defaulted template, its path, causes) of every object that was decoded."""
    folder = reference / "validation"
    bases = {
        path.stem: next(load_documents(path.read_text(), path.name)).data
        for path in (folder / "bases").glob("*.yaml")
    }
    for line in (folder / "verdicts.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["verdict"]["code"] == 400:
            continue
        base = bases[record["base"]]
        template, path = template_of(patched(base, record["patch"]), base["kind"])
        causes = record["verdict"].get("causes") or ()
        named = [(cause["field"], cause["reason"], cause["message"]) for cause in causes]
        yield f"{record['base']} {record['patch']}", template, path, named


def patched(base: Any, patch: list[dict[str, Any]]) -> Any:
    """JSON Patch: add, replace and remove are all the cases have."""
    result = copy.deepcopy(base)
    for operation in patch:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")[1:]]
        place = result
        for step in steps[:-1]:
            place = place[int(step) if isinstance(place, list) else step]
        last = int(steps[-1]) if isinstance(place, list) else steps[-1]
        if operation["op"] == "remove":
            del place[last]
        else:
            place[last] = operation["value"]
    return result


def template_of(obj: Mapping[str, Any], kind: str) -> tuple[Mapping[str, Any], str]:
    """The pod template of a Job or CronJob as the server has it when it validates, and its path."""
    if kind == "Job":
        return prepare_job_for_create(obj, "uid", release=RECORDED)["spec"]["template"], "spec.template"
    spec = defaults(obj, kind, release=RECORDED)["spec"]["jobTemplate"]["spec"]
    return spec["template"], "spec.jobTemplate.spec.template"


def is_of_template(cause: tuple[str, str, str], path: str) -> bool:
    return cause[0].startswith(f"{path}.") and not OF_THE_JOB.search(cause[2])
