"""`expander serve` as users call it."""

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import EXPANDER, run


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state folder; a server that is left in it is ended."""
    folder = tmp_path / "state"
    yield folder
    run("serve", "stop", "--state", str(folder))


def start(state: Path, *flags: str) -> str:
    answer = run("serve", "--state", str(state), "--runtime", "process", "--detach", *flags)
    assert answer.code == 0, answer.err
    return answer.out


def test_a_detached_server_says_where_it_is_and_how_to_use_it(state: Path, kubectl: str) -> None:
    ready, export = start(state).splitlines()
    assert ready.startswith("ready http://127.0.0.1:")
    assert export == f"export KUBECONFIG={state}/kubeconfig"
    assert stat.S_IMODE(os.stat(state / "kubeconfig").st_mode) == 0o600
    answer = subprocess.run(
        [kubectl, "--kubeconfig", str(state / "kubeconfig"), "get", "ns", "-o", "name"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "namespace/default" in answer.stdout.splitlines()


def test_status_finds_a_server_and_stop_ends_it(state: Path) -> None:
    assert run("serve", "status", "--state", str(state)).code == 1
    url = start(state).split()[1]
    found = run("serve", "status", "--state", str(state))
    assert (found.code, found.out.split()[:2]) == (0, ["running", url])
    assert run("serve", "stop", "--state", str(state)).code == 0
    assert run("serve", "status", "--state", str(state)).code == 1
    assert run("serve", "stop", "--state", str(state)).code == 1


def test_a_server_comes_back_at_the_same_port(state: Path) -> None:
    before = start(state)
    run("serve", "stop", "--state", str(state))
    assert start(state) == before


def test_a_detached_server_that_cannot_start_says_why(state: Path) -> None:
    start(state)
    second = run("serve", "--state", str(state), "--runtime", "process", "--detach")
    assert second.code == 2
    assert "is at work in the state folder" in second.err


def test_with_tls_kubectl_trusts_the_certificate_of_the_kubeconfig(state: Path, kubectl: str) -> None:
    assert start(state, "--tls").startswith("ready https://")
    answer = subprocess.run(
        [kubectl, "--kubeconfig", str(state / "kubeconfig"), "get", "jobs", "-o", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(answer.stdout)["items"] == []


def test_the_kubeconfig_goes_where_it_is_wanted(state: Path, tmp_path: Path) -> None:
    wanted = tmp_path / "a folder" / "config"
    assert f"export KUBECONFIG='{wanted}'" in start(state, "--kubeconfig", str(wanted))
    assert wanted.exists()


@pytest.mark.parametrize("faults", ["429", "200=0.5", "429=2", "429=0.7,500=0.7", "latency=fast", "reset=x"])
def test_faults_that_are_none_are_wrong_usage(state: Path, faults: str) -> None:
    answer = run("serve", "--state", str(state), "--inject", faults)
    assert answer.code == 2
    assert "chance" in answer.err


def test_a_port_that_is_taken_is_said(state: Path, tmp_path: Path) -> None:
    port = start(state).split()[1].rpartition(":")[2]
    answer = run("serve", "--state", str(tmp_path / "other"), "--runtime", "process", "--port", port)
    assert answer.code == 2
    assert f"port {port} cannot be served" in answer.err


def test_help_names_the_program_that_is_started() -> None:
    answer = run("serve", "--help")
    assert answer.code == 0
    assert EXPANDER.endswith("expander")
    assert "expander serve stop" in answer.out
