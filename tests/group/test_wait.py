"""When a wait is over, and what it tells until then."""

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

import pytest

from expander.base.errors import UsageError
from expander.group import wait as wait_module
from expander.group.wait import Waiter, WaitGoal, ended_jobs
from expander.kube.objects import Change, Object
from tests.group.fakes import FakeReader, job

Step = Change | None


class Told(FakeReader):
    """A reader that tells these changes, then nothing; it is stopped when it would tell nothing for ever."""

    def __init__(self, steps: Iterable[Step], there: Iterable[dict[str, Any]] = ()) -> None:
        super().__init__(there, ())
        self.steps = list(steps)
        self.silent = False

    def changes(self, stopped: Callable[[], bool], *, pods: bool = True) -> Iterator[Change | None]:
        yield from self.steps
        self.silent = True
        while not stopped():
            yield None


def added(*jobs: dict[str, Any]) -> list[Step]:
    return [Change("ADDED", each) for each in jobs]


def wait(
    goal: str, steps: Iterable[Step], *, expected: int = 0, busy: Callable[[], bool] | None = None
) -> tuple[str, list[tuple[str, str]]]:
    """How the wait ended (``silent``: not before there was nothing more to tell), and what it told."""
    reader = Told(steps)
    ends: list[tuple[str, str]] = []

    def on_end(one: Object, became: str) -> None:
        ends.append((one["metadata"]["name"], became))

    waiting = Waiter(reader, WaitGoal.parse(goal), expected, None, on_end)
    if busy is not None:
        waiting.busy = busy
    ending = waiting.run(lambda: reader.silent)
    return ("silent" if ending == "interrupted" else ending), ends


DONE, BAD, BUSY = job("done"), job("bad", "Failed"), job("busy", "Active")


def test_it_is_over_when_every_job_has_ended_and_tells_each_once() -> None:
    later = job("busy")
    steps = [
        *added(DONE, BUSY),
        None,
        Change("MODIFIED", BUSY),
        *added(DONE),
        Change("MODIFIED", later),
        None,
    ]
    assert wait("all", steps) == ("reached", [("done", "succeeded"), ("busy", "succeeded")])


