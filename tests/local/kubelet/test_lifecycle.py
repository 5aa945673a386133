"""Pods that are deleted, and what is stopped with them."""

import signal

from tests.local.kubelet.world import World, container, pod

TERM, KILL = signal.SIGTERM, signal.SIGKILL
SIDECAR = {"restartPolicy": "Always"}


def test_a_deleted_pod_is_asked_then_killed_then_gone(world: World) -> None:
    uid = world.start(pod(container()))
    world.kubelet.stop(uid, world.now)
    world.step()
    assert world.processes.signals == [(f"{uid}/main/0", TERM, False)]
    world.step(29)
    assert world.statuses[uid]["phase"] == "Running"
    world.step(1)
    assert world.processes.signals[1:] == [(f"{uid}/main/0", KILL, True)]
    world.end(uid, "main", None, 9)
    assert world.changes[-1].gone
    assert world.statuses[uid]["phase"] == "Failed"
    assert world.events(uid) == [("Killing", "Stopping container main")]


def test_a_pod_that_ends_well_when_asked_has_succeeded(world: World) -> None:
    uid = world.start(pod(container(), restart="OnFailure"))
    world.kubelet.stop(uid, world.now)
    world.end(uid, "main", 0)
    assert world.statuses[uid]["phase"] == "Succeeded"
    assert world.changes[-1].gone


def test_an_event_tells_what_a_full_disk_lost_of_a_log(world: World) -> None:
    uid = world.start(pod(container()))
    world.end(uid, "main", 0, unlogged=45)
    assert world.statuses[uid]["phase"] == "Succeeded"
    assert world.events(uid) == [
        ("LogTruncated", "45 bytes of the log of container main could not be written")
    ]


def test_a_container_gets_two_seconds_at_least_and_none_when_killed_at_once(world: World) -> None:
    uid = world.start(pod(container()))
    world.kubelet.stop(uid, world.now, 1)
    world.step(1.9)
    assert world.signalled(uid) == [("main", TERM)]
    world.step(0.1)
    assert world.signalled(uid) == [("main", TERM), ("main", KILL)]
    other = world.start(pod(container()))
    world.kubelet.stop(other, world.now, 0)
    assert world.signalled(other) == [("main", KILL)]


def test_a_grace_period_can_only_be_shortened(world: World) -> None:
    uid = world.start(pod(container(), terminationGracePeriodSeconds=100))
    world.kubelet.stop(uid, world.now)
    world.step(10)
    world.kubelet.stop(uid, world.now, 1000)
    world.kubelet.stop(uid, world.now, 5)
    world.step(4)
    assert world.signalled(uid) == [("main", TERM)]
    world.step(1)
    assert world.signalled(uid) == [("main", TERM), ("main", KILL)]


def test_a_pod_that_is_being_deleted_can_be_killed_at_once(world: World) -> None:
    uid = world.start(pod(container(lifecycle={"preStop": {"sleep": {"seconds": 20}}})))
    world.kubelet.stop(uid, world.now)
    world.kubelet.stop(uid, world.now, 0)
    assert world.signalled(uid) == [("main", KILL)]


def test_a_container_that_fails_its_probe_ends_with_its_pod(world: World) -> None:
    probe = {"exec": {"command": ["check"]}, "failureThreshold": 1, "terminationGracePeriodSeconds": 100}
    uid = world.start(pod(container(livenessProbe=probe), restart="OnFailure"))
    world.processes.end(world.beside(uid, "main")[0], 1)
    world.step(1)
    world.kubelet.stop(uid, world.now, 5)
    world.step(5)
    assert world.signalled(uid) == [("main", TERM), ("main", KILL)]
    world.end(uid, "main", None, 9)
    assert world.changes[-1].gone
    assert world.started(uid) == ["main"]


def test_a_pod_deleted_before_anything_ran_has_failed(world: World) -> None:
    uid = world.start(pod(container(envFrom=[{"secretRef": {"name": "none"}}])))
    world.kubelet.stop(uid, world.now)
    world.step()
    assert world.statuses[uid]["phase"] == "Failed"
    assert world.changes[-1].gone
    assert world.started(uid) == []


def test_a_pod_deleted_in_its_back_off_shows_how_its_container_ended(world: World) -> None:
    uid = world.start(pod(container(), restart="OnFailure"))
    world.end(uid, "main", 1)
    world.end(uid, "main", 2)
    world.kubelet.stop(uid, world.now)
    world.step()
    told = world.container(uid, "main")
    assert told["state"]["terminated"]["exitCode"] == 2
    assert told["lastState"]["terminated"]["exitCode"] == 1
    assert world.statuses[uid]["phase"] == "Failed"


def test_a_container_may_want_another_signal(world: World) -> None:
    uid = world.start(pod(container(lifecycle={"stopSignal": "SIGUSR1"})))
    world.kubelet.stop(uid, world.now)
    assert world.signalled(uid) == [("main", signal.SIGUSR1)]


