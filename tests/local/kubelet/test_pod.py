"""Pods from their start to their last status."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.local.kubelet.world import START, World, container, pod

NOW = "2027-01-15T08:00:00Z"


def test_the_whole_status_of_a_simple_pod(world: World) -> None:
    one = pod(container(resources={"requests": {"cpu": "1"}}))
    one["metadata"]["generation"] = 1
    uid = world.start(one)
    always: dict[str, Any] = {"lastProbeTime": None, "lastTransitionTime": NOW, "observedGeneration": 1}
    assert world.statuses[uid] == {
        "phase": "Running",
        "conditions": [
            {"type": "PodReadyToStartContainers", "status": "True", **always},
            {"type": "Initialized", "status": "True", **always},
            {"type": "Ready", "status": "True", **always},
            {"type": "ContainersReady", "status": "True", **always},
            {"type": "PodScheduled", "status": "True", **always},
        ],
        "hostIP": "127.0.0.1",
        "hostIPs": [{"ip": "127.0.0.1"}],
        "podIP": "127.1.0.1",
        "podIPs": [{"ip": "127.1.0.1"}],
        "startTime": NOW,
        "qosClass": "Burstable",
        "containerStatuses": [
            {
                "name": "main",
                "state": {"running": {"startedAt": NOW}},
                "lastState": {},
                "ready": True,
                "restartCount": 0,
                "image": "busybox:1.36",
                "imageID": "",
                "allocatedResources": {"cpu": "1"},
                "resources": {"requests": {"cpu": "1"}},
                "started": True,
                "containerID": f"expander://{uid}.main.0",
            }
        ],
        "observedGeneration": 1,
    }
    world.step(5)
    world.end(uid, "main", 0)
    later = {**always, "lastTransitionTime": "2027-01-15T08:00:05Z"}
    assert world.statuses[uid]["phase"] == "Succeeded"
    assert world.statuses[uid]["conditions"] == [
        {"type": "PodReadyToStartContainers", "status": "False", **later},
        {"type": "Initialized", "status": "True", "reason": "PodCompleted", **always},
        {"type": "Ready", "status": "False", "reason": "PodCompleted", **later},
        {"type": "ContainersReady", "status": "False", "reason": "PodCompleted", **later},
        {"type": "PodScheduled", "status": "True", **always},
    ]
    told = world.container(uid, "main")
    assert told["state"] == {
        "terminated": {
            "exitCode": 0,
            "reason": "Completed",
            "startedAt": NOW,
            "finishedAt": "2027-01-15T08:00:05Z",
            "containerID": f"expander://{uid}.main.0",
        }
    }
    assert (told["ready"], told["started"], told["restartCount"]) == (False, False, 0)


@pytest.mark.parametrize(
    ("end", "code", "reason"),
    [
        ({"code": 0}, 0, "Completed"),
        ({"code": 3}, 3, "Error"),
        ({"code": None, "number": 9}, 137, "Error"),
        ({"code": None, "number": 15}, 143, "Error"),
        ({"code": None, "number": 9, "oom": True}, 137, "OOMKilled"),
    ],
)
def test_ends_are_reported_as_a_kubelet_does(
    world: World, end: dict[str, Any], code: int, reason: str
) -> None:
    uid = world.start(pod(container()))
    world.end(uid, "main", **end)
    told = world.container(uid, "main")["state"]["terminated"]
    assert (told["exitCode"], told["reason"]) == (code, reason)
    assert world.statuses[uid]["phase"] == ("Succeeded" if code == 0 else "Failed")
    assert world.condition(uid, "Ready") == ("False", "PodCompleted" if code == 0 else "PodFailed", None)


def test_a_command_that_does_not_exist_is_a_start_error(world: World) -> None:
    world.processes.refusals["nope"] = 'exec: "nope": executable file not found in $PATH'
    uid = world.start(pod(container("main", "nope")))
    assert world.statuses[uid]["phase"] == "Failed"
    told = world.container(uid, "main")["state"]["terminated"]
    assert (told["exitCode"], told["reason"], told["startedAt"]) == (
        128,
        "StartError",
        "1970-01-01T00:00:00Z",
    )
    assert told["message"] == 'exec: "nope": executable file not found in $PATH'


def test_a_pod_fails_only_when_all_its_containers_have_ended(world: World) -> None:
    uid = world.start(pod(container("a"), container("b")))
    world.end(uid, "a", 1)
    assert world.statuses[uid]["phase"] == "Running"
    assert world.condition(uid, "Ready") == (
        "False",
        "ContainersNotReady",
        "containers with unready status: [a]",
    )
    world.end(uid, "b", 0)
    assert world.statuses[uid]["phase"] == "Failed"


def test_containers_restart_with_a_growing_back_off(world: World) -> None:
    one = pod(container(), restart="OnFailure")
    uid = world.start(one)
    starts = [world.now]
    waits = []
    for _ in range(8):
        world.end(uid, "main", 1)
        count = len(world.keys(uid, "main"))
        waiting = world.container(uid, "main")["state"].get("waiting")
        while len(world.keys(uid, "main")) == count and waiting:
            world.step(1)
        waits.append(world.now - starts[-1])
        starts.append(world.now)
    assert waits == [0, 10, 20, 40, 80, 160, 300, 300]
    world.end(uid, "main", 1)
    told = world.container(uid, "main")
    name = one["metadata"]["name"]
    assert told["state"]["waiting"] == {
        "reason": "CrashLoopBackOff",
        "message": f"back-off 5m0s restarting failed container=main pod={name}_team({uid})",
    }
    assert told["lastState"]["terminated"]["exitCode"] == 1
    assert told["restartCount"] == 8
    assert world.statuses[uid]["phase"] == "Running"
    world.step(300)
    world.end(uid, "main", 0)
    assert world.statuses[uid]["phase"] == "Succeeded"
    assert world.container(uid, "main")["restartCount"] == 9


def test_the_back_off_can_be_scaled(tmp_path: Path) -> None:
    world = World(tmp_path, backoff_base=0.5)
    uid = world.start(pod(container(), restart="OnFailure"))
    world.end(uid, "main", 1)
    world.end(uid, "main", 1)
    assert world.container(uid, "main")["state"]["waiting"]["message"].startswith("back-off 500ms restarting")
    world.step(0.5)
    assert len(world.keys(uid, "main")) == 3


def test_a_container_that_ran_long_enough_starts_anew_at_the_base(world: World) -> None:
    uid = world.start(pod(container(), restart="Always"))
    world.end(uid, "main", 1)
    world.step(601)
    world.end(uid, "main", 1)
    assert len(world.keys(uid, "main")) == 3


def test_init_containers_run_in_order_before_the_others(world: World) -> None:
    uid = world.start(pod(container(), initContainers=[container("one"), container("two")]))
    assert world.started(uid) == ["one"]
    assert world.statuses[uid]["phase"] == "Pending"
    assert world.condition(uid, "Initialized") == (
        "False",
        "ContainersNotInitialized",
        "containers with incomplete status: [one two]",
    )
    assert world.container(uid, "main")["state"] == {"waiting": {"reason": "PodInitializing"}}
    world.end(uid, "one")
    assert world.container(uid, "one")["ready"] is True
    assert world.started(uid) == ["one", "two"]
    world.end(uid, "two")
    assert world.started(uid) == ["one", "two", "main"]
    assert world.condition(uid, "Initialized") == ("True", None, None)
    world.end(uid, "main")
    assert world.statuses[uid]["phase"] == "Succeeded"


def test_a_pod_that_never_restarts_fails_with_an_init_container(world: World) -> None:
    uid = world.start(pod(container(), initContainers=[container("one"), container("two")]))
    world.end(uid, "one", 7)
    assert world.statuses[uid]["phase"] == "Failed"
    assert world.started(uid) == ["one"]
    assert world.container(uid, "one")["state"]["terminated"]["exitCode"] == 7
    assert world.container(uid, "two")["state"] == {"waiting": {"reason": "PodInitializing"}}
    assert world.condition(uid, "Ready") == ("False", "PodFailed", None)


@pytest.mark.parametrize("policy", ["OnFailure", "Always"])
def test_a_failed_init_container_is_started_again(world: World, policy: str) -> None:
    uid = world.start(pod(container(), restart=policy, initContainers=[container("one")]))
    world.end(uid, "one", 1)
    assert world.started(uid) == ["one", "one"]
    assert world.statuses[uid]["phase"] == "Pending"
    world.end(uid, "one", 0)
    assert world.started(uid) == ["one", "one", "main"]
    assert world.container(uid, "one")["restartCount"] == 1


def test_a_container_may_have_restart_rules_of_its_own(world: World) -> None:
    rule = {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}
    uid = world.start(pod(container(restartPolicy="Never", restartPolicyRules=[rule])))
    world.end(uid, "main", 42)
    assert world.statuses[uid]["phase"] == "Running"
    world.end(uid, "main", 1)
    assert world.statuses[uid]["phase"] == "Failed"


def test_a_pod_past_its_deadline_is_ended_and_says_so(world: World) -> None:
    uid = world.start(pod(container(), container("b"), activeDeadlineSeconds=60, restart="OnFailure"))
    world.end(uid, "b", 0)
    world.step(59)
    assert world.signalled(uid) == []
    world.step(1)
    assert world.signalled(uid) == [("main", signal.SIGTERM)]
    assert world.statuses[uid]["phase"] == "Running"
    world.end(uid, "main", None, 15)
    status = world.statuses[uid]
    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")
    assert status["message"] == "Pod was active on the node longer than the specified deadline"
    assert world.container(uid, "main")["state"]["terminated"]["exitCode"] == 143


def test_the_deadline_counts_from_the_start_time_of_the_pod(world: World) -> None:
    one = pod(container(), activeDeadlineSeconds=60)
    one["status"] = {"startTime": "2027-01-15T07:59:30Z"}
    uid = world.start(one)
    world.step(30)
    assert world.signalled(uid) == [("main", signal.SIGTERM)]


def test_readiness_gates_wait_for_conditions_of_others(world: World) -> None:
    one = pod(container(), readinessGates=[{"conditionType": "example.com/open"}])
    uid = world.start(one)
    message = 'corresponding condition of pod readiness gate "example.com/open" does not exist.'
    assert world.condition(uid, "Ready") == ("False", "ReadinessGatesNotReady", message)
    assert world.condition(uid, "ContainersReady") == ("True", None, None)


def test_conditions_of_others_are_left_to_them(world: World) -> None:
    one = pod(container())
    one["status"] = {"conditions": [{"type": "DisruptionTarget", "status": "True"}]}
    uid = world.start(one)
    assert "DisruptionTarget" not in {part["type"] for part in world.statuses[uid]["conditions"]}


def test_a_pod_that_is_over_is_told_once_and_forgotten(world: World) -> None:
    uid = world.start(pod(container()))
    world.end(uid, "main")
    count = len(world.changes)
    assert world.changes[-1].settled == (f"{uid}/main/0",)
    assert not world.changes[-1].gone
    world.kubelet.stop(uid, world.now)
    world.step(100)
    assert len(world.changes) == count
    assert world.kubelet.deadline() is None


def test_the_news_of_a_start_are_held_back_for_those_that_end_at_once(tmp_path: Path) -> None:
    world = World(tmp_path, status_delay=0.05)
    quick, slow = world.start(pod(container())), world.start(pod(container()))
    assert world.changes == []
    world.end(quick, "main")
    assert [change.status["phase"] for change in world.changes] == ["Succeeded"]
    assert world.kubelet.deadline() == START + 0.05
    world.step(0.05)
    assert world.statuses[slow]["phase"] == "Running"


def test_logs_are_a_file_for_each_start(world: World) -> None:
    one = pod(container(), restart="OnFailure")
    uid, name = world.start(one), one["metadata"]["name"]
    first = world.folder / "logs" / f"team_{name}_{uid}_main_0.log"
    assert world.launch(uid, "main").log == str(first)
    assert world.kubelet.logs_of(uid, "main") == first
    with pytest.raises(KeyError):
        world.kubelet.logs_of(uid, "main", previous=True)
    world.end(uid, "main", 1)
    second = first.with_name(f"team_{name}_{uid}_main_1.log")
    assert world.kubelet.logs_of(uid, "main") == second
    assert world.kubelet.logs_of(uid, "main", previous=True) == first
    first.touch()
    second.touch()
    world.end(uid, "main", 0)
    assert world.kubelet.logs_of(uid, "main") == second
    assert world.kubelet.logs_of({**one, "status": world.statuses[uid]}, "main", previous=True) == first


def test_a_long_pod_name_still_fits_into_a_file_name(world: World) -> None:
    one = pod(container("c" * 63))
    one["metadata"] |= {"name": "n" * 253, "namespace": "s" * 63, "uid": "u" * 36}
    uid = world.start(one)
    Path(world.launch(uid, "c" * 63).log).touch()


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([{}], "BestEffort"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}], "Guaranteed"),
        (
            [{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1024Mi"}}],
            "Guaranteed",
        ),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}, {}], "Burstable"),
        ([{"requests": {"ephemeral-storage": "1Gi"}}], "BestEffort"),
    ],
)
def test_the_quality_of_service(world: World, resources: list[dict[str, Any]], expected: str) -> None:
    uid = world.start(pod(*(container(f"c{n}", resources=found) for n, found in enumerate(resources))))
    assert world.statuses[uid]["qosClass"] == expected


def test_a_pod_that_is_over_leaves_no_deadline_behind(world: World) -> None:
    uid = world.start(pod(container(), activeDeadlineSeconds=3600))
    assert world.kubelet.deadline() == START + 3600
    world.end(uid, "main")
    assert world.kubelet.deadline() is None


def test_a_container_that_was_lost_is_one_whose_end_nobody_knows(world: World) -> None:
    uid = world.start(pod(container()))
    world.end(uid, "main", None, None, error="its supervisor was killed", lost=True)
    told = world.container(uid, "main")["state"]["terminated"]
    assert (told["exitCode"], told["reason"]) == (137, "ContainerStatusUnknown")
    assert told["message"] == "The container could not be located when the pod was terminated"
    assert world.statuses[uid]["phase"] == "Failed"


def test_many_pods_do_not_disturb_each_other(world: World) -> None:
    uids = [world.start(pod(container(), activeDeadlineSeconds=10 + number)) for number in range(50)]
    assert len({world.statuses[uid]["podIP"] for uid in uids}) == 50
    world.step(30)
    assert [bool(world.signalled(uid)) for uid in uids] == [number <= 20 for number in range(50)]


def test_a_pod_that_waits_has_no_address_yet(world: World) -> None:
    uid = world.start(pod(container(), volumes=[{"name": "v", "secret": {"secretName": "none"}}]))
    assert "podIP" not in world.statuses[uid]


def test_the_conditions_of_others_may_change_while_a_pod_runs(world: World) -> None:
    one = pod(container(), readinessGates=[{"conditionType": "open"}])
    uid = world.start(one)
    world.kubelet.update({**one, "status": {"conditions": [{"type": "open", "status": "False"}]}})
    world.step()
    message = 'the status of pod readiness gate "open" is not "True", but False'
    assert world.condition(uid, "Ready")[2] == message
    world.kubelet.update({**one, "status": {"conditions": [{"type": "open", "status": "True"}]}})
    world.step()
    assert world.condition(uid, "Ready") == ("True", None, None)
