"""What an image runs when its container has no command."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from expander.local.kubelet.image_commands import WELL_KNOWN, ImageCommand, ImageCommands


@pytest.mark.parametrize(
    "image",
    [
        "redis",
        "redis:7.4",
        "docker.io/library/redis:7-alpine",
        "registry:5000/redis",
        "redis@sha256:0123456789abcdef",
        "registry.k8s.io/redis:e2e",
    ],
)
def test_a_well_known_image_is_known_by_the_last_part_of_its_name(image: str) -> None:
    assert ImageCommands()(image) == WELL_KNOWN["redis"]


@pytest.mark.parametrize("image", ["", "redis-exporter", "redis/tool", "my/app:1"])
def test_nothing_is_said_of_other_images(image: str) -> None:
    assert ImageCommands()(image) is None


def test_the_command_a_user_gives_goes_before_the_known_one() -> None:
    commands = ImageCommands({"redis": "redis-server --port 7000", "my/app:2": "app 'a b'"})
    assert commands("redis:7") == ImageCommand((), ("redis-server", "--port", "7000"))
    assert commands("docker.io/redis") == ImageCommand((), ("redis-server", "--port", "7000"))
    assert commands("my/app:2") == ImageCommand((), ("app", "a b"))
    assert commands("my/app:3") is None


def test_nginx_needs_no_folder_of_the_machine_that_it_may_write_to(tmp_path: Path) -> None:
    program = tmp_path / "nginx"
    program.write_text('#!/bin/sh\necho "$2"\ncat "$2"\n')
    program.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    command = [*WELL_KNOWN["nginx"].entrypoint]
    said = subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=True).stdout
    file, _, config = said.partition("\n")
    home = Path(file).parent
    shutil.rmtree(home)
    assert home.parent == Path("/tmp")
    for setting in (f"pid {home}/pid;", f"proxy_temp_path {home}/proxy;", "access_log /dev/stdout;"):
        assert setting in config
    assert "daemon off;" in config
    other = subprocess.run([*command, "echo", "mine"], env={"PATH": path}, capture_output=True, text=True)
    assert other.stdout == "mine\n"
