"""The rows of events, in the old form and in the new."""

from __future__ import annotations

from typing import Any

from expander.kube.scheme import BY_KIND
from expander.kube.time import unix
from expander.local.apiserver.printers.table import table

CREATED = "2026-11-21T01:46:43Z"
NOW = unix(CREATED) + 90


def cells(obj: dict[str, Any]) -> list[Any]:
    found: list[Any] = table(BY_KIND["Event"], [obj], NOW, metadata={})["rows"][0]["cells"]
    return found


def event(**fields: Any) -> dict[str, Any]:
    about = {"kind": "Pod", "name": "p", "fieldPath": "spec.containers{c}"}
    return {"metadata": {"name": "e"}, "involvedObject": about, "message": " hello \n", **fields}


def test_an_event_says_when_it_was_first_and_last_seen() -> None:
    twice = event(firstTimestamp=CREATED, lastTimestamp="2026-11-21T01:47:43Z", count=2)
    row = cells(twice)
    assert (row[0], row[3:5], row[6:]) == ("30s", ["pod/p", "spec.containers{c}"], ["hello", "90s", 2, "e"])


def test_an_event_of_the_new_form_has_one_time_or_a_series() -> None:
    new = event(eventTime="2026-11-21T01:46:43.000000Z", reportingComponent="c", reportingInstance="i")
    row = cells(new)
    assert (row[0], row[5], row[7], row[8]) == ("90s", "c, i", "90s", 1)
    series = {"count": 7, "lastObservedTime": "2026-11-21T01:48:03.000000Z"}
    row = cells({**new, "series": series})
    assert (row[0], row[7], row[8]) == ("10s", "90s", 7)


def test_an_event_without_a_name_of_its_object_shows_the_kind() -> None:
    assert cells(event(involvedObject={"kind": "Node"}))[3] == "node"
