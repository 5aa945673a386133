"""Work queues: fills, the steps of a worker, and whole workers with a command.

Needs redis-server and rabbitmq-server (Debian packages). The peers are the brokers' own fast ways without any
promise: a pipeline of RPUSH, and publishing without confirms; for the workers a loop that starts the command.

    python -m benchmarks.queues [--items 20000] [--commands 1000]
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from amqp import Connection, Message  # type: ignore[import-untyped]
from redis import Redis

from expander.queues import queue as message
from expander.queues.open import open_queue
from tests.queues.brokers import RabbitServer, RedisServer
from tests.queues.crowd import EXPANDER

STEPS = 2000
"""At most so many items are taken and completed without a command."""


def timed(what: str, count: int, run: Callable[[], object]) -> float:
    """Run once and print the rate in items a second."""
    start = time.perf_counter()
    run()
    rate = count / (time.perf_counter() - start)
    print(f"  {what:<46}{rate:>10,.0f} items/s")
    return rate


def queue_steps(url: str, items: int, commands: int) -> None:
    """Fill, fill again, take and complete, and a worker with a command."""
    steps = min(items, STEPS)
    with closing(open_queue(url, "bench")) as queue:

        def fill(count: int = items) -> None:
            queue.fill((message.Message.of(f"item {number}") for number in range(count)), "", False)

        def work() -> None:
            for _ in range(steps):
                lease = queue.take(60, None)
                assert lease is not None
                assert queue.complete(lease)

        timed("fill", items, fill)
        timed("fill again: nothing to add", items, fill)
        timed("take and complete, one worker", steps, work)
        list(queue.drain(failed_only=False))
        fill(commands)
    words = [EXPANDER, "queue", "work", "--url", url, "--queue", "bench", "--", "true"]
    timed("queue work -- true, one worker", commands, lambda: subprocess.run(words, check=True))


def bare_redis(server: RedisServer, items: int) -> None:
    """RPUSH in pipelines of 1,000."""
    with Redis.from_url(server.url) as redis:
        for begin in range(0, items, 1000):
            pipe = redis.pipeline(transaction=False)
            for number in range(begin, begin + 1000):
                pipe.rpush("bare", f"item {number}")
            pipe.execute()


def bare_rabbit(server: RabbitServer, items: int) -> None:
    """Persistent messages that nobody confirms."""
    with Connection(f"127.0.0.1:{server.port}", login_method="PLAIN") as connection:
        channel = connection.channel()
        channel.queue_declare("bare", durable=True, auto_delete=False)
        for number in range(items):
            channel.basic_publish(Message(f"item {number}", delivery_mode=2), routing_key="bare")


def loop(commands: int) -> None:
    """The command started as often, one after the other, by Python."""
    for _ in range(commands):
        subprocess.run(["true"], check=True)


def main() -> None:
    """Print a table for each broker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--commands", type=int, default=1_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("redis", "rabbitmq"):
            (Path(folder) / name).mkdir()
        redis, rabbit = RedisServer(Path(folder) / "redis"), RabbitServer(Path(folder) / "rabbitmq")
        try:
            redis.start()
            rabbit.start()
            print("Redis, append-only file")
            timed(
                "peer: RPUSH in pipelines, nothing promised",
                given.items,
                lambda: bare_redis(redis, given.items),
            )
            queue_steps(redis.url, given.items, given.commands)
            print("RabbitMQ, durable queue")
            timed("peer: publish, nothing confirmed", given.items, lambda: bare_rabbit(rabbit, given.items))
            queue_steps(rabbit.url, given.items, given.commands)
            print("Neither")
            timed("peer: a loop of subprocess.run", given.commands, lambda: loop(given.commands))
        finally:
            redis.stop()
            rabbit.close()


if __name__ == "__main__":
    main()
