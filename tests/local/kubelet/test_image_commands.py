"""What an image runs when its container has no command."""

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
