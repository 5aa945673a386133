"""Layers compressed with zstd: read by the program of that name, and as safely as others."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from expander.local.images import source
from tests.local.images.archives import Layout, entry, files, layer
from tests.local.images.test_archive import added, refused


def zstd(data: bytes, *options: str) -> bytes:
    return subprocess.run(["zstd", "-q", "-c", *options], input=data, capture_output=True, check=True).stdout


def frames(data: bytes) -> bytes:
    """In two parts, as tools write that compress in parallel."""
    return zstd(data[:1000]) + zstd(data[1000:])


def layout(folder: Path, *layers: bytes) -> str:
    Layout(folder).add(layers, packing=frames)
    return f"oci:{folder}"


def open_pipes() -> int:
    links = (f"/proc/self/fd/{each}" for each in os.listdir("/proc/self/fd"))
    return sum(os.path.lexists(link) and os.readlink(link).startswith("pipe:") for link in links)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = threading.active_count(), open_pipes()
    yield
    assert (threading.active_count(), open_pipes()) == before


def test_layers_are_unpacked(tmp_path: Path) -> None:
    large = os.urandom(2_000_000).hex()
    root = Path(added(tmp_path, layout(tmp_path / "oci", files(a="1", b=large), files(a="2"))).root)
    assert ((root / "a").read_text(), (root / "b").read_text()) == ("2", large)


def test_what_unpacks_to_far_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "FREE_BYTES", 1 << 20)
    assert "MiB: refused" in refused(
        tmp_path, layout(tmp_path / "oci", layer(entry("zeros", "\0" * (8 << 20))))
    )


@pytest.mark.parametrize("cut", [10, 500, 30_000, -1])
def test_a_layer_that_is_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    made = Layout(tmp_path / "oci")
    made.add([files(a=os.urandom(30_000).hex())], packing=lambda data: zstd(data)[:cut])
    assert "it is damaged" in refused(tmp_path, f"oci:{made.folder}")


def test_frames_to_be_passed_over_may_come_first(tmp_path: Path) -> None:
    made = Layout(tmp_path / "oci")
    skipped = b"\x5a\x2a\x4d\x18\x04\0\0\0note"
    made.add([files(a="1")], packing=lambda data: skipped + zstd(data))
    assert Path(added(tmp_path, f"oci:{made.folder}").root, "a").read_text() == "1"


@pytest.mark.parametrize(
    ("options", "end", "why"),
    [
        ((), b"junk", "it is damaged: unsupported format"),
        (("--ultra", "--long=31"), b"", "it is damaged: Frame requires too much memory for decoding"),
    ],
)
def test_what_zstd_cannot_read_is_told_in_its_words(
    tmp_path: Path, options: tuple[str, ...], end: bytes, why: str
) -> None:
    made = Layout(tmp_path / "oci")
    made.add([files(a="1")], packing=lambda data: zstd(data, *options) + end)
    assert refused(tmp_path, f"oci:{made.folder}").endswith(why)


def test_without_the_program_the_way_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = layout(tmp_path / "oci", files(a="1"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "compressed with zstd, which cannot be read here (install the program zstd" in refused(
        tmp_path, where
    )
