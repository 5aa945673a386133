"""What a container has of its image, as the kubelet and a container runtime put both together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from expander.local.images.config import ImageConfig
from expander.local.images.images import LocalImage
from expander.local.kubelet.image_commands import ImageCommand, ImageCommands
from expander.local.runtime.runtime import Launch
from tests.local.kubelet.world import World, pod

CONFIG = ImageConfig(("/entry",), ("default", "words"), {"A": "image", "PATH": "/app"}, "app:extra", "/work")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "etc").mkdir(parents=True)
    (folder / "etc" / "passwd").write_text("root:x:0:0::/root:\napp:x:1234:2345::/home/app:\nbad line\n")
    (folder / "etc" / "group").write_text("extra:x:3456:app,other\nlast:x:4567:other\n")
    return folder


def with_image(folder: Path, root: Path, config: ImageConfig | None = CONFIG) -> World:
    image = LocalImage(str(root), config)
    return World(
        folder / "state", image=lambda name: image, image_command=ImageCommands({}, lambda name: image)
    )


def launched(made: World, container: dict[str, Any] | None = None, **spec: Any) -> Launch:
    made.start(pod({"name": "main", "image": "app", **(container or {})}, **spec))
    (launch,) = made.processes.launches.values()
    return launch


@pytest.mark.parametrize(
    ("container", "argv"),
    [
        ({}, ["/entry", "default", "words"]),
        ({"args": ["x"]}, ["/entry", "x"]),
        ({"command": ["c"]}, ["c"]),
        ({"command": ["c"], "args": ["x"]}, ["c", "x"]),
    ],
)
def test_command_and_args_take_the_place_of_what_the_image_runs(
    tmp_path: Path, root: Path, container: dict[str, Any], argv: list[str]
) -> None:
    assert [*launched(with_image(tmp_path, root), container).argv] == argv


def test_what_the_container_says_goes_before_the_image(tmp_path: Path, root: Path) -> None:
    own = {
        "env": [{"name": "A", "value": "own"}, {"name": "B", "value": "$(A)$(PATH)"}],
        "workingDir": "/own",
    }
    launch = launched(with_image(tmp_path, root), own)
    assert {name: launch.env[name] for name in "AB"} == {"A": "own", "B": "own$(PATH)"}
    assert (launch.env["PATH"], launch.cwd) == ("/app", "/own")
    launch = launched(with_image(tmp_path / "b", root))
    assert (launch.env["A"], launch.cwd) == ("image", "/work")


@pytest.mark.parametrize(
    ("of_image", "security", "expected"),
    [
        ("app:extra", {}, (1234, 3456, (3456,))),
        ("app", {}, (1234, 2345, (3456,))),
        ("1234", {}, (1234, 2345, (3456,))),
        ("77", {}, (77, 0, ())),
        ("77:88", {}, (77, 88, ())),
        ("", {}, (None, None, ())),
        ("app", {"runAsUser": 0}, (0, 0, ())),
        ("app", {"runAsUser": 77}, (77, 0, ())),
        ("root", {"runAsUser": 1234}, (1234, 2345, (3456,))),
        ("app", {"runAsGroup": 9}, (1234, 9, (3456,))),
        ("", {"runAsGroup": 9}, (None, 9, ())),
    ],
)
def test_the_user_is_the_pods_then_the_images(
    tmp_path: Path, root: Path, of_image: str, security: dict[str, int], expected: tuple[Any, ...]
) -> None:
    launch = launched(
        with_image(tmp_path, root, ImageConfig(cmd=("x",), user=of_image)), {"securityContext": security}
    )
    assert (launch.user, launch.group, tuple(launch.groups)) == expected


@pytest.mark.parametrize(
    ("of_image", "security", "message"),
    [
        ("nobody-knows", {}, "unable to find user nobody-knows: no matching entries in passwd file"),
        ("app:none", {}, "unable to find group none: no matching entries in group file"),
        (
            "app",
            {"runAsNonRoot": True},
            "container has runAsNonRoot and image has non-numeric user (app), cannot ",
        ),
        ("0", {"runAsNonRoot": True}, "container has runAsNonRoot and image will run as root (pod: "),
        ("7", {"runAsNonRoot": True}, None),
        ("app", {"runAsNonRoot": True, "runAsUser": 7}, None),
    ],
)
def test_a_user_that_cannot_be_is_told(
    tmp_path: Path, root: Path, of_image: str, security: dict[str, Any], message: str | None
) -> None:
    made = with_image(tmp_path, root, ImageConfig(cmd=("x",), user=of_image))
    uid = made.start(pod({"name": "main", "image": "app", "securityContext": security}))
    state = made.statuses[uid]["containerStatuses"][0]["state"]
    if message is None:
        assert "waiting" not in state or state["waiting"]["reason"] == "ContainerCreating"
        assert made.processes.launches
    else:
        assert state["waiting"]["reason"] == "CreateContainerConfigError"
        assert state["waiting"]["message"].startswith(message)


def test_a_command_that_the_user_gives_goes_before_the_images_and_that_before_the_known_ones() -> None:
    image = LocalImage("/", ImageConfig(("e",), ("c",)))
    assert ImageCommands({}, lambda name: image)("redis") == ImageCommand(("e",), ("c",))
    assert ImageCommands({"redis": "mine"}, lambda name: image)("redis") == ImageCommand((), ("mine",))
    folder = ImageCommands({}, lambda name: LocalImage("/"))("redis")
    assert folder is not None
    assert folder.entrypoint[0] == "sh"


def test_the_status_names_the_image_by_its_digest(tmp_path: Path, root: Path) -> None:
    image = LocalImage(str(root), CONFIG, "sha256:1234")
    made = World(tmp_path / "state", image={"app": image}.get)
    uid = made.start(
        pod({"name": "main", "image": "app", "command": ["c"]}, {"name": "b", "image": "b", "command": ["c"]})
    )
    assert [made.container(uid, name)["imageID"] for name in ("main", "b")] == ["sha256:1234", ""]


def test_images_that_no_container_runs_from_are_released(tmp_path: Path, root: Path) -> None:
    images = {name: LocalImage(str(root), CONFIG, f"sha256:{name}") for name in ("a", "b")}
    used: list[set[str]] = []
    made = World(tmp_path / "state", image=images.get, release_images=used.append)
    first, second = (made.start(pod({"name": "c", "image": name, "command": ["c"]})) for name in "ab")
    made.end(first, "c")
    made.end(second, "c")
    assert used == [{"b", "sha256:b"}, set()]


def test_a_name_that_no_image_can_have_is_told_as_kubelets_do(world: World) -> None:
    uid = world.start(pod({"name": "main", "image": "My App:1"}))
    why = (
        'Failed to apply default image tag "My App:1": couldn\'t parse image name "My App:1": '
        "invalid reference format: repository name (library/My App) must be lowercase"
    )
    assert world.container(uid, "main")["state"]["waiting"] == {"reason": "InvalidImageName", "message": why}
    assert world.events(uid) == [("InspectFailed", why), ("Failed", "Error: InvalidImageName")]
    assert world.processes.launches == {}