def test_a_pre_stop_hook_runs_before_the_signal_within_the_grace_period(world: World) -> None:
    hook = {"preStop": {"exec": {"command": ["save", "all"]}}}
    uid = world.start(pod(container(env=[{"name": "A", "value": "1"}], lifecycle=hook)))
    world.kubelet.stop(uid, world.now)
    world.step(5)
    (key,) = world.beside(uid, "main")
    launch = world.processes.launches[key]
    assert (launch.argv, launch.env, launch.inside) == (["save", "all"], {"A": "1"}, f"{uid}/main/0")
    assert world.signalled(uid) == []
    world.processes.end(key, 0)
    world.step()
    assert world.signalled(uid) == [("main", TERM)]
    world.step(25)
    assert world.signalled(uid) == [("main", TERM), ("main", KILL)]


def test_a_pre_stop_hook_that_takes_too_long_is_given_up(world: World) -> None:
    hook = {"preStop": {"exec": {"command": ["save"]}}}
    uid = world.start(pod(container(lifecycle=hook), terminationGracePeriodSeconds=10))
    world.kubelet.stop(uid, world.now)
    world.step(10)
    (key,) = world.beside(uid, "main")
    assert world.processes.signals == [(key, KILL, True), (f"{uid}/main/0", TERM, False)]
    assert [reason for reason, _ in world.events(uid)] == ["Killing"]
    world.step(2)
    assert world.signalled(uid)[-1] == ("main", KILL)


def test_a_pre_stop_hook_that_fails_is_told_and_changes_nothing(world: World) -> None:
    hook = {"preStop": {"exec": {"command": ["save"]}}}
    uid = world.start(pod(container(lifecycle=hook)))
    world.kubelet.stop(uid, world.now)
    world.processes.end(world.beside(uid, "main")[0], 1)
    world.step()
    assert world.signalled(uid) == [("main", TERM)]
    assert world.events(uid)[1] == ("FailedPreStopHook", "PreStopHook failed")


def test_a_pre_stop_hook_may_only_wait(world: World) -> None:
    uid = world.start(pod(container(lifecycle={"preStop": {"sleep": {"seconds": 3}}})))
    world.kubelet.stop(uid, world.now)
    world.step(2.9)
    assert world.signalled(uid) == []
    world.step(0.1)
    assert world.signalled(uid) == [("main", TERM)]


def test_sidecars_start_before_and_stop_after_the_others_in_reverse(world: World) -> None:
    first = [container("log", **SIDECAR), container("init"), container("proxy", **SIDECAR)]
    uid = world.start(pod(container("a"), container("b"), initContainers=first))
    assert world.started(uid) == ["log", "init"]
    assert world.container(uid, "log")["state"].keys() == {"running"}
    world.end(uid, "init")
    assert world.started(uid) == ["log", "init", "proxy", "a", "b"]
    assert world.statuses[uid]["phase"] == "Running"
    world.end(uid, "a", 0)
    world.end(uid, "b", 0)
    assert world.signalled(uid) == [("proxy", TERM)]
    assert world.statuses[uid]["phase"] == "Running"
    world.end(uid, "proxy", None, 15)
    assert world.signalled(uid) == [("proxy", TERM), ("log", TERM)]
    world.end(uid, "log", None, 15)
    assert world.statuses[uid]["phase"] == "Succeeded"
    assert world.container(uid, "log")["state"]["terminated"]["exitCode"] == 143


def test_a_sidecar_restarts_whatever_the_policy_of_its_pod(world: World) -> None:
    uid = world.start(pod(container(), initContainers=[container("log", **SIDECAR)]))
    world.end(uid, "log", 0)
    assert world.started(uid) == ["log", "main", "log"]
    world.end(uid, "log", 1)
    assert world.container(uid, "log")["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert world.statuses[uid]["phase"] == "Running"
    assert world.condition(uid, "Initialized") == ("True", None, None)
    assert world.condition(uid, "Ready") == (
        "False",
        "ContainersNotReady",
        "containers with unready status: [log]",
    )
    world.end(uid, "main", 0)
    assert world.statuses[uid]["phase"] == "Succeeded"


def test_a_deleted_pod_stops_its_sidecars_last_within_one_grace_period(world: World) -> None:
    uid = world.start(pod(container(), initContainers=[container("log", **SIDECAR)]))
    world.kubelet.stop(uid, world.now, 10)
    assert world.signalled(uid) == [("main", TERM)]
    world.step(10)
    assert world.signalled(uid) == [("main", TERM), ("main", KILL), ("log", TERM)]
    world.end(uid, "main", None, 9)
    world.step(2)
    assert world.signalled(uid)[-1] == ("log", KILL)
    world.end(uid, "log", None, 9)
    assert world.changes[-1].gone


def test_a_sidecar_stops_when_an_init_container_fails_the_pod(world: World) -> None:
    first = [container("log", **SIDECAR), container("init")]
    uid = world.start(pod(container(), initContainers=first))
    world.end(uid, "init", 1)
    assert world.statuses[uid]["phase"] == "Pending"
    assert world.signalled(uid) == [("log", TERM)]
    world.end(uid, "log", 0)
    assert world.statuses[uid]["phase"] == "Failed"
