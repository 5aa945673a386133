"""Many worker processes on one queue, some of which are killed, and what they did."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from expander.queues.open import open_queue
from expander.queues.queue import Message, Status
from tests.queues.brokers import wait_until

EXPANDER = str(Path(sys.executable).with_name("expander"))


@dataclass(frozen=True)
class Outcome:
    """How often each item was worked on, the numbers of the queue, and the exit codes of those not killed."""

    runs: Counter[str]
    status: Status
    codes: list[int]
    messages: str

    @property
    def twice(self) -> int:
        """Runs beyond the first of each item."""
        return sum(self.runs.values()) - len(self.runs)

    def explain(self) -> None:
        """Fail unless every run beyond the first has a redelivery that accounts for it."""
        assert self.twice <= self.status.redelivered + self.status.duplicates, (self.twice, self.status)


def command(log: Path) -> list[str]:
    """A program that notes its item: a line in one write."""
    return ["sh", "-c", 'printf "%s\\n" "$EXPANDER_ITEM" >> "$0"', str(log)]


def crowd(
    url: str, name: str, folder: Path, *, items: int, workers: int, kills: int,
    halfway: Callable[[], None] = lambda: None, limit: float = 1200,
) -> Outcome:  # fmt: skip
    """Fill the queue, start the workers, kill one at a time with SIGKILL and start another in its place.

    The kills are spread over the work; ``halfway`` is called once, later than half of it.
    """
    log = folder / "runs.log"
    log.touch()
    dice = random.Random(7)
    with closing(open_queue(url, name)) as queue:
        queue.fill((Message.of(f"item-{number}") for number in range(items)), "", False)

    def start() -> subprocess.Popen[bytes]:
        words = [EXPANDER, "queue", "work", "--url", url, "--queue", name, "--lease", "5s", "--timeout", "2s"]
        with open(folder / "messages", "ab") as messages:
            return subprocess.Popen([*words, "--", *command(log)], stderr=messages, start_new_session=True)

    def lines() -> int:
        return log.read_bytes().count(b"\n")

    with ExitStack() as stack:
        alive: list[subprocess.Popen[bytes]] = []

        def end() -> None:
            for worker in alive:
                worker.kill()
                worker.wait()

        stack.callback(end)
        alive += [start() for _ in range(workers)]
        steps = [(items * (n + 1) // (kills + 1), False) for n in range(kills)] + [(items * 3 // 4, True)]
        for when, middle in sorted(steps):
            wait_until(lambda when=when: lines() >= when, f"run {when}", limit)  # type: ignore[misc]
            if middle:
                halfway()
                continue
            victim = alive.pop(dice.randrange(len(alive)))
            os.kill(victim.pid, signal.SIGKILL)
            victim.wait()
            alive.append(start())
        wait_until(lambda: all(worker.poll() is not None for worker in alive), "the end of the work", limit)
        codes = [worker.returncode for worker in alive]
    with closing(open_queue(url, name)) as queue:
        return Outcome(
            Counter(log.read_text().split()), queue.status(), codes, (folder / "messages").read_text()
        )
