"""Events are kept with the objects and come out as the API's."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from sqlite3 import Connection
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.kube.companions import EVENT as EVENT_OF_GROUP
from expander.kube.scheme import BY_KIND
from expander.local.apiserver import field_selectors
from expander.local.store import events as events_module
from expander.local.store.database import open_database
from expander.local.store.events import COLUMNS, SCHEDULER, EventStore, api_event, columns_of

Connect = Callable[[], Connection]

ABOUT = ("Job", "default", "j", "uid-j")
WHAT = ("Normal", "Completed", "Job completed")


def test_an_event_is_seen_at_once_and_after_a_commit_also_later(connect: Connect) -> None:
    database = connect()
    events = EventStore(database)
    events.add(ABOUT, "job-controller", WHAT, 10.5)
    assert [event.message for event in events.of("default", "j")] == ["Job completed"]
    database.execute("COMMIT")
    again = EventStore(connect())
    assert [event.reason for event in again.of()] == ["Completed"]
    assert again.add(ABOUT, "job-controller", WHAT, 11.0).id == 2


def test_a_repeated_event_counts_and_has_the_last_time_and_message(connect: Connect) -> None:
    events = EventStore(connect())
    event = events.add(ABOUT, "job-controller", WHAT, 10.0)
    events.flush()
    events.repeat(event, "again", 20.0)
    (found,) = events.of("default")
    assert (found.count, found.first, found.last, found.message) == (2, 10.0, 20.0, "again")


def test_events_are_told_by_namespace_and_name(connect: Connect) -> None:
    events = EventStore(connect())
    events.add(ABOUT, "job-controller", WHAT, 1.0)
    events.add(("Job", "other", "j", "uid-2"), "job-controller", WHAT, 1.0)
    events.add(("Pod", "default", "p", "uid-3"), "kubelet", WHAT, 1.0)
    assert len(list(events.of())) == 3
    assert [event.uid for event in events.of("default")] == ["uid-j", "uid-3"]
    assert [event.uid for event in events.of("other", "j")] == ["uid-2"]


def test_an_api_event_names_its_object_its_source_and_its_times(connect: Connect) -> None:
    events = EventStore(connect())
    found = api_event(events.add(ABOUT, "job-controller", WHAT, 1795225685.9))
    assert found["involvedObject"] == {
        "kind": "Job",
        "namespace": "default",
        "name": "j",
        "uid": "uid-j",
        "apiVersion": "batch/v1",
    }
    assert found["firstTimestamp"] == found["lastTimestamp"] == "2026-11-21T01:48:05Z"
    assert found["metadata"]["name"].startswith("j.")
    assert found["source"] == {"component": "job-controller"}
    assert (found["type"], found["reason"], found["count"]) == ("Normal", "Completed", 1)


def test_what_was_recorded_since_a_moment_or_a_version_is_known(connect: Connect) -> None:
    version = 3
    events = EventStore(connect(), lambda: version)
    first = events.add(ABOUT, "job-controller", WHAT, 1.0)
    version = 4
    events.repeat(first, "again", 2.0)
    second = events.add(ABOUT, "job-controller", WHAT, 3.0)
    assert events.since(1) == [(first, False), (second, True)]
    assert events.since(events.changed) == []
    assert [events.changed_at(at) for at in (0, 3, 4, 5)] == [0, 0, 1, 3]
    assert EventStore(connect()).since(-1) is None


NAMESPACES = st.sampled_from(["", "a", "a-b", "b"])
NAMES = st.sampled_from(["j", "j-1", "j.0", "j.1", "j.f", "j0", "k"])
RECORDED = st.lists(st.tuples(NAMESPACES, NAMES, st.sampled_from([1.5, 1795225685.9, 1795225685.25])))


def key(event: dict[str, Any]) -> tuple[str, str]:
    return event["metadata"]["namespace"], event["metadata"]["name"]


@given(
    RECORDED,
    st.none() | NAMESPACES,
    st.tuples(NAMESPACES, NAMES | st.just("")) | st.integers(0, 20),
    st.dictionaries(st.just("name"), NAMES) | st.just({"source": "kubelet", "kind": "Pod"}),
)
def test_events_are_listed_by_the_names_of_the_api(
    recorded: list[tuple[str, str, float]],
    namespace: str | None,
    after: tuple[str, str] | int,
    wanted: dict[str, str],
) -> None:
    with tempfile.TemporaryDirectory() as folder, patch.object(events_module, "PAGE_ROWS", 2):
        events = EventStore(open_database(Path(folder) / "state.db"))
        for number, (place, name, now) in enumerate(recorded):
            kind, source = ("Job", "job-controller") if number % 2 else ("Pod", "kubelet")
            events.add((kind, place, name, f"uid-{number}"), source, WHAT, now)
        every = sorted(map(api_event, events.of()), key=key)
        start = after if isinstance(after, tuple) else key(every[after]) if after < len(every) else ("", "")
        past = [each for each in every if key(each) > start and namespace in (None, key(each)[0])]
        assert events.count(namespace, start) == len(past)
        fields = [("involvedObject", column) for column in ("kind", "name") if column in wanted]
        meant = [each for each in past if all(each[at][column] == wanted[column] for at, column in fields)]
        assert [*map(api_event, events.listed(namespace, start, wanted))] == meant


@pytest.mark.parametrize("field", COLUMNS)
def test_an_event_is_selected_by_a_column_as_by_its_field(connect: Connect, field: str) -> None:
    events = EventStore(connect())
    given = [events.add(ABOUT, "job-controller", WHAT, 1.0)]
    given.append(events.add(("Pod", "default", "p", "uid-p"), "kubelet", ("Warning", "Failed", "no"), 2.0))
    given.append(events.add(("Pod", "other", "p", "uid-o"), SCHEDULER, ("Warning", "Unknown", "no"), 2.0))
    row = BY_KIND["Event"] if field in field_selectors.EVENT else EVENT_OF_GROUP
    for event in given:
        value = getattr(event, COLUMNS[field])
        selector = field_selectors.parse(row, f"{field}={value}")
        meant = [each for each in map(api_event, given) if selector.matches(row.shown(each))]
        columns = columns_of({field: value, "metadata.name": "x"})
        assert [*map(api_event, events.listed(None, ("", ""), columns))] == meant != []
        assert [api_event(event) for event, _ in events.since(0, columns) or ()] == meant
