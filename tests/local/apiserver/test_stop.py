"""A server that is told to end gives its pods SIGTERM and their grace period, and runs them anew later."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.local.apiserver.serving import Server, job
from tests.local.apiserver.test_restart import JOBS, eventually, state_of

LOOP = "touch $UP; while :; do sleep 0.05; done"
POLITE = f"[ ! -e $SAID ] || exit 0; trap 'touch $SAID; exit 0' TERM; {LOOP}"
STUBBORN = f"trap '' TERM; {LOOP}"


def started(state: Path, script: str, grace: int, *flags: str) -> tuple[Server, Path]:
    """A server with a running Job, and the file that its pod makes when it is told to end."""
    up, said = state.parent / "up", state.parent / "said"
    script = script.replace("$UP", str(up)).replace("$SAID", str(said))
    server = Server(state, ("--runtime", "process", *flags)).start()
    body: dict[str, Any] = job("long", script)
    body["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = grace
    assert server.request("POST", JOBS, body).code == 201
    eventually(up.exists)
    return server, said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_pods_end_in_peace_and_the_next_server_runs_them_anew(state: Path, number: int) -> None:
    first, said = started(state, POLITE, 3600)
    assert first.stop(number) == 0
    assert said.exists()
    second = Server(state).start()
    try:
        eventually(lambda: state_of(second, "long") == "Complete")
        assert not second.request("GET", f"{JOBS}/long").json["status"].get("failed")
    finally:
        second.stop()


@pytest.mark.parametrize(("grace", "flags"), [(1, ()), (3600, ("--grace", "0s"))])
def test_a_pod_that_does_not_end_is_killed_after_its_grace_period(
    state: Path, grace: int, flags: tuple[str, ...]
) -> None:
    server, _ = started(state, STUBBORN, grace, *flags)
    assert server.stop() == 0


def test_a_second_signal_kills_and_requests_are_answered_until_then(state: Path) -> None:
    server, _ = started(state, STUBBORN, 3600)
    server.process.send_signal(signal.SIGTERM)
    errors = Path(f"{state}.errors")
    eventually(lambda: "stopping 1 pod; a second signal kills what is left" in errors.read_text())
    assert server.request("GET", f"{JOBS}/long").code == 200
    assert server.stop() == 0
