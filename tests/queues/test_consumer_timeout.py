"""RabbitMQ takes an item away that is worked on for longer than its consumer_timeout."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from expander.base.errors import UsageError
from expander.queues.open import open_queue
from expander.queues.rabbitmq_connection import consumer_timeout_in
from tests.queues.brokers import RabbitServer
from tests.queues.crowd import EXPANDER


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitServer]:
    """A broker that waits two seconds for an acknowledgement and looks each second."""
    folder = tmp_path_factory.mktemp("impatient")
    server = RabbitServer(folder, "consumer_timeout = 2000\n", "[{rabbit, [{channel_tick_interval, 1000}]}].")
    server.start()
    try:
        yield server
    finally:
        server.close()


@pytest.mark.parametrize("command", ["work", "consume"])
def test_the_item_is_run_once_and_given_up_with_the_words_of_the_broker(
    impatient: RabbitServer, tmp_path: Path, command: str
) -> None:
    environment = {**os.environ, "BROKER_URL": impatient.url, "QUEUE": f"long-{command}"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [EXPANDER, "queue", *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    assert run("fill", "slow").returncode == 0
    script = f"echo begin >> {tmp_path}/log; exec sleep 600"
    answer = run(command, "--", "sh", "-c", script)
    assert answer.returncode == 1
    assert "slow: longer than RabbitMQ's consumer_timeout (2,000 ms)" in answer.stderr
    assert "given up" in answer.stderr
    assert (tmp_path / "log").read_text() == "begin\n"
    status = json.loads(run("status", "-o", "json").stdout)
    assert (status["ready"], status["failed"], status["leased"]) == (0, 1, 0)
    run("drain", "--failed", "--yes", "-o", str(tmp_path / "failed.jsonl"))
    assert "consumer_timeout" in json.loads((tmp_path / "failed.jsonl").read_text())["reason"]


def test_a_queue_can_be_made_with_a_limit_of_its_own(impatient: RabbitServer) -> None:
    words = ["fill", "--url", impatient.url, "--queue", "own", "--consumer-timeout", "12h", "a"]
    for count in ("1 item", "0 items"):
        answer = subprocess.run([EXPANDER, "queue", *words], capture_output=True, text=True, check=True)
        assert f"{count} added" in answer.stderr


def test_other_brokers_have_no_such_limit() -> None:
    with pytest.raises(UsageError, match="--consumer-timeout requires RabbitMQ"):
        open_queue("redis://nowhere", "q", consumer_timeout=60)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        (
            "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms. "
            "This timeout value can be configured, see consumers doc guide to learn more",
            "1,800,000 ms",
        ),
        ("PRECONDITION_FAILED - unknown delivery tag 1", None),
        ("connection reset", None),
    ],
)
def test_the_words_of_the_broker_are_read(text: str, limit: str | None) -> None:
    found = consumer_timeout_in(OSError(text))
    assert (limit in found) if limit else not found
