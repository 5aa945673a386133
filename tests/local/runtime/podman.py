"""A podman whose images and containers are in a folder of the test's own, and a small image in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.local.images.archives import docker_archive
from tests.local.images.tiny import tiny_layer

CAP_SYS_ADMIN = 21
STORAGE = """[storage]
driver = "vfs"
graphroot = "{0}/graph"
runroot = "{0}/run"
"""
CONTAINERS = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "file"
tmp_dir = "{0}/tmp"
"""
SAID = {
    "Entrypoint": ["sh", "-c", 'echo "$0 $A $PWD"; id -u; id -G'],
    "Cmd": ["default"],
    "Env": ["A=image", "PATH=/bin"],
    "WorkingDir": "/data",
    "User": "app",
}


def may_mount() -> bool:
    """Whether the kernel lets this user mount file systems, as runc has to."""
    status = Path("/proc/self/status").read_text()
    capabilities = int(status.split("CapEff:")[1].split()[0], 16)
    return os.geteuid() == 0 and bool(capabilities >> CAP_SYS_ADMIN & 1)


class Podman:
    """``env`` are the variables by which every podman below this process finds its folder."""

    def __init__(self, folder: Path) -> None:
        found = shutil.which("podman")
        if found is None or shutil.which("runc") is None:
            pytest.fail("this test needs podman and runc: tests/setup.sh installs them")
        self.program, self.folder = found, folder
        (folder / "storage.conf").write_text(STORAGE.format(folder))
        (folder / "containers.conf").write_text(CONTAINERS.format(folder))
        (folder / "registries.conf").write_text("")
        self.env = {
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
        }
        docker_archive(folder / "tiny.tar", [tiny_layer()], ["localhost/tiny:1"])
        docker_archive(folder / "said.tar", [tiny_layer()], ["localhost/said:1"], **SAID)
        for name in ("tiny", "said"):
            self("load", "--quiet", "--input", str(folder / f"{name}.tar"))

    def __call__(self, *arguments: str) -> str:
        """What podman prints."""
        answer = subprocess.run(
            [self.program, *arguments],
            env={**os.environ, **self.env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def clear(self) -> None:
        """Unmount what containers that were not removed have left, so that the folder can go."""
        self("rm", "--all", "--force", "--time", "0")
        for line in Path("/proc/mounts").read_text().splitlines():
            place = line.split()[1]
            if place.startswith(f"{self.folder}/"):
                subprocess.run(["umount", "--lazy", place], check=False)

    def containers(self) -> list[str]:
        """All containers that there are, running or not."""
        return self("ps", "--all", "--quiet", "--no-trunc").split()
