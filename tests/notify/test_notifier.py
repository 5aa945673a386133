"""The events of one command: each once, never in its way, and bounded at its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from expander.base.errors import ClosedPipe, ExpanderError, UsageError
from expander.notify import notifier as module
from expander.notify.notification import Counts, FailedItem, NotDelivered, Notification, Waiting
from expander.notify.notifier import Notifier, notifying
from expander.notify.stall import StallWatch

ITEM = FailedItem("a", "default", reason="Failed")


class Place:
    """A target; ``hold`` waits in it, ``why`` is why nothing arrives."""

    def __init__(self, name: str = "place", why: str = "") -> None:
        self.name = name
        self.why = why
        self.got: list[Notification] = []
        self.hold = threading.Event()
        self.hold.set()

    def deliver(self, notification: Notification, until: float) -> None:
        self.hold.wait(60)
        if self.why:
            raise NotDelivered(self.why)
        self.got.append(notification)

    @property
    def events(self) -> list[str]:
        return [each.event for each in self.got]


def made(*places: Place, say: Callable[[str], None] = lambda _: None, **fields: Any) -> Notifier:
    return Notifier(places, say, command="run", local=True, group="g", **fields)


def test_each_event_is_told_once_and_in_order() -> None:
    place = Place()
    with notifying(made(place)) as notifier:
        notifier.counts = lambda: Counts(failed=1, unfinished=4)
        for _ in range(3):
            notifier.failed(ITEM)
            notifier.stalled([Waiting("FailedMount")])
        notifier.done("failed", Counts(failed=5))
        notifier.done("complete", Counts())
    assert place.events == ["first-failure", "stalled", "done"]
    assert [each.counts for each in place.got] == [Counts(failed=1, unfinished=4)] * 2 + [Counts(failed=5)]
    assert [each.failed for each in place.got] == [ITEM] * 3


def test_without_a_target_nothing_is_wanted() -> None:
    notifier = made()
    assert not notifier.is_on
    assert not notifier.wants_failure
    notifier.failed(ITEM)
    notifier.close()


def test_a_target_that_hangs_holds_up_neither_the_command_nor_the_others() -> None:
    slow, quick = Place(), Place()
    slow.hold.clear()
    notifier = made(slow, quick)
    notifier.failed(ITEM)
    notifier.done("failed", Counts(failed=1))
    while quick.events != ["first-failure", "done"]:
        threading.Event().wait(0.01)
    assert slow.got == []
    slow.hold.set()
    notifier.close()
    assert slow.events == ["first-failure", "done"]


def test_the_end_waits_so_long_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXIT_SECONDS", 0.2)
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.05)
    said: list[str] = []
    slow, other = Place("slow", why="late"), Place("other")
    slow.hold.clear()
    with notifying(made(slow, other, say=said.append)) as notifier:
        notifier.done("complete", Counts())
    assert other.events == ["done"]
    assert said == [
        "waiting until notifications are delivered (Ctrl-C leaves)",
        "warning: notifications to slow: not delivered within 0 s",
    ]
    slow.hold.set()


def test_no_delivery_may_last_longer_than_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXIT_SECONDS", 0.5)
    untils: list[float] = []
    slow = Place("slow")
    deliver = slow.deliver
    slow.hold.clear()

    def delivered(notification: Notification, until: float) -> None:
        untils.append(until)
        deliver(notification, until)

    monkeypatch.setattr(slow, "deliver", delivered)
    notifier = made(slow)
    notifier.failed(ITEM)
    while not untils:
        threading.Event().wait(0.01)
    notifier.done("failed")
    threading.Timer(0.1, slow.hold.set).start()
    before = time.monotonic()
    notifier.close()
    assert slow.events == ["first-failure", "done"]
    assert untils[1] < before + module.DELIVERY_SECONDS


def test_a_target_that_breaks_is_one_line_and_gets_what_comes_next() -> None:
    said: list[str] = []
    place = Place("place")
    with notifying(made(place, say=said.append)) as notifier:
        place.hold = None  # type: ignore[assignment]
        notifier.failed(ITEM)
        while not said:
            threading.Event().wait(0.01)
        place.hold = threading.Event()
        place.hold.set()
        notifier.done("failed")
    assert said == ["warning: first-failure notification to place: AttributeError"]
    assert place.events == ["done"]


def test_what_does_not_arrive_is_one_line_and_nothing_else() -> None:
    said: list[str] = []
    with notifying(made(Place("https://h", why="HTTP 404"), say=said.append)) as notifier:
        notifier.failed(ITEM)
        notifier.done("failed")
    assert said == [
        "warning: first-failure notification to https://h: HTTP 404",
        "warning: done notification to https://h: HTTP 404",
    ]


@pytest.mark.parametrize(
    ("error", "outcome", "words"),
    [
        (KeyboardInterrupt(), "interrupted", ""),
        (UsageError("this does not fit\nat all"), "error", "this does not fit\nat all"),
        (MemoryError(), "error", "MemoryError"),
    ],
)
def test_a_command_that_ends_by_an_error_tells_it(error: BaseException, outcome: str, words: str) -> None:
    place = Place()
    with pytest.raises(type(error)), notifying(made(place)):
        raise error
    (got,) = place.got
    assert (got.event, got.outcome, got.error) == ("done", outcome, words)


def test_a_reader_that_went_away_is_no_news() -> None:
    place = Place()
    with pytest.raises(ClosedPipe), notifying(made(place)):
        raise ClosedPipe("gone")
    assert place.got == []


def test_an_error_after_the_end_is_not_told_again() -> None:
    place = Place()
    notifier = made(place)
    notifier.done("complete", Counts(complete=1))
    with pytest.raises(ExpanderError), notifying(notifier):
        raise ExpanderError("the report cannot be written")
    assert [each.outcome for each in place.got] == ["complete"]


class Moving:
    """What a stall watch looks at, and a clock that is set."""

    def __init__(self) -> None:
        self.now = 0.0
        self.progress = 0
        self.waits: Sequence[Waiting] = ()
        self.looks = 0
        self.told: list[Sequence[Waiting]] = []
        self.watch = StallWatch(
            lambda: self.progress, self.look, self.told.append, seconds=600, clock=lambda: self.now
        )

    def look(self) -> Sequence[Waiting]:
        self.looks += 1
        return self.waits

    def after(self, seconds: float) -> bool:
        self.now += seconds
        return self.watch.step()


def test_a_stall_is_told_after_so_long_without_progress() -> None:
    it = Moving()
    it.waits = [Waiting("FailedMount")]
    assert not it.after(0)
    assert not it.after(599)
    assert it.looks == 0
    assert it.after(1)
    assert it.told == [it.waits]


def test_progress_begins_the_time_anew_and_costs_no_request() -> None:
    it = Moving()
    it.waits = [Waiting("FailedMount")]
    for _ in range(100):
        it.progress += 1
        assert not it.after(599)
    assert (it.looks, it.told) == (0, [])


def test_what_runs_for_long_is_no_stall_and_is_looked_at_as_seldom() -> None:
    it = Moving()
    for _ in range(36):
        assert not it.after(100)
    assert it.looks == 5
    assert it.told == []
