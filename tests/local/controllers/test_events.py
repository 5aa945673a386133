"""Events are kept few by client-go's rules."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from expander.local.controllers.events import Recorder
from expander.local.store.database import open_database
from expander.local.store.events import EventStore

JOB = {"kind": "Job", "metadata": {"name": "j", "namespace": "default", "uid": "uid-j"}}


@pytest.fixture
def events(tmp_path: Path) -> Iterator[EventStore]:
    with closing(open_database(tmp_path / "state.db")) as database:
        yield EventStore(database)


def told(events: EventStore) -> list[tuple[str, int]]:
    return [(event.message, event.count) for event in events.of()]


def test_the_same_event_again_only_counts(events: EventStore) -> None:
    recorder = Recorder(events, "job-controller")
    for second in range(3):
        recorder.record(JOB, "Normal", "Reason", "same", float(second))
    assert told(events) == [("same", 3)]


def test_nine_different_messages_are_told_and_the_tenth_and_later_ones_as_one(events: EventStore) -> None:
    recorder = Recorder(events, "job-controller")
    for number in range(12):
        recorder.record(JOB, "Normal", "SuccessfulCreate", f"Created pod: {number}", 1.0)
    assert told(events) == [
        *((f"Created pod: {number}", 1) for number in range(9)),
        ("(combined from similar events): Created pod: 11", 3),
    ]


def test_ten_minutes_of_silence_separate_similar_events(events: EventStore) -> None:
    recorder = Recorder(events, "job-controller")
    for number in range(9):
        recorder.record(JOB, "Normal", "SuccessfulCreate", str(number), 1.0)
    recorder.record(JOB, "Normal", "SuccessfulCreate", "late", 602.0)
    assert told(events)[-1] == ("late", 1)


def test_reasons_are_counted_apart(events: EventStore) -> None:
    recorder = Recorder(events, "job-controller")
    for number in range(9):
        recorder.record(JOB, "Normal", "SuccessfulCreate", str(number), 1.0)
    recorder.record(JOB, "Normal", "Completed", "Job completed", 1.0)
    assert told(events)[-1] == ("Job completed", 1)


def test_of_one_object_twenty_five_come_through_and_then_one_in_five_minutes(events: EventStore) -> None:
    recorder = Recorder(events, "job-controller")
    for number in range(50):
        recorder.record(JOB, "Normal", "SuccessfulCreate", str(number), 1.0)
    recorder.record(JOB, "Normal", "Completed", "Job completed", 1.0)
    assert told(events)[-1] == ("(combined from similar events): 24", 16)
    recorder.record(JOB, "Normal", "Completed", "Job completed", 302.0)
    recorder.record(JOB, "Normal", "Completed", "Job completed", 303.0)
    assert told(events)[-1] == ("Job completed", 1)


def test_objects_are_counted_apart(events: EventStore) -> None:
    recorder = Recorder(events, "job-controller")
    other = {"kind": "Job", "metadata": {"name": "k", "namespace": "default", "uid": "uid-k"}}
    for number in range(30):
        recorder.record(JOB, "Normal", "SuccessfulCreate", str(number), 1.0)
    recorder.record(other, "Normal", "SuccessfulCreate", "mine", 1.0)
    assert told(events)[-1] == ("mine", 1)
