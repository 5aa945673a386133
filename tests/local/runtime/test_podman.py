"""Real containers of a real engine: Debian's podman with runc, as root.

Where the kernel gives this user no right to mount, no engine can make a container: these tests say so and are
skipped. Everywhere else they run; a podman that is missing, or does not work, fails them.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from expander.local.executor import Executor
from expander.local.logs import last_output
from expander.local.runtime.engine import EngineRuntime
from expander.local.runtime.journal_recovery import recover
from expander.local.runtime.process_tree import children
from expander.local.runtime.runtime import Mount
from tests.local.runtime.podman import Podman, may_mount
from tests.local.runtime.running import LONG, Bench, bench

pytestmark = pytest.mark.skipif(
    not may_mount(), reason="this user may not mount (CAP_SYS_ADMIN), so that no engine can make containers"
)
ROOT = Path(__file__).resolve().parents[3]
TINY = "localhost/tiny:1"


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    """A podman with two images; nothing of it is left.

    Its folder has a short name: below a long one the paths of its sockets are too long, and each container
    then takes 20 seconds more to end.
    """
    with TemporaryDirectory(prefix="podman") as folder, pytest.MonkeyPatch.context() as patch:
        made = Podman(Path(folder))
        for name, value in made.env.items():
            patch.setenv(name, value)
        yield made
        left = made.containers()
        made.clear()
        assert left == []


@pytest.fixture
def real(tmp_path: Path, podman: Podman) -> Iterator[Bench]:
    """Containers are podman's."""
    with bench(tmp_path, EngineRuntime("podman", podman.program)) as made:
        yield made


def test_a_container_is_as_the_launch_says(real: Bench, tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "file").write_text("text\n")
    script = (
        "echo out; echo err >&2; echo $A; pwd; id -u; id -g; cat /in/file /etc/hosts; echo no > /in/x; exit 7"
    )
    end, log = real.run(
        *("sh", "-c", script),
        image=TINY,
        env={"A": "a 'b'", "PATH": "/bin"},
        cwd="/data",
        user=1234,
        group=2345,
        hosts={"other.svc": "127.0.0.9"},
        mounts=[Mount(str(tmp_path / "volume"), "/in", True)],
    )
    assert (end.code, end.error) == (7, None)
    lines = log.splitlines()
    assert "err" in lines
    lines.remove("err")  # the engine's two streams come as they will
    assert lines[:6] == ["out", "a 'b'", "/data", "1234", "2345", "text"]
    assert any(line.split() == ["127.0.0.9", "other.svc"] for line in lines)
    assert "Read-only file system" in log


def test_what_the_image_says_counts_where_the_container_says_nothing(real: Bench) -> None:
    image = "localhost/said:1"
    assert real.run(image=image, replaces_entrypoint=False)[1] == "default image /data\n1234\n2345 3456\n"
    log = real.run("own", image=image, replaces_entrypoint=False, env={"A": "b"}, cwd="/tmp", user=0)[1]
    assert log.splitlines()[:2] == ["own b /tmp", "0"]
    assert real.run("sh", "-c", "echo $A", image=image)[1] == "image\n"


def test_signals_and_commands_reach_the_container(real: Bench) -> None:
    key = real.launch(
        "sh", "-c", "trap 'echo trapped; exit 4' TERM; echo up; while :; do sleep 0.05; done", image=TINY
    )
    real.written(key, "up")
    inside, log = real.run("sh", "-c", "echo in $A; exit 3", image=TINY, inside=key, env={"A": "side"})
    assert (inside.code, log) == (3, "in side\n")
    real.supervisor.signal(key, signal.SIGTERM)
    assert real.end(key).code == 4
    assert real.output(key) == "up\ntrapped\n"
    key = real.launch("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done", image=TINY)
    real.written(key, "up")
    real.supervisor.signal(key, signal.SIGTERM)
    real.supervisor.signal(key, signal.SIGKILL)
    assert real.end(key).exit_code == 137
    key = real.launch("sh", "-c", "echo up; sleep 60", image=TINY, memory=64 << 20)
    real.written(key, "up")
    real.supervisor.signal(key, signal.SIGKILL)
    assert (real.end(key).exit_code, real.end(key).oom) == (137, False)


