"""Nothing is lost when workers are killed or the broker goes away, and what is done twice is accounted for.

``EXPANDER_QUEUE_ITEMS``, ``..._WORKERS`` and ``..._KILLS`` set the size; the full one is 10000, 8 and 20.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from expander.queues import BrokerError
from expander.queues.open import open_queue
from expander.queues.queue import Message
from tests.queues.brokers import RabbitServer, RedisServer
from tests.queues.crowd import Outcome, crowd

ITEMS = int(os.environ.get("EXPANDER_QUEUE_ITEMS", "60"))
WORKERS = int(os.environ.get("EXPANDER_QUEUE_WORKERS", "2"))
KILLS = int(os.environ.get("EXPANDER_QUEUE_KILLS", "3"))


def all_done(found: Outcome, items: int) -> None:
    assert set(found.runs) == {f"item-{number}" for number in range(items)}
    status = found.status
    assert (status.ready, status.failed) == (0, 0)
    assert found.codes == [0] * len(found.codes), found.messages
    found.explain()


def test_killed_workers_lose_no_item(url: str, name: str, tmp_path: Path) -> None:
    found = crowd(url, name, tmp_path, items=ITEMS, workers=WORKERS, kills=KILLS)
    print(f"{url.partition(':')[0]}: {found.twice} runs twice, {found.status}")
    all_done(found, ITEMS)
    assert (found.status.done, found.status.leased) == (ITEMS, 0)
    lost = found.messages.count("the lease was lost")
    assert found.twice <= KILLS + found.status.duplicates + lost


def test_work_goes_on_when_redis_restarts(crashing_redis: RedisServer, name: str, tmp_path: Path) -> None:
    def restart() -> None:
        crashing_redis.stop(signal.SIGTERM)
        crashing_redis.start()

    found = crowd(crashing_redis.url, name, tmp_path, items=40, workers=2, kills=1, halfway=restart)
    all_done(found, 40)
    assert found.status.done == 40


def test_work_goes_on_when_rabbitmq_is_killed(
    crashing_rabbit: RabbitServer, name: str, tmp_path: Path
) -> None:
    """It forgets the last acknowledgements: those items are done again, and counted."""

    def restart() -> None:
        crashing_rabbit.stop(signal.SIGKILL)
        crashing_rabbit.start()

    found = crowd(crashing_rabbit.url, name, tmp_path, items=40, workers=2, kills=1, halfway=restart)
    all_done(found, 40)
    assert found.status.done == 40


def test_redis_that_crashes_right_after_a_fill_is_filled_again(
    crashing_redis: RedisServer, name: str
) -> None:
    """What the append-only file lost, the next fill puts in; what it kept stays as it is."""
    with closing(open_queue(crashing_redis.url, name)) as queue:
        queue.fill(map(Message.of, range(3000)), "", False)
        crashing_redis.stop(signal.SIGKILL)
        crashing_redis.start()
        queue.fill(map(Message.of, range(3000)), "", False)
        assert (queue.status().ready, queue.status().filled) == (3000, 3000)


def test_a_fill_that_rabbitmq_broke_off_is_finished_without_a_loss(
    crashing_rabbit: RabbitServer, name: str
) -> None:
    def items(stop: int) -> Iterator[Message]:
        for number in range(5000):
            if number == stop:
                crashing_rabbit.stop(signal.SIGKILL)
            yield Message.of(number)

    with closing(open_queue(crashing_rabbit.url, name)) as queue:
        with pytest.raises(BrokerError, match="RabbitMQ"):
            queue.fill(items(2500), "", False)
        crashing_rabbit.start()
        filled = queue.fill(items(-1), "", False)
        assert filled.added + filled.skipped == 5000
        found = [entry["item"] for entry in queue.drain(failed_only=False)]
    assert set(found) == {str(number) for number in range(5000)}
    assert len(found) <= 5000 + 1000
