"""Containers of unpacked images in the sandbox."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from expander.local.images.images import Images
from expander.local.images.store import ImageStore
from expander.local.runtime import sandbox
from expander.local.runtime.bubblewrap import Bubblewrap
from expander.local.runtime.runtime import Mount
from expander.local.runtime.sandbox import SandboxRuntime
from tests.local.images.archives import entry, layer, layout
from tests.local.images.tiny import tiny_layer
from tests.local.runtime.running import Bench, bench


@pytest.fixture
def tiny(tmp_path: Path, wrap: Bubblewrap) -> Iterator[Bench]:
    """Containers of an image with few programs."""
    marked = layer(entry("marker", "of the image\n"), entry("etc/hosts", kind="symlink", to="/marker"))
    runtime = SandboxRuntime(wrap)
    runtime.images = Images(
        {"tiny": layout(tmp_path / "oci", tiny_layer(), marked)}, ImageStore(tmp_path / "store")
    )
    runtime.images.prepare(lambda _: None)
    with bench(tmp_path, runtime) as made:
        yield made


def test_a_container_sees_the_files_of_its_image_and_no_others(tiny: Bench) -> None:
    end, log = tiny.run("sh", "-c", "cat /marker; cat /etc/debian_version", image="tiny")
    assert (end.code, log.split("\n")[0]) == (1, "of the image")
    assert "No such file" in log


def test_what_a_container_writes_is_its_own_and_ends_with_it(tiny: Bench, tmp_path: Path) -> None:
    script = "echo 1 > /new; echo 2 > /marker; cat /new /marker"
    for _ in range(2):
        assert tiny.run("sh", "-c", script, image="tiny")[1] == "1\n2\n"
        assert tiny.run("sh", "-c", "cat /marker; echo /ne*", image="tiny")[1] == "of the image\n/ne*\n"
    (root,) = (tmp_path / "store" / "sha256").glob("*/rootfs")
    assert (root / "marker").read_text() == "of the image\n"


def test_mounts_names_and_folders_are_made_where_the_image_has_none(tiny: Bench, tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "x").write_text("x\n")
    script = "cat /deep/er/x; cat /etc/hosts | { read a; echo $a; }; pwd; echo $HOME"
    end, log = tiny.run(
        *("sh", "-c", script),
        image="tiny",
        mounts=[Mount(str(tmp_path / "volume"), "/deep/er")],
        hosts={"other": "127.0.0.9"},
        hostname="job-0",
        cwd="/not/there",
        user=1234 if os.geteuid() == 0 else None,
    )
    assert end.code == 0
    assert log == "x\n# Kubernetes-managed hosts file.\n/not/there\n" + (
        "/home/app\n" if os.geteuid() == 0 else "/\n"
    )


def test_without_overlays_the_image_is_read_only(tiny: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "has_overlays", lambda program: False)
    end, log = tiny.run("sh", "-c", "cat /marker; echo 1 > /new", image="tiny")
    assert end.code != 0
    assert log.startswith("of the image\n")
    assert "Read-only file system" in log


def test_a_read_only_root_leaves_only_mounts_to_write_to(tiny: Bench, tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    script = """cat /marker
    for path in /new /tmp/new /tmp/deep/new /dev/shm/new; do (: > $path) 2>/dev/null && echo $path; done"""
    volume = Mount(str(tmp_path / "volume"), "/tmp/deep")
    for image, own in (("tiny", "of the image\n"), ("", "")):
        _, log = tiny.run("sh", "-c", script, image=image, mounts=[volume], read_only=True)
        assert log.replace("cat: /marker: No such file or directory\n", "") == (
            f"{own}/tmp/deep/new\n/dev/shm/new\n"
        )


def test_a_program_that_the_image_lacks_is_named(tiny: Bench) -> None:
    end, _ = tiny.run("python3", image="tiny")
    assert (
        end.error == 'unable to start container process: exec: "python3": executable file not found in $PATH'
    )
