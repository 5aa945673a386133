"""A server that lets a command wait is told of."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from expander.cli.main import run
from expander.cli.output import slow_server
from tests.client.stubs import Response, stub
from tests.submit.fake_cluster import FakeCluster, kubeconfig

COMMANDS = [
    ["status", "--group", "g"],
    ["wait", "--group", "g"],
    ["logs", "--group", "g"],
    ["results", "--group", "g", "-o", "r"],
    ["cleanup", "--group", "g", "--yes"],
    ["retry", "--group", "g"],
    ["report", "--group", "g"],
    ["groups"],
]


class Holding(FakeCluster):
    """A cluster that answers no list before it was told of."""

    def __init__(self) -> None:
        super().__init__()
        self.told = threading.Event()

    def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        if "limit=" in path:
            self.told.wait(60)
        return super().__call__(method, path, headers, body)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_each_command_says_that_it_waits_for_the_server(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_server, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(slow_server, "LOOK_SECONDS", 0.01)
    monkeypatch.chdir(tmp_path)
    cluster, said = Holding(), []

    def say(words: str) -> None:
        said.append(words)
        cluster.told.set()

    monkeypatch.setattr(slow_server, "say", say)
    with stub(cluster) as server:
        run([*command, "--kubeconfig", kubeconfig(tmp_path, server.port)])
        assert said[0] == f"waiting for http://127.0.0.1:{server.port}: no answer yet"
