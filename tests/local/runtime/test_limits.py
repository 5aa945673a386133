"""Memory limits: by looking, and by the files of a cgroup."""

import os
import sys
from pathlib import Path

from expander.local.runtime import limits
from expander.local.runtime.limits import own_memory, tree_memory
from tests.local.runtime.running import Bench

MIB = 1 << 20
TAKE = "import sys, time; taken = bytearray(int(sys.argv[1]) << 20); print('taken', flush=True); time.sleep(float(sys.argv[2]))"


def test_who_goes_over_the_limit_is_killed_for_it(plain: Bench) -> None:
    end, _ = plain.run(sys.executable, "-c", TAKE, "200", "60", memory=64 * MIB)
    assert (end.signal, end.exit_code, end.oom, end.reason) == (9, 137, True, "OOMKilled")


def test_what_a_grandchild_takes_counts(plain: Bench) -> None:
    script = f'"{sys.executable}" -c "{TAKE}" 200 60 & wait; echo survived'
    end, log = plain.run("sh", "-c", script, memory=64 * MIB)
    assert (end.oom, end.exit_code) == (True, 137)
    assert "survived" not in log


def test_who_stays_below_is_left_alone(plain: Bench) -> None:
    end, _ = plain.run(sys.executable, "-c", TAKE, "20", "0.3", memory=200 * MIB)
    assert (end.code, end.oom) == (0, False)


def test_memory_that_is_reserved_but_not_used_does_not_count(plain: Bench) -> None:
    code = "import mmap, time; reserved = mmap.mmap(-1, 1 << 32); time.sleep(0.3)"
    end, _ = plain.run(sys.executable, "-c", code, memory=200 * MIB)
    assert (end.code, end.oom) == (0, False)


def test_a_kill_somebody_asked_for_is_not_for_memory(plain: Bench) -> None:
    key = plain.launch("sleep", "300", memory=200 * MIB)
    plain.pid(key)
    plain.supervisor.signal(key, 9)
    end = plain.end(key)
    assert (end.exit_code, end.oom, end.reason) == (137, False, "Error")


def test_a_process_that_is_gone_takes_nothing() -> None:
    assert own_memory(2**22 + 1) == 0
    assert tree_memory(os.getpid()) >= own_memory(os.getpid()) > 0


def tree(root: Path, *delegated: str) -> Path:
    """Something that looks like the cgroup file system."""
    (root / "user.slice" / "session.scope").mkdir(parents=True)
    (root / "cgroup.controllers").write_text("cpu memory")
    for folder in (root, root / "user.slice"):
        (folder / "cgroup.subtree_control").write_text(
            "cpu memory\n" if folder.name in delegated or str(folder) in delegated else "\n"
        )
    return root


def test_a_cgroup_is_made_beside_the_own_one_if_controllers_are_handed_down_there(tmp_path: Path) -> None:
    found = limits.create_cgroups("run", str(tree(tmp_path, "user.slice")), "/user.slice/session.scope")
    assert found is not None
    assert found.folder == f"{tmp_path}/user.slice/run"
    folder = found.limit("7", 7, 64 * MIB, 0.5)
    assert folder is not None
    texts = {path.name: path.read_text() for path in Path(folder).iterdir()}
    assert texts == {
        "memory.max": str(64 * MIB),
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "cpu.max": "50000 100000",
        "cgroup.procs": "7",
    }


def test_a_cgroup_is_made_further_up_else(tmp_path: Path) -> None:
    found = limits.create_cgroups("run", str(tree(tmp_path, str(tmp_path))), "/user.slice/session.scope")
    assert found is not None
    assert found.folder == f"{tmp_path}/run"


def test_without_a_memory_controller_or_cgroups_there_is_none(tmp_path: Path) -> None:
    assert limits.create_cgroups("run", str(tree(tmp_path / "a")), "/user.slice/session.scope") is None
    assert limits.create_cgroups("run", str(tmp_path / "b"), "/") is None
    assert limits.create_cgroups("run", str(tree(tmp_path / "c", "user.slice")), "/") is None


def test_the_kernels_word_on_memory_is_read(tmp_path: Path) -> None:
    (tmp_path / "memory.events").write_text("low 0\nmax 12\noom 1\noom_kill 0\n")
    assert not limits.out_of_memory(str(tmp_path))
    (tmp_path / "memory.events").write_text("low 0\nmax 12\noom 1\noom_kill 2\n")
    assert limits.out_of_memory(str(tmp_path))
    assert not limits.out_of_memory(str(tmp_path / "gone"))
