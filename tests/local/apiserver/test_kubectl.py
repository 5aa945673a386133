"""A stock kubectl against the server says what it said against a cluster."""

import json
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.local.apiserver.replay import Replayed, replay
from tests.local.apiserver.serving import Server

AGREE = 105
"""So many of the recorded commands agree at least. The others: kinds that are not served, the prose of
``explain``, what a node of Kubernetes mounts and reports, and how long a container takes."""

ALL_AGREE = ("apply", "errors", "failure-policy")
"""Sessions in which every command does."""

SERVED_SINCE = ["kubectl apply -f volcano.yaml"]
"""Commands whose kind the recorded cluster did not have."""


@pytest.fixture(scope="module")
def replayed(
    reference: Path, kubectl: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, list[Replayed]]]:
    """Every recorded session, each with a server of its own, all at the same time."""
    sessions = {path.stem: json.loads(path.read_text()) for path in (reference / "kubectl").glob("*.json")}
    servers = {}
    try:
        for name in sessions:
            servers[name] = Server(tmp_path_factory.mktemp(name) / "state", ()).start()

        def run(name: str) -> list[Replayed]:
            folder = servers[name].folder.parent
            environment = {
                **os.environ,
                "PATH": f"{Path(kubectl).parent}:{os.environ['PATH']}",
                "KUBECONFIG": str(servers[name].kubeconfig),
                "HOME": str(folder),
            }
            return replay(sessions[name], folder, environment, socket.gethostname().lower())

        with ThreadPoolExecutor(len(sessions)) as pool:
            yield dict(zip(sessions, pool.map(run, sessions), strict=True))
    finally:
        for server in servers.values():
            server.stop()


def test_the_recorded_commands_answer_as_they_did(replayed: dict[str, list[Replayed]]) -> None:
    commands = [each for session in replayed.values() for each in session]
    differing = [each.command for each in commands if not each.agrees]
    assert len(commands) - len(differing) >= AGREE, differing


@pytest.mark.parametrize("name", ALL_AGREE)
def test_every_command_of_a_session_agrees(replayed: dict[str, list[Replayed]], name: str) -> None:
    differing = [each.command for each in replayed[name] if not each.agrees]
    assert differing == (SERVED_SINCE if name == "errors" else [])
