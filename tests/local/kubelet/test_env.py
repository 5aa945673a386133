"""Environment variables and command lines."""

from base64 import b64encode
from pathlib import Path
from typing import Any

from tests.local.kubelet.world import World, container, pod


def secret(**entries: str) -> dict[str, Any]:
    return {"data": {key: b64encode(value.encode()).decode() for key, value in entries.items()}}


def test_values_may_refer_to_those_before_them(world: World) -> None:
    env = [
        {"name": "NAME", "value": "world"},
        {"name": "GREETING", "value": "hello $(NAME) $(LATER) $$(NAME)"},
        {"name": "LATER", "value": "x"},
        {"name": "NONE"},
    ]
    uid = world.start(pod(container("main", "echo", "$(GREETING)", args=["$(LATER)", "$(NO)"], env=env)))
    launch = world.launch(uid, "main")
    assert launch.env == {
        "NAME": "world",
        "GREETING": "hello world $(LATER) $(NAME)",
        "LATER": "x",
        "NONE": "",
    }
    assert launch.argv == ["echo", "hello world $(LATER) $(NAME)", "x", "$(NO)"]


def test_sources_are_read_whole_or_by_key(world: World) -> None:
    world.objects["ConfigMap", "team", "settings"] = {"data": {"A": "1", "B": "2"}}
    world.objects["Secret", "team", "key"] = secret(TOKEN="s3")
    part = container(
        envFrom=[{"configMapRef": {"name": "settings"}, "prefix": "P_"}, {"secretRef": {"name": "key"}}],
        env=[
            {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "B"}}},
            {"name": "T", "valueFrom": {"secretKeyRef": {"name": "key", "key": "TOKEN"}}},
            {"name": "P_A", "value": "mine $(P_B)"},
            {"name": "OFF", "valueFrom": {"configMapKeyRef": {"name": "no", "key": "k", "optional": True}}},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        ],
    )
    uid = world.start(pod(part))
    env = world.launch(uid, "main").env
    assert env == {
        "P_A": "mine 2",
        "P_B": "2",
        "TOKEN": "s3",
        "B": "2",
        "T": "s3",
        "IP": "127.1.0.1",
        "CPU": "4",
    }


def test_what_every_container_gets_is_overruled_by_its_own(tmp_path: Path) -> None:
    world = World(tmp_path, variables={"SCRATCH": "/tmp/s", "A": "outer"})
    uid = world.start(pod(container("main", "echo", "$(SCRATCH)$(A)", env=[{"name": "A", "value": "own"}])))
    assert world.launch(uid, "main").env == {"SCRATCH": "/tmp/s", "A": "own"}
    assert world.launch(uid, "main").argv[1] == "$(SCRATCH)own"


def test_a_pod_waits_for_a_config_map_and_goes_on_when_it_is_there(world: World) -> None:
    env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "A"}}}]
    uid = world.start(pod(container(env=env)))
    waiting = {"reason": "CreateContainerConfigError", "message": 'configmap "settings" not found'}
    assert world.container(uid, "main")["state"] == {"waiting": waiting}
    assert world.statuses[uid]["phase"] == "Pending"
    assert world.events(uid) == [("Failed", 'Error: configmap "settings" not found')]
    world.objects["ConfigMap", "team", "settings"] = {"data": {}}
    world.step(10)
    message = "couldn't find key A in ConfigMap team/settings"
    assert world.container(uid, "main")["state"]["waiting"]["message"] == message
    world.objects["ConfigMap", "team", "settings"] = {"data": {"A": "1"}}
    world.step(10)
    assert world.statuses[uid]["phase"] == "Running"
    assert world.launch(uid, "main").env == {"A": "1"}


def test_a_missing_secret_is_named(world: World) -> None:
    uid = world.start(pod(container(envFrom=[{"secretRef": {"name": "s"}}])))
    assert world.container(uid, "main")["state"]["waiting"]["message"] == 'secret "s" not found'


def test_only_the_container_that_lacks_something_waits(world: World) -> None:
    lacking = container("lacking", envFrom=[{"secretRef": {"name": "s"}}])
    uid = world.start(pod(lacking, container("other")))
    assert world.started(uid) == ["other"]
    assert world.statuses[uid]["phase"] == "Pending"


def test_where_and_as_whom_a_container_runs(world: World) -> None:
    limits = {"limits": {"memory": "64Mi", "cpu": "500m"}}
    part = container(workingDir="/work", resources=limits, securityContext={"runAsUser": 5})
    uid = world.start(
        pod(part, securityContext={"runAsUser": 1, "runAsGroup": 2, "fsGroup": 3, "supplementalGroups": [4]})
    )
    launch = world.launch(uid, "main")
    assert (launch.cwd, launch.user, launch.group, launch.groups) == ("/work", 5, 2, (3, 4))
    assert (launch.memory, launch.cpus, launch.image) == (64 << 20, 0.5, "busybox:1.36")
    assert launch.key == f"{uid}/main/0"


def test_arguments_alone_are_for_the_entrypoint_of_the_image(world: World) -> None:
    part = container(args=["-x"])
    del part["command"]
    uid = world.start(pod(part, container("other")))
    assert (world.launch(uid, "main").argv, world.launch(uid, "main").replaces_entrypoint) == (["-x"], False)
    assert world.launch(uid, "other").replaces_entrypoint


def test_a_container_that_must_not_be_root_is_not(world: World) -> None:
    one = pod(container(securityContext={"runAsNonRoot": True, "runAsUser": 0}))
    uid = world.start(one)
    name = one["metadata"]["name"]
    assert world.container(uid, "main")["state"]["waiting"] == {
        "reason": "CreateContainerConfigError",
        "message": f'container\'s runAsUser breaks non-root policy (pod: "{name}_team({uid})", container: main)',
    }


def test_an_image_that_says_it_does_not_exist_cannot_be_pulled(world: World) -> None:
    image = "non-existing-repo/non-existing-image:example"
    uid = world.start(pod(container(image=image)))
    assert world.container(uid, "main")["state"]["waiting"] == {
        "reason": "ImagePullBackOff",
        "message": f'Back-off pulling image "{image}"',
    }
    world.step(1000)
    assert world.statuses[uid]["phase"] == "Pending"
    world.kubelet.stop(uid, world.now)
    world.step()
    assert world.statuses[uid]["phase"] == "Failed"
