"""Items are delivered in their order, whatever they wait for and whoever reads them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.base.errors import OutputError, SourceLocation
from expander.client.client import Resource
from expander.manifests.manifest import Manifest
from expander.submit import item_order
from expander.submit.delivery import Finished, Outcome
from expander.submit.item_order import ItemOrder
from expander.submit.request import PreparedRequest
from expander.submit.request_builder import RequestBuilder


def job(number: int) -> PreparedRequest:
    tree = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": f"a-{number}"}}
    manifest = Manifest(tree, SourceLocation("job.yaml", 1))
    return RequestBuilder("default").prepare(manifest, Resource("/apis/batch/v1", "jobs", True))


JOBS = [job(number) for number in range(12)]


class Cluster:
    """Tells of items as it likes; an item waits until it is told of."""

    def __init__(self, *told: PreparedRequest) -> None:
        self.told = {each.name for each in told}
        self.news = threading.Condition()
        self.delivered: list[str] = []
        self.stopped = False
        self.order = ItemOrder(self.deliver, self.must_wait, self.wait, lambda: self.stopped)

    def deliver(self, item: PreparedRequest) -> Iterator[Outcome]:
        with self.news:
            self.delivered.append(item.name)
            self.news.notify_all()
        yield Outcome(item, Finished("unchanged"), 0)

    def must_wait(self, item: PreparedRequest) -> bool:
        return item.name not in self.told

    def wait(self, item: PreparedRequest) -> None:
        with self.news:
            assert self.news.wait_for(lambda: self.stopped or self.is_known(item), 60)

    def is_known(self, item: PreparedRequest) -> bool:
        return item.name in self.told or item.name in self.delivered

    def tell(self, *items: PreparedRequest) -> None:
        with self.news:
            self.told |= {each.name for each in items}
            self.news.notify_all()

    def close(self) -> None:
        self.stopped = True
        self.tell(*JOBS)

    def await_delivered(self, count: int) -> None:
        with self.news:
            assert self.news.wait_for(lambda: len(self.delivered) >= count, 60)

    def add(self, *items: PreparedRequest) -> list[str]:
        return [name for item in items for name in names(self.order.add(item))]


def names(outcomes: Iterator[Outcome]) -> list[str]:
    return [each.prepared.name for each in outcomes]


def test_what_need_not_wait_is_delivered_at_once() -> None:
    cluster = Cluster(*JOBS)
    assert cluster.add(JOBS[0]) == ["a-0"]
    assert cluster.add(JOBS[1]) == ["a-1"]
    assert len(cluster.order) == 0


def test_items_go_on_when_there_is_no_other_to_be_read() -> None:
    cluster = Cluster()
    assert cluster.add(*JOBS[:3]) == []
    assert len(cluster.order) == 3
    cluster.tell(*JOBS[:3])
    cluster.await_delivered(3)
    cluster.tell(*JOBS)
    assert cluster.add(JOBS[3]) == ["a-0", "a-1", "a-2", "a-3"]


def test_in_the_end_items_do_not_wait_here() -> None:
    cluster = Cluster()
    assert cluster.add(*JOBS[:3]) == []
    assert names(cluster.order.end()) == ["a-0", "a-1", "a-2"]
    assert len(cluster.order) == 0


@pytest.mark.parametrize(("name", "most"), [("MAX_WAITING", 4), ("MAX_WAITING_BYTES", 4 * JOBS[0].size)])
def test_no_more_items_wait_than_there_is_room_for(
    name: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_order, name, most)
    monkeypatch.setattr(item_order, "CHECK_EVERY", 1)
    cluster = Cluster()
    waiting = []
    for each in JOBS:
        cluster.add(each)
        waiting.append(len(cluster.order))
    assert 0 < max(waiting) < 6
    assert cluster.delivered == [each.name for each in JOBS[: len(cluster.delivered)]]
    cluster.close()


def test_after_a_stop_nothing_is_delivered() -> None:
    cluster = Cluster()
    cluster.add(*JOBS[:3])
    cluster.close()
    cluster.order.close()
    assert names(cluster.order.end()) == []
    assert cluster.delivered == []
    assert len(cluster.order) == 3


def test_what_goes_wrong_meanwhile_is_raised_by_the_next_call() -> None:
    class Broken(Cluster):
        def deliver(self, item: PreparedRequest) -> Iterator[Outcome]:
            yield from super().deliver(item)
            if item is JOBS[1]:
                raise OutputError("the disk is full")

    cluster = Broken()
    cluster.add(*JOBS[:3])
    cluster.tell(*JOBS)
    cluster.await_delivered(2)
    given = cluster.order.end()
    assert next(given).prepared is JOBS[0]
    with pytest.raises(OutputError, match="the disk is full"):
        list(given)


STEPS = st.lists(st.sampled_from(["add", "tell", "tell of another"]), max_size=40)


@given(STEPS, st.randoms(use_true_random=False), st.sampled_from([1, 3, 64]))
def test_whatever_is_told_when_the_order_is_that_of_the_items(
    steps: list[str], random: Any, every: int
) -> None:
    cluster, unread, found = Cluster(), JOBS[:], list[str]()
    with pytest.MonkeyPatch.context() as patch, closing(cluster):
        patch.setattr(item_order, "CHECK_EVERY", every)
        does: dict[str, Callable[[], None]] = {
            "add": lambda: found.extend(cluster.add(unread.pop(0)) if unread else ()),
            "tell": lambda: cluster.tell(JOBS[len(cluster.delivered) % len(JOBS)]),
            "tell of another": lambda: cluster.tell(random.choice(JOBS)),
        }
        for step in steps:
            does[step]()
        while unread:
            does["add"]()
        cluster.tell(*JOBS)
        found += names(cluster.order.end())
        assert found == cluster.delivered == [each.name for each in JOBS]