def test_a_container_over_its_memory_limit_is_killed_for_it(real: Bench) -> None:
    script = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"
    end, _ = real.run("sh", "-c", script, image=TINY, memory=32 << 20, cpus=0.9)
    assert (end.reason, end.exit_code) == ("OOMKilled", 137)


@pytest.mark.parametrize(
    ("argv", "fields", "words"),
    [
        (["/bin/nope"], {}, 'exec: "/bin/nope": stat /bin/nope: no such file or directory'),
        (["nope"], {}, 'exec: "nope": executable file not found in $PATH'),
        (["true"], {"image": "localhost/none:1"}, "localhost/none:1: image not known"),
        (["true"], {"cpus": 1e9}, ""),
    ],
)
def test_what_the_engine_cannot_start_is_an_error_in_its_words_and_no_exit_code(
    real: Bench, argv: list[str], fields: dict[str, object], words: str
) -> None:
    end, _ = real.run(*argv, **{"image": TINY, **fields})
    assert (end.code, end.reason, end.exit_code) == (None, "StartError", 128)
    assert end.error is not None
    assert words in end.error


@pytest.mark.parametrize("code", [125, 126, 127])
def test_an_exit_code_of_the_container_stays_one(real: Bench, code: int) -> None:
    end, _ = real.run("sh", "-c", f"echo 'failed: Error: mine'; exit {code}", image=TINY)
    assert (end.code, end.reason) == (code, "Error")


def job(name: str, image: str, policy: str, *command: str, **container: object) -> dict[str, object]:
    main = {"name": "main", "image": image, "imagePullPolicy": policy, "command": [*command], **container}
    spec = {"restartPolicy": "Never", "containers": [main]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": spec}},
    }


def test_missing_images_wait_in_the_engines_words_and_others_run(tmp_path: Path, podman: Podman) -> None:
    jobs = [
        job("there", TINY, "Never", "sh", "-c", "echo hi"),
        job("missing", "missing:1", "IfNotPresent", "true"),
        job("never", "localhost/none:1", "Never", "true"),
        job("nonroot", "localhost/said:1", "IfNotPresent", "true", securityContext={"runAsNonRoot": True}),
    ]
    told: dict[str, str] = {}

    def heard(executor: Executor) -> bool:
        for found in executor.waiting(at_once=True):
            told[found.obj["metadata"]["name"]] = f"{found.reason}: {found.message}"
        return executor.group()["succeeded"] == 1 and len(told) == 3 and "BackOff" in told["missing"]

    with Executor(tmp_path / "state", runtime="podman", jobs=4) as executor:
        executor.submit(jobs)
        assert executor.run(heard)
    assert told["missing"].startswith(
        'ImagePullBackOff: main: Back-off pulling image "missing:1": ErrImagePull: '
    )
    assert "short-name" in told["missing"]
    never = 'Container image "localhost/none:1" is not present with pull policy of Never'
    assert told["never"] == f"ErrImageNeverPull: main: {never}"
    assert "image has non-numeric user (app)" in told["nonroot"]


VICTIM = """
import sys, time
from pathlib import Path
from tempfile import TemporaryDirectory
from expander.local.runtime.runtime import Launch
from expander.local.runtime.select import select_runtime
from expander.local.runtime.supervisor_client import SupervisorClient
folder = Path(sys.argv[1])
supervisor = SupervisorClient(folder / "state", select_runtime("podman")[0])
script = "trap '' TERM; echo up; while :; do sleep 0.05; done"
supervisor.start(Launch("one", ["sh", "-c", script], {}, str(folder / "one.log"), image=sys.argv[2]))
time.sleep(600)
"""


@pytest.mark.parametrize("supervisor_too", [False, True])
def test_nothing_is_left_of_a_run_that_was_killed(
    tmp_path: Path, podman: Podman, supervisor_too: bool
) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", VICTIM, str(tmp_path), TINY], env=env) as process:
        try:
            for _ in range(int(LONG * 100)):
                if b"up" in last_output(tmp_path / "one.log", 100):
                    break
                select.select([], [], [], 0.01)
            supervisor = children(process.pid)[0]
            assert len(podman.containers()) == 1
        finally:
            process.kill()
        if supervisor_too:
            os.kill(supervisor, signal.SIGKILL)
    (end,) = recover(tmp_path / "state")
    assert (end.key, end.lost, end.exit_code) == ("one", True, 137)
    assert podman.containers() == []
