"""The line that says how far a command is."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from expander.cli.output.progress import LineTimes, ProgressLine, Step, job_step
from expander.cli.output.submit import Counts, submit_step

STEP = Step(30, 120, ["2 failed", "4 running", "86 waiting"])


def line(width: int | None) -> str:
    drawn = ProgressLine(0.0)
    drawn.text(Step(0, 120), 0.0, width)
    return drawn.text(STEP, 10.0, width)


def test_times_have_labels() -> None:
    assert line(None) == "30/120 done, 2 failed, 4 running, 86 waiting, 3/s, elapsed 0:10, ETA 30 s"


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (
            200,
            "[=====>              ] 30/120 done, 2 failed, 4 running, 86 waiting, 3/s, elapsed 0:10, ETA 30 s",
        ),
        (85, "[==>      ] 30/120 done, 2 failed, 4 running, 86 waiting, 3/s, elapsed 0:10, ETA 30 s"),
        (77, "30/120 done, 2 failed, 4 running, 86 waiting, 3/s, elapsed 0:10, ETA 30 s"),
        (60, "30/120 done, 2 failed, 4 running, 86 waiting, elapsed 0:10"),
        (37, "30/120 done, 2 failed, 4 running"),
        (20, "[=>    ] 30/120 done"),
        (15, "30/120 done"),
    ],
)
def test_a_narrow_terminal_gets_the_most_important_parts(width: int, text: str) -> None:
    assert line(width) == text
    assert len(text) <= width


def test_what_was_done_before_does_not_count_as_rate() -> None:
    drawn = ProgressLine(0.0)
    drawn.text(Step(1000, 1100), 1.0)
    assert drawn.text(Step(1010, 1100), 11.0).startswith(
        "1,010/1,100 done, 0.91/s, elapsed 0:11, ETA 99 s"[:24]
    )


def lines(steps: Callable[[int], Step], until: int) -> list[int]:
    """The seconds at which there are lines without a terminal."""
    times = LineTimes(0.0)
    return [second for second in range(until) if times.is_due(steps(second), second)]


def test_the_time_to_the_next_line_doubles_up_to_minutes() -> None:
    assert lines(lambda second: Step(second), 1000) == [5, 15, 35, 75, 155, 315, 615, 915]


def test_while_nothing_goes_on_there_is_a_line_every_few_seconds() -> None:
    found = lines(lambda second: Step(min(second, 1000), stands=True), 1100)
    assert found == [5, 15, 35, 75, 155, 315, 615, 915, *range(1010, 1100, 10)]


def test_pending_items_wait() -> None:
    step = job_step({"pending": 3, "running": 2, "suspended": 0, "succeeded": 4, "failed": 1})
    assert step == Step(5, 10, ["1 failed", "2 active", "3 pending"])
    assert job_step({}) is None


def submission(done: int, pending: int, *, again: int = 0, fed: bool = True, **failures: int) -> Step:
    """A submission of 300 items, of which ``again`` are being created again."""
    workers = SimpleNamespace(
        pending=pending,
        counts=lambda: {"held": 0, "retrying": 0},
        waits_for=lambda: "",
        dispatcher=SimpleNamespace(refused=0, lacks_credentials=False),
        window=None,
    )
    submit: Any = SimpleNamespace(
        workers=workers,
        is_fed=fed,
        collector=None,
        retries=SimpleNamespace(retried=again, under_way=again),
        transport=None,
    )
    tally = Counts()
    tally.counts["created"] = done
    tally.failures |= failures
    return submit_step(submit, tally, lambda: 300)


def test_what_is_tried_again_is_not_one_more_item() -> None:
    assert submission(300, 2, again=2).total == 300
    assert submission(300, 1, again=2).total == 300
    assert submission(200, 100).total == 300


def test_what_did_not_arrive_is_called_in_progress_what_the_summary_calls_it() -> None:
    assert submission(200, 50, refused=1, exists=2).parts == ["1 refused", "2 exist already"]
    assert submission(200, 50).parts == []


def test_objects_are_not_counted_against_fewer_items() -> None:
    assert submission(200, 50, fed=False).total == 300
    assert submission(290, 20, fed=False).total is None
