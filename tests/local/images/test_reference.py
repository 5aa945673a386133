"""Names of images as kubelets hold them."""

import pytest

from expander.local.images.reference import image_name_error

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "name",
    [
        "busybox",
        "busybox:1.36",
        "library/busybox",
        "docker.io/library/busybox:latest",
        "localhost/app",
        "localhost:5000/team/app__1:v1_2-3",
        "registry.k8s.io/e2e-test-images/agnhost:2.53",
        "127.0.0.1:5000/a",
        "[::1]:5000/a:b",
        "MyHost/app",
        "gcr.io/a/b-c.d/e---f",
        f"app@sha256:{HEX}",
        f"app:1@sha256:{HEX}",
        f"app@sha512:{HEX * 2}",
        "a" * 247,
        "1",
        "app:" + "t" * 128,
    ],
)
def test_these_are_names(name: str) -> None:
    assert image_name_error(name) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Busybox", "invalid reference format: repository name (library/Busybox) must be lowercase"),
        ("team/App:1", "invalid reference format: repository name (team/App) must be lowercase"),
        ("busybox:", "invalid reference format"),
        (":1", "invalid reference format"),
        ("a b", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("-a", "invalid reference format"),
        ("a-", "invalid reference format"),
        ("a..b", "invalid reference format"),
        ("a___b", "invalid reference format"),
        ("https://example.com/a", "invalid reference format"),
        ("example.com/", "invalid reference format"),
        ("app:" + "t" * 129, "invalid reference format"),
        ("app:ä", "invalid reference format"),
        ("app@sha256:123", "invalid reference format"),
        (f"app@sha256:{HEX}0", "invalid checksum digest length"),
        (f"app@sha256:{HEX.upper()}", "invalid checksum digest format"),
        (f"app@md5:{HEX[:32]}", "unsupported digest algorithm"),
        ("a" * 248, "repository name must not be more than 255 characters"),
        (HEX, f"invalid repository name ({HEX}), cannot specify 64-byte hexadecimal strings"),
    ],
)
def test_these_are_none(name: str, words: str) -> None:
    assert image_name_error(name) == words
