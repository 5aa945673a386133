"""Fills that are interrupted, refused, or cannot begin."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from expander.base.errors import UsageError
from expander.base.extras import install_command
from expander.queues import BrokerError, open
from expander.queues.open import open_queue
from expander.queues.queue import Message
from tests.queues.brokers import RabbitServer, wait_until
from tests.queues.crowd import EXPANDER


def lines(first: int, last: int) -> bytes:
    return b"".join(b"item-%d\n" % number for number in range(first, last))


def test_a_fill_that_is_killed_is_finished_by_the_next_one_without_doubles(url: str, name: str) -> None:
    words = [EXPANDER, "queue", "fill", "--url", url, "--queue", name, "-i", "-"]
    with closing(open_queue(url, name)) as queue:
        with subprocess.Popen(words, stdin=subprocess.PIPE) as killed:
            assert killed.stdin is not None
            killed.stdin.write(lines(0, 2500))
            killed.stdin.flush()
            wait_until(lambda: queue.status().ready >= 2000, "the first batches")
            killed.kill()
        answer = subprocess.run(words, input=lines(0, 5000), capture_output=True, timeout=300, check=True)
        assert b"already there" in answer.stderr
        assert queue.status().ready == 5000
        assert len({entry["item"] for entry in queue.drain(failed_only=False)}) == 5000


def test_two_fills_at_a_time_do_not_double_in_rabbitmq(rabbit_server: RabbitServer, name: str) -> None:
    with (
        closing(open_queue(rabbit_server.url, name)) as first,
        closing(open_queue(rabbit_server.url, name)) as second,
    ):

        def items() -> Iterator[Message]:
            with pytest.raises(BrokerError, match="another fill"):
                second.fill([Message("x")], "", False)
            yield Message("apple")

        first.fill(items(), "", False)
        assert second.fill([Message("apple"), Message("x")], "", False).added == 1


def test_a_client_that_is_not_installed_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open, "find_spec", lambda _: None)
    with pytest.raises(UsageError) as found:
        open_queue("redis://localhost", "job")
    assert "redis brokers require the Python package 'redis'" in str(found.value)
    assert found.value.hint == install_command("queue")


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="invalid queue name"):
        open_queue("redis://localhost", name)


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_worker_that_waits_for_its_broker_ends_at_a_signal(scheme: str) -> None:
    words = [EXPANDER, "queue", "work", "--url", f"{scheme}://127.0.0.1:1", "--queue", "q", "--", "cat"]
    with subprocess.Popen(words, stderr=subprocess.PIPE) as worker:
        try:
            wait_until(lambda: _catches_sigint(worker.pid), "the worker's own handling of signals")
            worker.send_signal(signal.SIGINT)
            assert worker.wait(40) == 130
        finally:
            worker.kill()


def _catches_sigint(process: int) -> bool:
    status = Path(f"/proc/{process}/status").read_text()
    caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt:")).split()[1], 16)
    terminates = 1 << (signal.SIGTERM - 1)  # Python itself catches only SIGINT
    return bool(caught & terminates)
