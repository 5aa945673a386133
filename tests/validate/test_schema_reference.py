"""The schema layer against the answers of a real API server."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import YamlError
from expander.base.yaml import load_documents
from expander.kube.versions import Release
from expander.validate.schema import check_schema

AGREEMENT = 0.999
OTHERS_NAME_NO_FIELD = re.compile(
    "quantities must|unable to parse quantity|parsing time|is registered|parse error"
)
EMBEDDED = re.compile(r"\.(VolumeSource|ProbeHandler|LifecycleHandler|LocalObjectReference)\.")


@pytest.fixture(scope="module")
def answers(reference: Path) -> list[tuple[Any, Any, Any]]:
    return list(recorded(reference / "validation"))


def test_what_the_server_cannot_decode_is_refused_and_nothing_else(
    answers: list[tuple[Any, Any, Any]],
) -> None:
    disagreeing = [case for case, obj, answer in answers if bool(findings(obj)) != (answer["code"] == 400)]
    assert len(answers) > 8000
    assert len(disagreeing) <= (1 - AGREEMENT) * len(answers), disagreeing


def test_the_field_the_server_names_is_the_one_found(answers: list[tuple[Any, Any, Any]]) -> None:
    named, elsewhere = 0, []
    for case, obj, answer in answers:
        if answer["code"] == 400 and not OTHERS_NAME_NO_FIELD.search(answer["message"]):
            message = EMBEDDED.sub(".", answer["message"])
            paths = [finding.path for finding in findings(obj)]
            if any(path in message or re.sub(r"\[[^]]*\]", "", path) in message for path in paths):
                named += 1
            else:
                elsewhere.append((case, paths, message))
    assert named > 2500
    assert elsewhere == []


def test_raw_yaml_is_refused_where_the_server_cannot_decode_it(reference: Path) -> None:
    cases = [json.loads(line) for line in (reference / "validation" / "yaml.jsonl").read_text().splitlines()]
    disagreeing = [
        case["case"]
        for case in cases
        if case["yaml"] and readable(case["yaml"]) != (case["verdict"]["code"] != 400)
    ]
    assert disagreeing in ([], ["merge-key"])  # a key set twice by a merge is the reader's business


def findings(obj: Any) -> list[Any]:
    kind = obj.get("kind")
    found = check_schema(
        obj, release=Release(1, 36), assume=("batch/v1", kind if kind == "CronJob" else "Job")
    )
    assert found is not None
    return found


def readable(text: str) -> bool:
    try:
        obj: Any = next((document.data for document in load_documents(text, "case")), {})
    except YamlError:
        return False
    return check_schema(obj, release=Release(1, 36), assume=("batch/v1", "Job")) == []


def recorded(folder: Path) -> Iterator[tuple[Any, Any, Any]]:
    bases = {
        path.stem: next(iter(load_documents(path.read_text(), path.name))).data
        for path in (folder / "bases").glob("*.yaml")
    }
    for line in (folder / "verdicts.jsonl").read_text().splitlines():
        case = json.loads(line)
        yield (case["base"], case["patch"]), patched(bases[case["base"]], case["patch"]), case["verdict"]


def patched(base: Any, patch: list[dict[str, Any]]) -> Any:
    obj = copy.deepcopy(base)
    for change in patch:
        *parents, last = (
            part.replace("~1", "/").replace("~0", "~") for part in change["path"].split("/")[1:]
        )
        parent = obj
        for step in parents:
            parent = parent[int(step)] if isinstance(parent, list) else parent[step]
        if isinstance(parent, list) and last == "-":
            parent.append(change["value"])
            continue
        place: Any = int(last) if isinstance(parent, list) else last
        if change["op"] == "remove":
            del parent[place]
        else:
            parent[place] = change["value"]
    return obj
