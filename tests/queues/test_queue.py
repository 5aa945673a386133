"""What every work queue does, whichever broker holds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from expander.queues import LeaseLost
from expander.queues.open import open_queue
from expander.queues.queue import Lease, Message, Queue
from tests.queues.brokers import wait_until

FRUITS = ["apple", "banana", "cherry"]


def put(queue: Queue, *items: object, group: str = "", again: bool = False) -> tuple[int, int]:
    filled = queue.fill(map(Message.of, items), group, again)
    return filled.added, filled.skipped


def take(queue: Queue, seconds: float = 60, attempts: int | None = None) -> Lease:
    found: list[Lease] = []

    def arrived() -> bool:
        lease = queue.take(seconds, attempts)
        found.extend([] if lease is None else [lease])
        return bool(found)

    wait_until(arrived, "the arrival of an item")
    return found[0]


@pytest.fixture
def queue(url: str, name: str) -> Iterator[Queue]:
    with closing(open_queue(url, name)) as opened:
        yield opened


@pytest.fixture
def other(url: str, name: str, queue: Queue) -> Iterator[Queue]:
    """Another worker on the same queue."""
    with closing(open_queue(url, name)) as opened:
        yield opened


def test_items_come_out_as_they_went_in_and_in_order(queue: Queue) -> None:
    items = ["apple", "", "a b\n'ü", 7, {"a": 1, "b": [None, 2.5]}]
    assert put(queue, *items) == (5, 0)
    found = []
    for _ in items:
        lease = take(queue)
        found.append(lease.item)
        assert lease.attempt == 1
        assert queue.complete(lease)
    assert found == ["apple", "", "a b\n'ü", "7", {"a": 1, "b": [None, 2.5]}]
    assert queue.take(60, None) is None
    assert queue.empty() is True


def test_a_queue_is_filled_once_however_often(queue: Queue) -> None:
    assert put(queue, *FRUITS) == (3, 0)
    assert put(queue, *FRUITS) == (0, 3)
    assert put(queue, *FRUITS, "date", "date") == (1, 4)
    assert put(queue, *FRUITS, group="second") == (3, 0)
    assert put(queue, *FRUITS, again=True) == (3, 0)
    status = queue.status()
    assert (status.ready, status.filled) == (10, 10)


def test_what_was_done_is_not_filled_again(queue: Queue) -> None:
    put(queue, *FRUITS)
    assert queue.complete(take(queue))
    assert put(queue, *FRUITS) == (0, 3)
    assert queue.status().ready == 2


def test_more_items_than_one_batch_are_filled_once(queue: Queue) -> None:
    assert put(queue, *range(2500)) == (2500, 0)
    assert put(queue, *range(2700)) == (200, 2500)
    assert queue.status().ready == 2700


def test_the_numbers_tell_where_every_item_is(queue: Queue, other: Queue) -> None:
    put(queue, *FRUITS, "date")
    done, given_up = take(queue), take(other)
    assert queue.complete(done)
    assert other.fail(given_up, "exit code 1", 1) == "failed"
    held = take(queue)
    status = other.status()
    assert (status.ready, status.leased, status.done, status.failed) == (1, 1, 1, 1)
    assert other.empty() is False
    assert queue.complete(held)


def test_a_failed_item_is_handed_out_again_until_it_is_given_up(queue: Queue) -> None:
    put(queue, "apple")
    fates = []
    for attempt in (1, 2, 3):
        lease = take(queue, attempts=3)
        assert lease.attempt == attempt
        fates.append(queue.fail(lease, f"exit code {attempt}", 3))
    assert fates == ["again", "again", "failed"]
    status = queue.status()
    assert (status.ready, status.failed, status.redelivered) == (0, 1, 2)
    assert queue.empty() is True
    (entry,) = queue.drain(failed_only=True)
    assert (entry["item"], entry["state"], entry["attempts"], entry["reason"]) == (
        "apple",
        "failed",
        3,
        "exit code 3",
    )
    assert queue.status().failed == 0


def test_an_item_that_is_given_back_was_not_attempted(queue: Queue) -> None:
    put(queue, "apple")
    queue.release(take(queue))
    assert take(queue).attempt == 1


def test_what_a_closed_worker_had_comes_to_another(url: str, name: str, queue: Queue) -> None:
    put(queue, "apple")
    with closing(open_queue(url, name)) as lost:
        assert take(lost, seconds=0.1).item == "apple"
    lease = take(queue)
    assert (lease.item, lease.attempt) == ("apple", 2)


def test_an_item_that_ends_every_worker_is_given_up(url: str, name: str, queue: Queue) -> None:
    put(queue, "poison")
    for _ in range(2):
        with closing(open_queue(url, name)) as lost:
            take(lost, seconds=0.1, attempts=2)
    wait_until(lambda: queue.take(60, 2) is None and queue.status().failed == 1, "giving up")
    (entry,) = queue.drain(failed_only=True)
    assert "vanished in attempt 2" in entry["reason"]


def test_draining_gives_everything_and_forgets_what_was_filled(queue: Queue) -> None:
    put(queue, *FRUITS, {"a": 1})
    entries = list(queue.drain(failed_only=False))
    assert [entry["item"] for entry in entries] == [*FRUITS, {"a": 1}]
    assert all(entry["state"] == "ready" for entry in entries)
    assert queue.status().filled == 0
    assert put(queue, *entries) == (4, 0)
    assert take(queue).item == "apple"


def test_a_lease_that_is_kept_is_not_lost(queue: Queue) -> None:
    put(queue, "apple")
    lease = take(queue)
    for _ in range(3):
        queue.keep(lease)
    assert queue.complete(lease)


def test_a_queue_nobody_knows_has_only_noughts(queue: Queue) -> None:
    status = queue.status()
    assert (status.ready, status.done, status.failed, status.workers, status.filled) == (0, 0, 0, 0, 0)
    assert list(queue.drain(failed_only=False)) == []


def test_a_lost_lease_ends_nothing_and_is_counted(url: str, name: str, queue: Queue) -> None:
    put(queue, "apple")
    with closing(open_queue(url, name)) as slow:
        late = take(slow, seconds=0.1)
        if url.startswith("amqp"):
            slow._link._connection.transport.sock.close()  # type: ignore[attr-defined]
        again = take(queue)
        with pytest.raises(LeaseLost):
            slow.keep(late)
        assert slow.complete(late) is False
        assert slow.fail(late, "too late", 1) == "lost"
    assert queue.complete(again)
    status = queue.status()
    assert (status.done, status.duplicates, status.failed) == (1, 1, 0)
