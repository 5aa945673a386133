"""Defaults against what a real API server answered for objects it accepted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from expander.base.yaml import load_documents
from expander.kube.versions import Release
from expander.local.registry import UID_LABEL, prepare_job_for_create
from expander.validate.defaults.defaults import defaults

UNKNOWABLE = ("uid", "resourceVersion", "creationTimestamp", "managedFields")


def test_accepted_jobs_come_out_as_the_server_answers(reference: Path) -> None:
    compared = 0
    for case, sent, answered in accepted_jobs(reference):
        ours = prepare_job_for_create(
            sent, answered["spec"]["selector"]["matchLabels"][UID_LABEL], release=Release(1, 36)
        )
        assert as_go_writes(ours) == as_go_writes(answered), case
        compared += 1
    assert compared > 60


def test_accepted_objects_of_other_kinds_come_out_as_the_server_answers(reference: Path) -> None:
    compared = 0
    for case, sent, answered in posted(reference):
        if answered["kind"] in ("CronJob", "Service", "ResourceQuota"):
            ours = defaults(sent, release=Release(1, 36))
            for side in (ours, answered):
                del side["metadata"]
                for allocated in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
                    side["spec"].pop(allocated, None)
            assert as_go_writes(ours) == as_go_writes(answered), case
            compared += 1
    assert compared >= 2


def accepted_jobs(reference: Path) -> Iterator[tuple[str, Any, Any]]:
    """Name, object sent and object answered, for every accepted Job."""
    for line in (reference / "validation" / "yaml.jsonl").read_text().splitlines():
        case = json.loads(line)
        if case["verdict"]["code"] == 201 and case["yaml"]:
            sent = next(iter(load_documents(case["yaml"], case["case"]))).data
            yield case["case"], sent, case["verdict"]["object"]
    for name, sent, answered in posted(reference):
        if answered["kind"] == "Job":
            yield name, sent, answered


def posted(reference: Path) -> Iterator[tuple[str, Any, Any]]:
    """What kubectl posted as JSON and the server answered."""
    for path in sorted((reference / "kubectl").glob("*.json")):
        for run in json.loads(path.read_text()):
            for exchange in run["http"]:
                is_json = exchange["contentType"] == "application/json"
                if exchange["method"] == "POST" and exchange["status"] == 201 and is_json:
                    answered = json.loads(exchange["response"])
                    if "spec" in answered:
                        yield f"{path.stem}: {run['command']}", json.loads(exchange["body"]), answered


def as_go_writes(value: Any) -> Any:
    """Without what an answer adds of its own, and without empty strings, lists and maps Go leaves out."""
    if isinstance(value, dict):
        below = {key: as_go_writes(child) for key, child in value.items() if key not in UNKNOWABLE}
        return {key: child for key, child in below.items() if child not in ("", [], {})}
    return [as_go_writes(child) for child in value] if isinstance(value, list) else value
