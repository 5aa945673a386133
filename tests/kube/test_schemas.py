from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from expander.base.data_files import folder
from expander.kube import schemas
from expander.kube.versions import RELEASES, Release

JOBS_COME_WITH = ("ConfigMap", "Secret", "Service", "Pod", "ResourceQuota", "List")


@pytest.mark.parametrize("release", RELEASES, ids=str)
def test_every_version_has_jobs_and_what_comes_with_them(release: Release) -> None:
    assert all(
        schemas.root("batch/v1", kind, release) for kind in ("Job", "CronJob", "JobList", "CronJobList")
    )
    assert all(schemas.root("v1", kind, release) for kind in JOBS_COME_WITH)


@pytest.mark.parametrize("release", RELEASES, ids=str)
def test_a_built_in_kind_without_a_schema_is_known_by_name(release: Release) -> None:
    assert schemas.kinds(release)["apps/v1"]["Deployment"] is None


def test_every_reference_has_a_definition_and_every_definition_a_use() -> None:
    used = {
        name
        for release in RELEASES
        for kinds in (*schemas.kinds(release).values(), *schemas.custom()["kinds"][str(release)].values())
        for name in kinds.values()
        if name
    }
    pending = list(used)
    while pending:
        for name in references(schemas.definitions()[pending.pop()]):
            if name not in used:
                used.add(name)
                pending.append(name)
    assert used == set(schemas.definitions())


def test_versions_share_definitions() -> None:
    of_a_version = [closure(release) for release in RELEASES]
    assert len(schemas.definitions()) < sum(len(names) for names in of_a_version) / 2


def test_no_prose_is_shipped() -> None:
    assert '"description":"' not in (folder("schemas") / "definitions.json").read_text()


@pytest.mark.parametrize("release", RELEASES, ids=str)
def test_the_status_of_a_pod_condition_pattern_may_be_left_out(release: Release) -> None:
    schema = schemas.root("batch/v1", "Job", release)
    for step in ("spec", "podFailurePolicy", "rules", 0, "onPodConditions", 0):
        assert schema is not None
        schema = schemas.child(schema, step)
    assert schema is not None
    assert schema["required"] == ["type"]


def test_the_served_schemas_of_1_36_have_the_same_fields_types_and_enums(reference: Path) -> None:
    served = json.loads((reference / "openapi-v1.36.json").read_text())
    for full, ours in pairs(served):
        theirs = served[full]
        assert set(ours.get("properties", ())) == set(theirs.get("properties", ())), full
        for field, schema in theirs.get("properties", {}).items():
            mine = ours["properties"][field]
            for key in ("enum", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "format"):
                assert mine.get(key) == schema.get(key), f"{full}.{field} {key}"
            if "type" in schema:
                assert mine["type"] == schema["type"], f"{full}.{field}"


def pairs(served: dict[str, Any]) -> list[tuple[str, schemas.Schema]]:
    """Served components with our definition of the same name in 1.36, reached from the same kinds."""
    found: dict[str, schemas.Schema] = {}
    pending = [
        (
            full,
            schemas.root("batch/v1" if ".batch." in full else "v1", full.rsplit(".", 1)[-1], Release(1, 36)),
        )
        for full in served
        if "x-kubernetes-group-version-kind" in served[full]
    ]
    while pending:
        full, ours = pending.pop()
        if ours is None or full in found or not served[full].get("properties"):
            continue
        found[full] = ours
        for field, schema in served[full]["properties"].items():
            for name, steps in targets(schema):
                below: schemas.Schema | None = schemas.child(ours, field)
                for step in steps:
                    assert below is not None
                    below = schemas.child(below, step)
                pending.append((name, below))
    assert len(found) > 130
    return list(found.items())


def targets(schema: dict[str, Any]) -> list[tuple[str, list[str | int]]]:
    if "items" in schema:
        return [(name, [0, *steps]) for name, steps in targets(schema["items"])]
    if isinstance(schema.get("additionalProperties"), dict):
        return [(name, ["key", *steps]) for name, steps in targets(schema["additionalProperties"])]
    whole = [schema, *schema.get("allOf", ())]
    return [(part["$ref"].rsplit("/", 1)[-1], []) for part in whole if "$ref" in part]


def closure(release: Release) -> set[str]:
    pending = [name for kinds in schemas.kinds(release).values() for name in kinds.values() if name]
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending.extend(references(schemas.definitions()[name]))
    return seen


def references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for part in schema for name in references(part)]
    if not isinstance(schema, dict):
        return []
    here = [schema["$ref"].removeprefix(schemas.REF)] if isinstance(schema.get("$ref"), str) else []
    return here + [name for part in schema.values() for name in references(part)]
