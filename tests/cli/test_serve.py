"""`expander serve` as users call it."""

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.program import EXPANDER, Answer, run


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state folder; a server that is left in it is ended."""
    folder = tmp_path / "state"
    yield folder
    run("serve", "stop", "--state", str(folder))


def start(state: Path, *flags: str) -> Answer:
    answer = run("serve", "--state", str(state), "--runtime", "process", "--detach", *flags)
    assert answer.code == 0, answer.err
    return answer


def url_of(answer: Answer) -> str:
    return next(line.split()[1] for line in answer.err.splitlines() if line.startswith("ready "))


def names(kubectl: str, config: Path, *flags: str) -> list[str]:
    """The namespaces that kubectl sees with this kubeconfig."""
    command = [kubectl, "--kubeconfig", str(config), *flags, "get", "ns", "-o", "name"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_a_detached_server_says_where_it_is_and_how_to_use_it(state: Path, kubectl: str) -> None:
    answer = start(state)
    assert url_of(answer).startswith("https://127.0.0.1:")
    assert answer.out == f"export KUBECONFIG={state}/kubeconfig\n"
    assert "runtime process" in answer.err
    assert "runtime process" in run("serve", "status", "--state", str(state)).err
    assert stat.S_IMODE(os.stat(state / "kubeconfig").st_mode) == 0o600
    assert "namespace/default" in names(kubectl, state / "kubeconfig")


def test_nothing_of_a_detached_server_is_open_to_others(state: Path) -> None:
    before = os.umask(0)
    try:
        start(state)
    finally:
        os.umask(before)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    files = [path for path in state.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"server.log", "supervisor.log", "token", "state.db-wal"}
    assert [path for path in files if stat.S_IMODE(path.stat().st_mode) != 0o600] == []


def test_a_shell_evaluates_what_a_detached_server_prints(state: Path, kubectl: str) -> None:
    serve = f"{EXPANDER} serve --state {state} --runtime process --detach"
    for _ in ("it is started", "it is running already"):
        script = f'unset KUBECONFIG; eval "$({serve})" && {kubectl} get ns -o name'
        done = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, timeout=120)
        assert "namespace/default" in done.stdout.split(), done.stderr


def test_a_server_that_runs_already_prints_its_line_again(state: Path) -> None:
    first = start(state)
    second = start(state)
    assert second.out == first.out
    assert "".join(second.err.splitlines()[1:]) == ""
    assert f"already running {url_of(first)}" in second.err


def test_options_that_a_running_server_does_not_have_are_told(state: Path) -> None:
    start(state, "--grace", "1s")
    changed = start(state, "--grace", "1s", "--rbac", "--no-tls")
    assert "warning: --no-tls, --rbac have no effect: the server runs with other options" in changed.err
    assert "warning: --grace has no effect: " in start(state, "--grace", "2s").err


OTHERS: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "preferences": {},
    "clusters": [{"name": "work", "cluster": {"server": "https://work.example"}}],
    "users": [{"name": "me", "user": {"token": "mine"}}],
    "contexts": [{"name": "work", "context": {"cluster": "work", "user": "me"}}],
    "current-context": "work",
}


def test_a_kubeconfig_that_is_there_is_merged_into(state: Path, tmp_path: Path, kubectl: str) -> None:
    config = tmp_path / "config"
    config.write_text(json.dumps(OTHERS))
    answer = start(state, "--kubeconfig", str(config))
    assert answer.out.splitlines()[1] == "# not the current context: kubectl --context expander"
    merged = yaml.safe_load(config.read_text())
    assert merged["current-context"] == "work"
    for field in ("clusters", "users", "contexts"):
        assert merged[field][0] == OTHERS[field][0]
        assert [each["name"] for each in merged[field]][1:] == ["expander"]
    assert "namespace/default" in names(kubectl, config, "--context", "expander")


def test_the_current_context_changes_on_wish_only(state: Path, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(json.dumps(OTHERS))
    start(state, "--kubeconfig", str(config), "--use-context")
    assert yaml.safe_load(config.read_text())["current-context"] == "expander"


def test_two_servers_in_one_kubeconfig_have_two_contexts(state: Path, tmp_path: Path, kubectl: str) -> None:
    config, other = tmp_path / "config", tmp_path / "other"
    start(state, "--kubeconfig", str(config))
    try:
        start(other, "--kubeconfig", str(config))
        contexts = [each["name"] for each in yaml.safe_load(config.read_text())["contexts"]]
        assert contexts == ["expander", "expander-2"]
        for context in contexts:
            assert "namespace/default" in names(kubectl, config, "--context", context)
    finally:
        run("serve", "stop", "--state", str(other))


@pytest.mark.parametrize("text", ["a: [", "- a list", "kind: Pod", "clusters: {}\nusers: 1"])
def test_a_file_that_is_no_kubeconfig_is_left_alone(state: Path, tmp_path: Path, text: str) -> None:
    config = tmp_path / "config"
    config.write_text(text)
    flags = ["--state", str(state), "--runtime", "process", "--kubeconfig", str(config)]
    answer = run("serve", "--detach", *flags)
    assert answer.code == 2
    assert "is not a kubeconfig" in answer.err
    assert config.read_text() == text


def test_a_kubeconfig_that_is_no_file_is_refused_and_stays(state: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    answer = run(
        "serve", "--detach", "--state", str(state), "--runtime", "process", "--kubeconfig", str(pipe)
    )
    assert answer.code == 2
    assert "not a regular file" in answer.err
    assert pipe.is_fifo()


def test_status_finds_a_server_and_stop_ends_it(state: Path) -> None:
    assert run("serve", "status", "--state", str(state)).code == 1
    url = url_of(start(state))
    found = run("serve", "status", "--state", str(state))
    assert (found.code, found.out.split()[:2]) == (0, ["running", url])
    assert run("serve", "stop", "--state", str(state)).code == 0
    assert run("serve", "status", "--state", str(state)).code == 1
    assert run("serve", "stop", "--state", str(state)).code == 1


def test_a_server_comes_back_at_the_same_port(state: Path) -> None:
    before = url_of(start(state))
    run("serve", "stop", "--state", str(state))
    assert url_of(start(state)) == before


def test_a_detached_server_that_cannot_start_says_why(state: Path) -> None:
    state.write_text("not a folder")
    answer = run("serve", "--state", str(state), "--runtime", "process", "--detach")
    assert answer.code == 2
    assert answer.err.startswith("error: ")
    state.unlink()


def test_without_tls_the_server_speaks_http_to_this_user(state: Path, kubectl: str) -> None:
    assert url_of(start(state, "--no-tls")).startswith("http://127.0.0.1:")
    assert "namespace/default" in names(kubectl, state / "kubeconfig")


def test_a_kubeconfig_goes_on_working_when_the_server_gets_another_name(state: Path, kubectl: str) -> None:
    port = url_of(start(state)).rpartition(":")[2]
    kept = (state / "kubeconfig").read_text()
    run("serve", "stop", "--state", str(state))
    start(state, "--name", "builder.example", "--port", port)
    (state / "kept").write_text(kept)
    assert "namespace/default" in names(kubectl, state / "kept")


def test_the_kubeconfig_goes_where_it_is_wanted(state: Path, tmp_path: Path) -> None:
    wanted = tmp_path / "a folder" / "config"
    assert f"export KUBECONFIG='{wanted}'" in start(state, "--kubeconfig", str(wanted)).out
    assert wanted.exists()


@pytest.mark.parametrize("faults", ["429", "200=0.5", "429=2", "429=0.7,500=0.7", "latency=fast", "reset=x"])
def test_faults_that_are_none_are_wrong_usage(state: Path, faults: str) -> None:
    answer = run("serve", "--state", str(state), "--inject", faults)
    assert answer.code == 2
    assert "chance" in answer.err


def test_a_port_that_is_taken_is_said(state: Path, tmp_path: Path) -> None:
    port = url_of(start(state)).rpartition(":")[2]
    answer = run("serve", "--state", str(tmp_path / "other"), "--runtime", "process", "--port", port)
    assert answer.code == 2
    assert f"cannot listen at 127.0.0.1 port {port}" in answer.err


def test_help_names_the_program_that_is_started() -> None:
    answer = run("serve", "--help")
    assert answer.code == 0
    assert EXPANDER.endswith("expander")
    assert "expander serve stop" in answer.out
