"""The Jobs of a group as they end."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from expander.group import wait
from expander.group.wait import ended_jobs
from expander.kube.objects import Change
from tests.group.fakes import FakeReader, job


class Busy(FakeReader):
    """A reader of a group in which something happens all the time."""

    def changes(self, stopped: Callable[[], bool], *, pods: bool = True) -> Iterator[Change | None]:
        for number in count():
            yield Change("ADDED", job(f"job-{number}"))


def test_jobs_that_have_ended_are_told_of_although_more_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait, "MAX_BATCH_SECONDS", 0)
    told = ended_jobs(Busy([], []))
    names = [each["metadata"]["name"] for _ in range(3) for each in next(told)]
    assert names[:3] == ["job-0", "job-1", "job-2"]


def test_each_job_is_told_of_once_and_the_end_is_when_all_have_ended() -> None:
    jobs = [job("a"), job("b", "Failed")]
    assert [each["metadata"]["name"] for part in ended_jobs(FakeReader(jobs, [])) for each in part] == [
        "a",
        "b",
    ]
