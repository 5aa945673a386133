"""What this process may use of the machine."""

import os
from pathlib import Path

import pytest

from expander.local.machine import available_cpus, available_memory

MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def machine(folder: Path, own: str, files: dict[str, str]) -> tuple[Path, Path]:
    for name, text in files.items():
        file = folder / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    (folder / "own").write_text(own)
    return folder / "cgroup", folder / "own"


@pytest.mark.parametrize(
    ("own", "files", "cpus"),
    [
        ("0::/a/b\n", {}, None),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000"}, None),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "50000 100000"}, 0.5),
        ("0::/a/b\n", {"a/b/cpu.max": "20000 100000", "cpu.max": "50000 100000"}, 0.2),
        ("0::/a/b\n", {"other/cpu.max": "20000 100000"}, None),
        ("4:cpu:/x\n0::/\n", {"cpu/x/cpu.cfs_quota_us": "75000", "cpu/x/cpu.cfs_period_us": "100000"}, 0.75),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ("0::/\n", {"cpu.max": "1 1000000000"}, 0.01),
    ],
)
def test_cores_are_those_of_the_affinity_and_of_the_narrowest_cgroup(
    tmp_path: Path, own: str, files: dict[str, str], cpus: float | None
) -> None:
    expected = len(os.sched_getaffinity(0)) if cpus is None else cpus
    assert available_cpus(*machine(tmp_path, own, files)) == expected


@pytest.mark.parametrize(
    ("own", "files", "memory"),
    [
        ("", {}, MEMORY),
        ("0::/a\n", {"a/memory.max": "max", "memory.max": str(2**20)}, 2**20),
        ("4:memory:/a\n", {"memory/a/memory.limit_in_bytes": str(2**21)}, 2**21),
        ("4:memory:/a\n", {"memory/a/memory.limit_in_bytes": str(2**63 - 4096)}, MEMORY),
    ],
)
def test_memory_is_that_of_the_machine_or_of_the_narrowest_cgroup(
    tmp_path: Path, own: str, files: dict[str, str], memory: int
) -> None:
    assert available_memory(*machine(tmp_path, own, files)) == memory
