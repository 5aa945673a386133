"""Tables against those that kube-apiserver sent to kubectl."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from expander.kube.scheme import BY_KIND
from expander.kube.served_kinds import BUILT_IN
from expander.local.apiserver.printers.columns import layout_of
from expander.local.apiserver.printers.table import table
from tests.local.apiserver.recorded import objects, tables

KINDS_RECORDED = {
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Event",
    "Job",
    "Namespace",
    "Node",
    "Pod",
    "ReplicaSet",
    "ReplicationController",
    "ResourceQuota",
    "Service",
    "StatefulSet",
}
FEW = 30


@pytest.fixture(scope="module")
def sent(reference: Path) -> list[tuple[str, dict[str, str], dict[str, Any]]]:
    """Kind, query and table of everything that was answered as a table and is served here."""
    found = []
    for exchange, body in tables(reference):
        _, prefix, *rest = exchange.path.split("/")
        group, version = ("", rest.pop(0)) if prefix == "api" else (rest.pop(0), rest.pop(0))
        rest = rest[2:] if rest[0] == "namespaces" and len(rest) > 2 else rest
        if resource := BUILT_IN.find(group, version, rest[0]):
            found.append((resource.kind, exchange.query, body))
    return found


def test_columns_are_those_of_the_server(sent: list[tuple[str, dict[str, str], dict[str, Any]]]) -> None:
    seen = set()
    for kind, _, body in sent:
        if body["columnDefinitions"] is None:
            continue
        seen.add(kind)
        ours = [without_prose(column.definition) for column in layout_of(BY_KIND[kind]).columns]
        assert ours == [without_prose(column) for column in body["columnDefinitions"]], kind
    assert seen == KINDS_RECORDED


def test_rows_of_objects_whose_whole_form_was_sent_too_are_those_of_the_server(
    sent: list[tuple[str, dict[str, str], dict[str, Any]]], reference: Path
) -> None:
    whole, compared = objects(reference), 0
    for kind, query, body in sent:
        keys = [(each["metadata"]["uid"], each["metadata"]["resourceVersion"]) for each in rows_objects(body)]
        known = [number for number, key in enumerate(keys) if key in whole]
        if not known:
            continue
        compared += len(known)
        given = [whole[keys[number]] for number in known]
        include = query.get("includeObject", "")
        wanted = [body["rows"][number] for number in known]
        assert wanted in (
            table(BY_KIND[kind], given, now, metadata=body["metadata"], include=include)["rows"]
            for now in moments(given)
        ), f"{kind}: at no time are these the rows: {[row['cells'] for row in wanted]}"
    assert compared > FEW


def test_the_table_of_a_single_object_has_its_resource_version(
    sent: list[tuple[str, dict[str, str], dict[str, Any]]],
) -> None:
    single = [body for kind, query, body in sent if kind == "CronJob" and "limit" not in query]
    assert len(single) == 2
    for body in single:
        (row,) = body["rows"]
        assert body["metadata"] == {"resourceVersion": row["object"]["metadata"]["resourceVersion"]}


def test_only_the_first_event_of_a_watch_has_columns(
    sent: list[tuple[str, dict[str, str], dict[str, Any]]],
) -> None:
    watched = [body["columnDefinitions"] is not None for _, query, body in sent if "watch" in query]
    assert watched.count(True) == 2
    job = {"metadata": {"name": "a"}, "spec": {"template": {}}}
    assert table(BY_KIND["Job"], [job], 0, metadata={}, headers=False)["columnDefinitions"] is None


def moments(given: list[dict[str, Any]]) -> list[float]:
    """The moments in the twenty minutes after the youngest object was made, in half seconds."""
    from expander.kube.time import unix

    youngest = max(unix(each["metadata"]["creationTimestamp"]) for each in given)
    return [youngest + half / 2 for half in range(2 * 20 * 60)]


def rows_objects(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [row["object"] for row in body["rows"]]


def without_prose(column: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in column.items() if key != "description"}
