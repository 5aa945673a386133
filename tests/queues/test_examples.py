"""The examples that need a broker do what they say, with brokers of the tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.program import run
from tests.console import play
from tests.queues.brokers import RabbitServer, RedisServer

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
OF_REDIS = ["06-fine-work-queue", "12-shapes"]
OF_RABBITMQ = ["05-coarse-work-queue"]


def played(example: str, folder: Path) -> int:
    here = folder / example
    shutil.copytree(EXAMPLES / example, here)
    try:
        return play(here / "README.md", here)
    finally:
        for log in here.rglob("server.log"):  # of a server that a session has begun
            run("serve", "stop", "--state", str(log.parent))


def test_none_that_needs_a_broker_is_left_out() -> None:
    found = [path.parent.name for path in EXAMPLES.glob("*/README.md") if "$BROKER_URL" in path.read_text()]
    assert sorted(found) == sorted(OF_REDIS + OF_RABBITMQ)


@pytest.mark.parametrize("example", OF_RABBITMQ)
def test_an_example_with_rabbitmq_does_what_its_readme_says(
    example: str, rabbit_server: RabbitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_URL", rabbit_server.url)
    assert played(example, tmp_path) > 0


@pytest.mark.parametrize("example", OF_REDIS)
def test_an_example_with_redis_does_what_its_readme_says(
    example: str, crashing_redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_URL", crashing_redis.url)
    assert played(example, tmp_path) > 0
