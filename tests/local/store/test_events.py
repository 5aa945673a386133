"""Events are kept with the objects and come out as the API's."""

from collections.abc import Callable
from sqlite3 import Connection

from expander.local.store.events import EventStore, api_event

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
