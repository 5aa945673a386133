"""postStart hooks, and startup, liveness and readiness probes."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.local.kubelet.world import World, container, pod

TERM, KILL = signal.SIGTERM, signal.SIGKILL


def probe(**more: Any) -> dict[str, Any]:
    return {
        "exec": {"command": ["check"]},
        "periodSeconds": 10,
        "timeoutSeconds": 1,
        "successThreshold": 1,
        "failureThreshold": 3,
        **more,
    }


def answer(world: World, uid: str, code: int) -> None:
    """The probe under way ends with ``code``."""
    world.processes.end(world.beside(uid, "main")[-1], code)
    world.step()


def test_a_container_runs_once_its_post_start_hook_is_over(world: World) -> None:
    hook = {"postStart": {"exec": {"command": ["prepare"]}}}
    uid = world.start(pod(container(lifecycle=hook), container("next")))
    assert world.started(uid) == ["main"]
    assert world.statuses[uid]["phase"] == "Pending"
    assert world.container(uid, "main")["state"] == {"waiting": {"reason": "ContainerCreating"}}
    (key,) = world.beside(uid, "main")
    assert world.processes.launches[key].argv == ["prepare"]
    world.processes.end(key, 0)
    world.step()
    assert world.started(uid) == ["main", "next"]
    assert world.statuses[uid]["phase"] == "Running"


def test_a_container_is_killed_when_its_post_start_hook_fails(world: World) -> None:
    hook = {"postStart": {"exec": {"command": ["prepare"]}}}
    uid = world.start(pod(container(lifecycle=hook)))
    world.processes.end(world.beside(uid, "main")[0], 1)
    world.step()
    assert world.signalled(uid) == [("main", TERM)]
    world.end(uid, "main", None, 15)
    assert world.statuses[uid]["phase"] == "Failed"
    assert world.events(uid)[0] == ("FailedPostStartHook", "PostStartHook failed")


def test_a_ready_container_is_one_whose_readiness_probe_succeeds(world: World) -> None:
    uid = world.start(pod(container(readinessProbe=probe(initialDelaySeconds=5, successThreshold=2))))
    assert world.container(uid, "main")["started"] is True
    assert world.condition(uid, "Ready")[0] == "False"
    world.step(4.9)
    assert world.beside(uid, "main") == []
    world.step(0.1)
    answer(world, uid, 0)
    assert world.container(uid, "main")["ready"] is False
    world.step(10)
    answer(world, uid, 0)
    assert world.condition(uid, "Ready") == ("True", None, None)
    for _ in range(3):
        assert world.container(uid, "main")["ready"] is True
        world.step(10)
        answer(world, uid, 1)
    assert world.condition(uid, "Ready") == (
        "False",
        "ContainersNotReady",
        "containers with unready status: [main]",
    )
    assert world.signalled(uid) == []
    assert world.events(uid)[-1] == ("Unhealthy", "Readiness probe failed: exit status 1")


def test_a_container_that_fails_its_liveness_probe_is_started_again(world: World) -> None:
    uid = world.start(pod(container(livenessProbe=probe()), restart="OnFailure"))
    for _ in range(3):
        assert world.signalled(uid) == []
        answer(world, uid, 1)
        world.step(10)
    assert world.signalled(uid) == [("main", TERM)]
    assert ("Killing", "Container main failed liveness probe, will be restarted") in world.events(uid)
    world.end(uid, "main", 0)
    assert world.started(uid) == ["main", "main"]
    assert world.container(uid, "main")["restartCount"] == 1


def test_a_container_that_is_never_restarted_ends_with_its_liveness_probe(world: World) -> None:
    more = {"failureThreshold": 1, "terminationGracePeriodSeconds": 3}
    uid = world.start(pod(container(livenessProbe=probe(**more))))
    answer(world, uid, 1)
    assert ("Killing", "Container main failed liveness probe") in world.events(uid)
    world.step(3)
    assert world.signalled(uid) == [("main", TERM), ("main", KILL)]
    world.end(uid, "main", None, 9)
    assert world.statuses[uid]["phase"] == "Failed"
    assert world.container(uid, "main")["state"]["terminated"]["exitCode"] == 137


def test_other_probes_wait_for_the_startup_probe(world: World) -> None:
    probes: dict[str, Any] = {
        "startupProbe": probe(periodSeconds=1, failureThreshold=5),
        "readinessProbe": probe(),
    }
    uid = world.start(pod(container(**probes)))
    assert world.container(uid, "main")["started"] is False
    for _ in range(3):
        answer(world, uid, 1)
        world.step(1)
    assert [key.split("#")[1].split(".")[0] for key in world.beside(uid, "main")] == ["startup"] * 4
    answer(world, uid, 0)
    assert world.container(uid, "main")["started"] is True
    assert world.container(uid, "main")["ready"] is False
    answer(world, uid, 0)
    assert world.container(uid, "main")["ready"] is True
    world.step(100)
    assert sum("#startup" in key for key in world.beside(uid, "main")) == 4


def test_a_container_that_does_not_start_up_is_killed(world: World) -> None:
    uid = world.start(pod(container(startupProbe=probe(failureThreshold=1))))
    answer(world, uid, 1)
    assert world.signalled(uid) == [("main", TERM)]


def test_a_probe_that_takes_too_long_has_failed(world: World) -> None:
    uid = world.start(pod(container(livenessProbe=probe(failureThreshold=1, timeoutSeconds=2))))
    (key,) = world.beside(uid, "main")
    world.step(2)
    assert (key, KILL, True) in world.processes.signals
    assert world.events(uid)[0] == (
        "Unhealthy",
        'Liveness probe failed: command timed out: "check" timed out after 2s',
    )


def test_a_sidecar_that_is_not_started_holds_up_what_comes_after_it(world: World) -> None:
    first = [container("main", restartPolicy="Always", startupProbe=probe(periodSeconds=1))]
    uid = world.start(pod(container("later"), initContainers=first))
    assert world.started(uid) == ["main"]
    assert world.condition(uid, "Initialized")[2] == "containers with incomplete status: [main]"
    answer(world, uid, 0)
    assert world.started(uid) == ["main", "later"]


def test_probes_end_with_their_container(world: World) -> None:
    uid = world.start(pod(container(livenessProbe=probe())))
    (key,) = world.beside(uid, "main")
    world.end(uid, "main", 0)
    assert (key, KILL, True) in world.processes.signals
    assert world.statuses[uid]["phase"] == "Running"
    world.processes.end(key, None, 9)
    world.step(100)
    assert world.statuses[uid]["phase"] == "Succeeded"
    assert len(world.beside(uid, "main")) == 1


def test_a_handler_that_cannot_be_tried_counts_for_nothing(world: World) -> None:
    uid = world.start(
        pod(container(livenessProbe={"grpc": {"port": 1}, "periodSeconds": 1, "failureThreshold": 1}))
    )
    world.step(5)
    assert world.signalled(uid) == []


@pytest.mark.parametrize("isolates", [False, True])
@pytest.mark.parametrize("handler", ["tcpSocket", "httpGet"])
def test_a_program_that_is_not_reached_has_a_hint_where_pods_have_no_host_name(
    tmp_path: Path, handler: str, isolates: bool
) -> None:
    world = World(tmp_path, isolates=isolates)
    uid = world.start(pod(container(readinessProbe={handler: {"port": 1}})))
    for _ in range(200):
        if world.events(uid):
            break
        world.step(0.05)
    reason, message = world.events(uid)[-1]
    assert reason == "Unhealthy"
    assert message.startswith("Readiness probe failed: ")
    assert "dial tcp 127." in message
    assert message.endswith("refused") is isolates
    assert ("use runtime='sandbox')" in message) is not isolates
