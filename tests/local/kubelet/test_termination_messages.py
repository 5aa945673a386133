"""Termination messages."""

from pathlib import Path
from typing import Any

import pytest

from tests.local.kubelet.world import World, container, pod

LOGS: dict[str, Any] = {"terminationMessagePolicy": "FallbackToLogsOnError"}


def ended(world: World, code: int, file: bytes = b"", log: bytes = b"", count: int = 1, **fields: Any) -> Any:
    """The terminated state of a container that left this."""
    parts = [container(f"c{number}", **fields) for number in range(count)]
    uid = world.start(pod(*parts))
    launch = world.launch(uid, "c0")
    mount = next(
        one
        for one in launch.mounts
        if one.target == fields.get("terminationMessagePath", "/dev/termination-log")
    )
    Path(mount.source).write_bytes(file)
    Path(launch.log).write_bytes(log)
    world.end(uid, "c0", code)
    return world.container(uid, "c0")["state"]["terminated"]


def test_what_a_container_writes_to_its_file_is_its_message(world: World) -> None:
    assert ended(world, 0, b"all done\n", b"log")["message"] == "all done\n"
    assert ended(world, 3, b"failed", terminationMessagePath="/tmp/why")["message"] == "failed"


def test_without_a_message_there_is_none_and_no_file_stays(world: World) -> None:
    assert "message" not in ended(world, 1, b"", b"log")
    assert [path.read_bytes() for path in (world.folder / "messages").iterdir()] == [b""]


def test_only_the_end_of_a_long_message_is_kept(world: World) -> None:
    assert ended(world, 0, b"a" * 5000 + b"z")["message"] == "a" * 4095 + "z"


def test_containers_share_what_a_pod_may_say(world: World) -> None:
    assert len(ended(world, 0, b"a" * 5000, count=6)["message"]) == 2048


def test_the_log_stands_in_for_a_message_of_a_failure(world: World) -> None:
    assert ended(world, 1, b"", b"why\n", **LOGS)["message"] == "why\n"
    assert ended(world, 1, b"file", b"why\n", **LOGS)["message"] == "file"
    assert "message" not in ended(world, 0, b"", b"why\n", **LOGS)


def test_of_the_log_the_last_lines_are_taken(world: World) -> None:
    lines = "".join(f"{number}\n" for number in range(200))
    assert ended(world, 1, b"", lines.encode(), **LOGS)["message"].splitlines() == [
        str(n) for n in range(120, 200)
    ]
    assert ended(world, 1, b"", b"x" * 9000, **LOGS)["message"] == "x" * 2048


def test_a_link_in_place_of_the_file_is_not_followed(world: World) -> None:
    uid = world.start(pod(container()))
    file = Path(world.launch(uid, "main").mounts[-1].source)
    file.unlink()
    file.symlink_to("/etc/hostname")
    world.end(uid, "main", 0)
    assert "message" not in world.container(uid, "main")["state"]["terminated"]


def test_a_file_is_used_again_and_empty_then(world: World) -> None:
    assert ended(world, 0, b"first")["message"] == "first"
    assert "message" not in ended(world, 0, b"")
    assert len(list((world.folder / "messages").iterdir())) == 1


def test_containers_that_run_at_a_time_have_files_of_their_own(world: World) -> None:
    uid = world.start(pod(container("a"), container("b")))
    assert world.launch(uid, "a").mounts[-1].source != world.launch(uid, "b").mounts[-1].source


def test_a_file_that_a_container_has_made_a_link_is_not_emptied_through_it(world: World) -> None:
    precious = world.folder / "precious"
    precious.write_text("kept")
    uid = world.start(pod(container()))
    file = Path(world.launch(uid, "main").mounts[-1].source)
    file.unlink()
    file.symlink_to(precious)
    world.end(uid, "main", 0)
    assert precious.read_text() == "kept"
    assert not file.is_symlink()


def test_a_container_that_runs_as_somebody_else_may_write_its_message(world: World) -> None:
    uid = world.start(pod(container(securityContext={"runAsUser": 7})))
    assert Path(world.launch(uid, "main").mounts[-1].source).stat().st_mode & 0o777 == 0o666


def test_what_an_earlier_run_left_in_a_file_is_not_taken_for_a_message(world: World) -> None:
    (world.folder / "messages").mkdir()
    (world.folder / "messages" / "0").write_text("old")
    uid = world.start(pod(container()))
    world.end(uid, "main", 0)
    assert "message" not in world.container(uid, "main")["state"]["terminated"]


@pytest.mark.parametrize(
    ("command", "path", "mounted"),
    [
        (["sh", "-c", "echo hi"], "/dev/termination-log", False),
        (["sh", "-c", "echo hi > /dev/termination-log"], "/dev/termination-log", True),
        (["sh", "-c", "echo hi"], "/tmp/message", True),
    ],
)
def test_without_mounts_of_its_own_a_container_is_told_of_the_file_if_it_wants_it(
    tmp_path: Path, command: list[str], path: str, mounted: bool
) -> None:
    world = World(tmp_path, isolates=False)
    uid = world.start(pod(container("main", *command, terminationMessagePath=path)))
    assert [one.target for one in world.launch(uid, "main").mounts] == ([path] if mounted else [])
