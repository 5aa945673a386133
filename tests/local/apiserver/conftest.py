"""Served APIs for tests."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.local.apiserver.serving import Server

Kubectl = Callable[..., subprocess.CompletedProcess[str]]
"""Runs kubectl with these words."""


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


@pytest.fixture
def run(server: Server, kubectl: str) -> Kubectl:
    """kubectl as the owner of the server."""

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [kubectl, "--kubeconfig", str(server.kubeconfig), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    return call