def test_what_has_ended_before_is_told_in_the_order_of_items(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["item-10", "item-11", "item-9"]
    steps = [*added(*map(job, names)), None]
    assert [name for name, _ in wait("all", steps)[1]] == ["item-9", "item-10", "item-11"]
    monkeypatch.setattr(wait_module, "MAX_ORDERED", 2)
    assert [name for name, _ in wait("all", steps)[1]] == names


def test_it_is_not_over_while_one_is_unfinished() -> None:
    assert wait("all", [*added(DONE, BAD, BUSY), None])[0] == "silent"


def test_it_is_not_over_before_all_that_is_there_was_told() -> None:
    assert wait("any", [*added(DONE)])[1] == [("done", "succeeded")]
    assert wait("all", [*added(DONE), *added(BUSY), None])[0] == "silent"


def test_jobs_that_are_expected_are_waited_for_also_when_there_is_none_yet() -> None:
    assert wait("all", [None, *added(DONE), None], expected=2)[0] == "silent"
    assert wait("all", [None, *added(DONE), None, *added(BAD)], expected=2)[0] == "reached"


def test_without_any_job_there_is_nothing_to_wait_for() -> None:
    assert wait("all", [None]) == ("empty", [])


@pytest.mark.parametrize(
    ("goal", "steps", "ending"),
    [
        ("any", [*added(BUSY), None], "silent"),
        ("any", [*added(BUSY, BAD), None], "reached"),
        ("complete", [*added(DONE), None], "reached"),
        ("complete", [*added(BUSY, BAD), None], "missed"),
        ("complete", [*added(BUSY, DONE), None], "silent"),
        ("failed", [*added(BUSY, BAD), None], "reached"),
        ("failed", [*added(DONE), None], "missed"),
        ("count=2", [*added(DONE, BUSY), None], "silent"),
        ("count=2", [*added(DONE, BUSY, BAD), None], "reached"),
        ("count=3", [*added(DONE, BAD), None], "silent"),
        ("percent=50", [*added(DONE, BUSY), None], "reached"),
        ("percent=51", [*added(DONE, BUSY), None], "silent"),
    ],
)
def test_each_goal_is_reached_or_missed_when_it_is(goal: str, steps: list[Step], ending: str) -> None:
    assert wait(goal, steps)[0] == ending


def test_a_percentage_is_of_what_is_expected() -> None:
    assert wait("percent=50", [*added(DONE), None], expected=4)[0] == "silent"
    assert wait("percent=50", [*added(DONE, BAD), None], expected=4)[0] == "reached"


def test_a_job_that_is_deleted_counts_by_the_state_it_was_last_seen_in() -> None:
    steps = [
        *added(DONE, BUSY),
        None,
        Change("DELETED", DONE),
        Change("DELETED", job("busy", "Failed")),
        None,
    ]
    assert wait("all", steps) == ("reached", [("done", "succeeded"), ("busy", "failed")])


def test_a_job_that_is_deleted_before_it_ends_is_gone() -> None:
    stub = {key: BUSY[key] for key in ("apiVersion", "kind", "metadata")}
    assert wait("all", [*added(BUSY), None, Change("DELETED", stub)]) == ("reached", [("busy", "gone")])


def test_a_job_that_takes_the_place_of_another_is_waited_for_anew() -> None:
    again = job("bad", "Active")
    again["metadata"]["uid"] = "another"
    steps = [
        *added(BAD, BUSY),
        None,
        Change("ADDED", again),
        Change("DELETED", BAD),
        *added(job("busy")),
        None,
    ]
    assert wait("all", steps)[0] == "silent"


def test_while_a_submission_is_at_work_more_is_expected_and_then_looked_for() -> None:
    class Growing(Told):
        def jobs(self) -> Iterator[Object]:
            return iter([DONE, job("late", "Failed")])

    answers = iter([True, True, False])
    reader = Growing([*added(DONE), None, None])
    ends: list[str] = []
    waiting = Waiter(reader, WaitGoal(), 0, None, lambda one, became: ends.append(became))
    waiting.busy = lambda: next(answers, False)
    assert waiting.run(lambda: False) == "reached"
    assert ends == ["succeeded", "failed"]


def test_the_time_is_up_by_the_clock_that_is_given() -> None:
    now = iter(range(1000))
    waiting = Waiter(Told([*added(BUSY), None]), WaitGoal(), 0, 10.0, lambda one, became: None)
    waiting.clock = lambda: float(next(now))
    assert waiting.run(lambda: False) == "timeout"


@pytest.mark.parametrize(
    "text", ["", "some", "count", "count=0", "count=x", "percent=101", "percent=0", "any=3"]
)
def test_a_goal_that_is_none_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(UsageError, match="expected one of all, any, complete, failed, count=N"):
        WaitGoal.parse(text)


class Busy(FakeReader):
    """A reader of a group in which something happens all the time."""

    def changes(self, stopped: Callable[[], bool], *, pods: bool = True) -> Iterator[Change | None]:
        for number in count():
            yield Change("ADDED", job(f"job-{number}"))


def test_jobs_that_have_ended_are_told_of_although_more_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait_module, "MAX_BATCH_SECONDS", 0)
    told = ended_jobs(Busy([], []))
    names = [each["metadata"]["name"] for _ in range(3) for each in next(told)]
    assert names[:3] == ["job-0", "job-1", "job-2"]


def test_each_job_is_told_of_once_and_the_end_is_when_all_have_ended() -> None:
    jobs = [job("a"), job("b", "Failed")]
    assert [each["metadata"]["name"] for part in ended_jobs(FakeReader(jobs, [])) for each in part] == [
        "a",
        "b",
    ]
