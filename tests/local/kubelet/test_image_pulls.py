"""How a pod waits for an image that a container engine is to have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from expander.local.recovery import ReplayRuntime
from expander.local.runtime.runtime import Exit, Launch
from tests.local.kubelet.world import World, pod


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, isolates=True, pulls_images=True)


def started(world: World, policy: str | None = None, **container: Any) -> str:
    main = {
        "name": "main",
        "image": "app:1",
        "command": ["run"],
        **({"imagePullPolicy": policy} if policy else {}),
        **container,
    }
    return world.start(pod(main))


def answer(world: World, code: int, said: str = "") -> Launch:
    """The engine answers the latest question about an image."""
    launch = [each for each in world.processes.launches.values() if each.pull][-1]
    Path(launch.log).write_text(said)
    world.processes.end(launch.key, code)
    world.step()
    return launch


def waits(world: World, uid: str) -> tuple[str, str]:
    state = world.container(uid, "main")["state"]["waiting"]
    return state["reason"], state.get("message", "")


def test_a_container_starts_once_the_engine_has_its_image(world: World) -> None:
    uid = started(world)
    assert world.keys(uid, "main") == []
    asked = answer(world, 0, "app\n")
    assert (asked.image, asked.pull) == ("app:1", "IfNotPresent")
    assert len(world.keys(uid, "main")) == 1
    again = started(world)
    assert len(world.keys(again, "main")) == 1, "it is known to be there"
    always = started(world, "Always")
    assert world.keys(always, "main") == []
    answer(world, 0)
    assert len(world.keys(always, "main")) == 1


def test_a_pull_that_fails_is_shown_in_the_engines_words_and_tried_again_later_and_later(
    world: World,
) -> None:
    uid = started(world, "Always")
    answer(world, 1, "time=now level=warning msg=...\nError: no such registry\n")
    assert waits(world, uid) == ("ErrImagePull", "no such registry")
    world.step(1.0)
    back_off = 'Back-off pulling image "app:1": ErrImagePull: no such registry'
    assert waits(world, uid) == ("ImagePullBackOff", back_off)
    events = [reason for reason, _ in world.events(uid)]
    assert events == ["Pulling", "Failed", "Failed", "BackOff", "Failed"]
    asked = len(world.processes.launches)
    world.step(8.9)
    assert len(world.processes.launches) == asked
    world.step(0.2)
    assert len(world.processes.launches) == asked + 1
    answer(world, 125, "Error: still not")
    assert waits(world, uid) == ("ErrImagePull", "still not")
    world.step(19.8)
    assert len(world.processes.launches) == asked + 1
    world.step(0.3)
    assert len(world.processes.launches) == asked + 2
    answer(world, 0)
    assert len(world.keys(uid, "main")) == 1
    assert world.container(uid, "main")["restartCount"] == 0


def test_what_may_never_be_pulled_and_is_not_there_says_so(world: World) -> None:
    uid = started(world, "Never")
    answer(world, 125, "Error: app:1: image not known")
    said = 'Container image "app:1" is not present with pull policy of Never'
    assert waits(world, uid) == ("ErrImageNeverPull", said)
    assert ("ErrImageNeverPull", said) in world.events(uid)


def test_a_pod_that_is_stopped_meanwhile_does_not_start(world: World) -> None:
    uid = started(world)
    world.kubelet.stop(uid, world.now, 0)
    world.step()
    answer(world, 0)
    assert world.keys(uid, "main") == []
    assert world.statuses[uid]["phase"] in ("Failed", "Succeeded")


def test_the_user_of_the_image_counts_where_root_is_not_allowed(world: World) -> None:
    security = {"runAsNonRoot": True}
    uid = started(world, securityContext=security)
    answer(world, 0, "app\n")
    assert waits(world, uid)[0] == "CreateContainerConfigError"
    assert "image has non-numeric user (app)" in waits(world, uid)[1]
    uid = started(world, image="other", securityContext=security)
    answer(world, 0, "77:88\n")
    assert len(world.keys(uid, "main")) == 1


def test_a_replayed_pod_does_not_wait_for_its_image() -> None:
    end = Exit("uid/main/0", 0, None, 1.0, 2.0)
    runtime = ReplayRuntime({"uid/main/0": end})
    runtime.start(Launch("uid/main/0#pull1", (), {}, "/log", image="app", pull="Always"))
    _, told = runtime.read()
    assert isinstance(told, Exit)
    assert (told.code, runtime.cut_short) == (0, False)
