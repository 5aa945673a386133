"""The command lines of podman and docker, and what becomes of an engine's container."""

import os
import signal
from pathlib import Path

import pytest

from expander.local.runtime.engine import EngineRuntime, container_name
from expander.local.runtime.runtime import Launch, Mount
from tests.local.runtime.running import Bench, bench, marked

FAKE = """#!/bin/sh
# Runs the words behind the image as they are; `kill` signals the process that `run` recorded.
folder=$(dirname "$0")
case $1 in
run)
    shift
    while [ $# -gt 0 ] && [ "$1" != img ]; do
        [ "$1" = --name ] && name=$2
        [ "$1" = --entrypoint ] && command=$2
        shift
    done
    shift
    setsid "$command" "$@" &
    echo $! > "$folder/$name"
    trap '' TERM
    wait $!; code=$?
    exit $code ;;
kill) kill -"$3" -"$(cat "$folder/$4")" ;;
esac
"""


def test_every_field_is_in_the_command_line() -> None:
    launch = Launch(
        "uid/main/0",
        ["sh", "-c", "echo $A"],
        {"A": "1 2", "B": ""},
        "/log",
        cwd="/work",
        mounts=[Mount("/v", "/input", True), Mount('/odd,"name', "/x")],
        hostname="job-0",
        hosts={"job-0.svc": "127.0.0.5"},
        user=1000,
        group=2000,
        groups=[3000],
        image="busybox",
        memory=1 << 20,
        cpus=0.5,
        tmp="/t",
    )
    command = EngineRuntime("podman", "/bin/podman").command(launch)
    name = container_name("uid/main/0")
    assert command.argv == [
        *(
            "/bin/podman",
            "run",
            "--rm",
            "--pull",
            "never",
            "--name",
            name,
            "--network",
            "host",
            "--hostname",
            "job-0",
        ),
        "--add-host=job-0.svc:127.0.0.5",
        *("--mount", "type=bind,source=/v,target=/input,readonly"),
        *("--mount", 'type=bind,"source=/odd,""name",target=/x'),
        *("--mount", "type=bind,source=/t,target=/tmp"),
        *("--env=A=1 2", "--env=B=", "--workdir", "/work", "--user", "1000:2000", "--group-add=3000"),
        *(f"--memory={1 << 20}", f"--memory-swap={1 << 20}", "--cpus=0.5"),
        *("--entrypoint", "sh", "busybox", "-c", "echo $A"),
    ]
    assert command.control == ("/bin/podman", "kill", "--signal", "SIGNAL", name)
    assert command.env == dict(os.environ)
    assert (command.memory, command.limited) == (None, True)


def test_without_a_command_the_image_has_its_own() -> None:
    runtime = EngineRuntime("docker", "docker")
    launch = Launch("k", ["arg"], {}, "/log", image="img", replaces_entrypoint=False)
    assert runtime.command(launch).argv[-2:] == ["img", "arg"]
    assert runtime.command(Launch("k", [], {}, "/log", image="img")).argv[-1] == "img"


@pytest.mark.parametrize(
    ("engine", "flags"), [("docker", ["--read-only"]), ("podman", ["--read-only", "--read-only-tmpfs=false"])]
)
def test_a_read_only_root_has_no_other_places_to_write_to(engine: str, flags: list[str]) -> None:
    argv = (
        EngineRuntime(engine, engine).command(Launch("k", ["a"], {}, "/log", image="i", read_only=True)).argv
    )
    assert [word for word in argv if word.startswith("--read-only")] == flags


def test_a_command_can_be_run_in_a_running_container() -> None:
    launch = Launch("probe", ["test", "-f", "/x"], {"A": "1"}, "/log", cwd="/w", inside="main")
    argv = EngineRuntime("docker", "docker").command(launch).argv
    assert argv == [
        "docker",
        "exec",
        "--env=A=1",
        "--workdir",
        "/w",
        container_name("main"),
        "test",
        "-f",
        "/x",
    ]


def test_the_name_of_a_container_is_valid_whatever_the_key_is() -> None:
    names = {container_name(key) for key in ("a", "a/b", "A", "é\n", "x" * 1000)}
    assert len(names) == 5
    assert all(name.replace("-", "").isalnum() and len(name) < 60 for name in names)


@pytest.fixture
def engine(tmp_path: Path) -> EngineRuntime:
    """Something that behaves like an engine's command line."""
    program = tmp_path / "bin" / "podman"
    program.parent.mkdir()
    program.write_text(FAKE)
    program.chmod(0o755)
    return EngineRuntime("podman", str(program))


def test_output_and_exit_code_come_from_the_container(tmp_path: Path, engine: EngineRuntime) -> None:
    with bench(tmp_path, engine) as made:
        end, log = made.run("sh", "-c", "echo out; exit 3", image="img")
        assert (end.code, log) == (3, "out\n")


def test_signals_go_through_the_engine(tmp_path: Path, engine: EngineRuntime) -> None:
    with bench(tmp_path, engine) as made:
        script = "trap 'echo trapped; exit 4' TERM; echo up; sleep 300 & wait"
        key = made.launch("sh", "-c", script, image="img")
        made.written(key, "up")
        made.supervisor.signal(key, signal.SIGTERM)
        assert made.end(key).code == 4
        assert made.output(key) == "up\ntrapped\n"


def test_when_the_engine_cannot_signal_its_own_process_gets_it(tmp_path: Path, engine: EngineRuntime) -> None:
    with bench(tmp_path, engine) as made:
        key = made.launch("sleep", "300", image="img")
        made.pid(key)
        recorded = tmp_path / "bin" / container_name(key)
        while not (recorded.exists() and recorded.read_text()):
            pass
        recorded.write_text("not a process")
        made.supervisor.signal(key, signal.SIGKILL)
        assert made.end(key).signal == signal.SIGKILL


def test_a_kill_nobody_asked_for_is_for_memory_if_there_was_a_limit(
    tmp_path: Path, engine: EngineRuntime
) -> None:
    with bench(tmp_path, engine) as made:
        assert made.run("sh", "-c", "kill -9 $$", image="img", memory=1 << 30)[0].oom
        assert not made.run("sh", "-c", "kill -9 $$", image="img")[0].oom


def test_closing_ends_the_engines_containers(tmp_path: Path, engine: EngineRuntime) -> None:
    mark = f"mark-{os.getpid()}-engine"
    made = Bench(tmp_path, engine)
    key = made.launch("sh", "-c", f"echo up; sleep 300 # {mark}", image="img")
    made.written(key, "up")
    made.supervisor.close()
    assert marked(mark) == []


def test_open_streams_and_shared_processes_are_the_engines_business() -> None:
    runtime = EngineRuntime("podman", "/bin/podman")
    launch = Launch(
        "uid/dbg/0", ["sh"], {}, "/log", image="busybox", stdin=True, tty=True, target="uid/main/0"
    )
    words = runtime.command(launch).argv
    assert {"--interactive", "--tty", f"container:{container_name('uid/main/0')}"} <= set(words)
    inside = Launch(
        "uid/main/0/exec/1", ["ls"], {"A": "b"}, "/log", cwd="/w", inside="uid/main/0", stdin=True
    )
    assert runtime.command(inside).argv == [
        *("/bin/podman", "exec", "--interactive", "--env=A=b", "--workdir", "/w"),
        *(container_name("uid/main/0"), "ls"),
    ]
