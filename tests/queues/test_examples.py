"""The examples of work queues do what they say, with brokers of the tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.console import play
from tests.queues.brokers import RabbitServer, RedisServer

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def played(pattern: str, folder: Path) -> int:
    (example,) = EXAMPLES.glob(pattern)
    shutil.copytree(example, folder / "here")
    return play(folder / "here" / "README.md", folder / "here")


def test_one_message_per_pod(
    rabbit_server: RabbitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_URL", rabbit_server.url)
    assert played("*coarse-work-queue", tmp_path) > 0


def test_many_items_per_pod(
    redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_URL", redis_server.url)
    assert played("*fine-work-queue", tmp_path) > 0
