"""The last lines of what failed."""

from expander.group.logs import last_lines
from tests.group.fakes import FakeReader, job, pod


def test_of_several_pods_the_one_that_failed_is_heard() -> None:
    whole = job("whole", "Failed")
    pods = [
        pod(whole, 0, index=0, number=1),
        pod(whole, 1, index=1, number=1),
        pod(whole, 0, index=2, number=2),
    ]
    assert last_lines(FakeReader([whole], pods), pods, 5) == ["whole-1-1 main"]


def test_of_pods_that_failed_alike_the_last_one_is_heard() -> None:
    whole = job("whole", "Failed")
    pods = [pod(whole, 1, number=1), pod(whole, 1, number=2)]
    assert last_lines(FakeReader([whole], pods), pods, 5) == ["whole-2 main"]
