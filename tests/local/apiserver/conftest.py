"""Served APIs for tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.apiserver.serving import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that the tests of a module share."""
    started = Server(tmp_path_factory.mktemp("served") / "state").start()
    yield started
    assert started.stop() == 0


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder."""
    return tmp_path / "state"
