"""One server of each kind for all tests of queues; a test that kills a server starts one of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.queues.brokers import RabbitServer, RedisServer


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def rabbit_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitServer]:
    server = RabbitServer(tmp_path_factory.mktemp("rabbitmq"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(params=["redis", "rabbitmq"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of either broker: what a test says of it holds for both."""
    name = "redis_server" if request.param == "redis" else "rabbit_server"
    found: str = request.getfixturevalue(name).url
    return found


@pytest.fixture
def name() -> str:
    """A queue that nobody else uses."""
    return f"job-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def crashing_redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def crashing_rabbit(tmp_path: Path) -> Iterator[RabbitServer]:
    server = RabbitServer(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.close()
