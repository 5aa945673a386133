"""Whole verdicts against those of a real API server (v1.36)."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from expander.base.errors import YamlError
from expander.base.yaml import load_documents
from expander.kube.versions import Release
from expander.validate.check import check
from expander.validate.finding import Finding

RECORDED = Release(1, 36)
ACCEPT_OR_REJECT = 0.995
SAME_FIELDS = 0.95
RAW_YAML = 0.98
CREATED, INVALID = 201, 422


class Compared(NamedTuple):
    """A recorded case, the server's answer to it and ours."""

    case: Any
    answer: dict[str, Any]
    found: list[Finding]

    @property
    def agrees(self) -> bool:
        return bool(self.found) is (self.answer["code"] != CREATED)

    @property
    def causes(self) -> list[tuple[str, str, str]]:
        return [(cause["field"], cause["reason"], cause["message"]) for cause in self.answer["causes"]]

    @property
    def ours(self) -> list[tuple[str, str, str]]:
        return [(finding.path, str(finding.reason), finding.message) for finding in self.found]


@pytest.fixture(scope="module")
def compared(reference: Path) -> list[Compared]:
    return [Compared(case, answer, verdict(obj)) for case, obj, answer in recorded(reference / "validation")]


def test_objects_are_accepted_and_rejected_as_by_the_server(compared: list[Compared]) -> None:
    disagreeing = [each.case for each in compared if not each.agrees]
    assert len(compared) > 8000
    assert len(disagreeing) <= (1 - ACCEPT_OR_REJECT) * len(compared), disagreeing


def test_invalid_objects_are_refused_at_the_fields_the_server_names(compared: list[Compared]) -> None:
    invalid = [each for each in compared if each.answer["code"] == INVALID]
    differing = [
        each.case
        for each in invalid
        if {path for path, *_ in each.ours} != {path for path, *_ in each.causes}
    ]
    assert len(invalid) > 2000
    assert len(differing) <= (1 - SAME_FIELDS) * len(invalid), differing


def test_invalid_objects_are_refused_in_the_servers_words_and_order(compared: list[Compared]) -> None:
    invalid = [each for each in compared if each.answer["code"] == INVALID]
    differing = [(each.case, each.ours, each.causes) for each in invalid if each.ours != each.causes]
    assert len(differing) <= (1 - SAME_FIELDS) * len(invalid), differing


def test_every_base_is_accepted(reference: Path) -> None:
    for path in (reference / "validation" / "bases").glob("*.yaml"):
        for document in load_documents(path.read_text(), path.name):
            assert check(document.data, RECORDED) == [], path.name


def test_raw_yaml_is_accepted_and_rejected_as_by_the_server(reference: Path) -> None:
    lines = (reference / "validation" / "yaml.jsonl").read_text().splitlines()
    cases = [case for case in map(json.loads, lines) if case["yaml"] is not None]
    disagreeing = [
        case["case"] for case in cases if accepts(case["yaml"]) != (case["verdict"]["code"] == CREATED)
    ]
    assert len(disagreeing) <= (1 - RAW_YAML) * len(cases), disagreeing


def accepts(text: str) -> bool:
    try:
        obj: Any = next((document.data for document in load_documents(text, "case")), {})
    except YamlError:
        return False
    return not verdict(obj)


def verdict(obj: Any) -> list[Finding]:
    """Our findings on what was posted to the URL of its kind."""
    kind = "CronJob" if isinstance(obj, dict) and obj.get("kind") == "CronJob" else "Job"
    found = check(obj, RECORDED, assume=("batch/v1", kind))
    assert found is not None
    return found


def recorded(folder: Path) -> Iterator[tuple[Any, Any, dict[str, Any]]]:
    """Each case, the object it stands for and the server's answer."""
    bases = {
        path.stem: next(iter(load_documents(path.read_text(), path.name))).data
        for path in (folder / "bases").glob("*.yaml")
    }
    for line in (folder / "verdicts.jsonl").read_text().splitlines():
        case = json.loads(line)
        obj = copy.deepcopy(bases[case["base"]])
        for change in case["patch"]:
            apply(obj, change)
        yield (case["base"], case["patch"]), obj, case["verdict"]


def apply(obj: Any, change: dict[str, Any]) -> None:
    """Apply one operation of a JSON Patch."""
    *parents, last = (part.replace("~1", "/").replace("~0", "~") for part in change["path"].split("/")[1:])
    place = obj
    for step in parents:
        place = place[int(step) if isinstance(place, list) else step]
    key: Any = int(last) if isinstance(place, list) and last != "-" else last
    if change["op"] == "remove":
        del place[key]
    elif key == "-":
        place.append(change["value"])
    else:
        place[key] = change["value"]
