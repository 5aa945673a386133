"""What notifications say: the contract of the JSON, and a text in which no value calls anybody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.notify.notification import MAX_TEXT, Counts, Event, FailedItem, Notification, Waiting

ITEM = FailedItem(
    "frame-7", "default", {"n": "7"}, "7", "BackoffLimitExceeded", "OOMKilled", "Job has reached its limit"
)


def notification(event: Event = "done", **fields: Any) -> Notification:
    given: dict[str, Any] = {
        "command": "run",
        "group": "night",
        "namespace": "default",
        "local": True,
        "counts": Counts(complete=8, failed=2),
        "seconds": 8000.04,
        "at": 1764500000.0,
        "id": "an id",
    }
    return Notification(event, **(given | fields))


def test_the_json_has_these_names_for_every_event() -> None:
    data = notification(outcome="failed", failed=ITEM).data()
    host = data.pop("host")
    assert isinstance(host, str)
    assert data == {
        "text": "expander run night: done after 133m: 8 complete, 2 failed "
        "(first: 7: BackoffLimitExceeded (OOMKilled))",
        "version": 1,
        "id": "an id",
        "event": "done",
        "command": "run",
        "group": "night",
        "namespace": "default",
        "local": True,
        "time": "2025-11-30T10:53:20Z",
        "seconds": 8000.0,
        "outcome": "failed",
        "error": None,
        "counts": {"complete": 8, "failed": 2, "removed": 0, "refused": 0, "unfinished": 0},
        "failed": {
            "name": "frame-7",
            "namespace": "default",
            "item": {"n": "7"},
            "key": "7",
            "reason": "BackoffLimitExceeded",
            "cause": "OOMKilled",
            "message": "Job has reached its limit",
        },
        "waiting": [],
    }
    waiting = notification("stalled", waiting=[Waiting("FailedMount", "no claim", 3)]).data()
    assert waiting.keys() - {"host"} == data.keys()
    assert waiting["waiting"] == [{"reason": "FailedMount", "message": "no claim", "jobs": 3}]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"outcome": "complete", "counts": Counts(complete=3)}, "done after 133m: 3 complete"),
        ({"outcome": "complete", "counts": Counts()}, "done after 133m: 0 complete"),
        (
            {"outcome": "interrupted", "counts": Counts(complete=3, unfinished=7)},
            "interrupted after 133m: 3 complete, 7 unfinished",
        ),
        ({"outcome": "timed-out", "counts": Counts(unfinished=1)}, "timed out after 133m: 1 unfinished"),
        ({"outcome": "halted", "counts": Counts(failed=1)}, "halted after 133m: 1 failed"),
        (
            {"outcome": "error", "error": "the disk is full", "counts": Counts(complete=1)},
            "ended by an error after 133m: the disk is full: 1 complete",
        ),
        (
            {
                "event": "first-failure",
                "failed": FailedItem("a", "b", reason="Invalid", message="no\n  name"),
            },
            "first failure: a: no name",
        ),
        (
            {
                "event": "stalled",
                "counts": Counts(unfinished=12),
                "waiting": [Waiting("ImagePullBackOff", "no image", 12)],
            },
            "nothing moves: 12 Jobs unfinished: ImagePullBackOff: no image (12 Jobs)",
        ),
        (
            {"event": "stalled", "waiting": [Waiting(str(number), "", 0) for number in range(5)]},
            "nothing moves: 0; 1; 2; 2 more reasons",
        ),
    ],
)
def test_the_text_says_what_has_happened_on_one_line(fields: dict[str, Any], words: str) -> None:
    assert notification(**fields).text == f"expander run night: {words}"


@given(name=st.text(), reason=st.text(), message=st.text(), error=st.text())
def test_no_value_calls_anybody_in_a_chat_or_breaks_the_line(
    name: str, reason: str, message: str, error: str
) -> None:
    item = FailedItem(name, "default", name, name, reason, "", message)
    for made in (
        notification(failed=item, outcome="error", error=error, group=name),
        notification("first-failure", failed=item),
        notification("stalled", waiting=[Waiting(reason, message)]),
    ):
        assert not set("<>\n\r\0\x1b") & set(made.text)
        assert "@" not in made.text.replace("@\u200b", "")
        assert len(made.text) < 4000
        assert json.loads(json.dumps(made.data()))["failed"] == made.data()["failed"]
        assert all("\0" not in text for text in made.variables().values())


def test_no_text_of_the_json_is_longer_than_its_bound() -> None:
    long = "x" * 1_000_000
    item = {"a": long, "b": [long, 1, None], long: "kept"}
    failed = FailedItem("n", "d", item=item, message=long)
    fields: dict[str, Any] = {"failed": failed, "waiting": [Waiting("r", long)], "error": long}
    cut = "x" * (MAX_TEXT - 3) + "..."
    data = notification("stalled", **fields).data()
    assert data["failed"]["item"] == {"a": cut, "b": [cut, 1, None], long: "kept"}
    assert (data["failed"]["message"], data["waiting"][0]["message"], data["error"]) == (cut, cut, cut)
