"""Recorded answers come out of the repository as they went in."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.reference.packing import LARGE, RECORDED, pack, unpack


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_files_come_out_as_they_went_in(tmp_path: Path) -> None:
    given = {"a/small.json": b"{}\r\n", "a/b/large.jsonl": b"\xff{}\n" * LARGE, "empty": b""}
    for name, data in given.items():
        path = tmp_path / "given" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for place in ("packed", "again"):
        pack(tmp_path / "given", tmp_path / place)
    unpack(tmp_path / "out", tmp_path / "packed")
    packed = contents(tmp_path / "packed")
    assert set(packed) == {"a/small.json", "a/b/large.jsonl.xz", "empty"}
    assert contents(tmp_path / "again") == packed
    assert contents(tmp_path / "out") == given


def test_packing_what_was_unpacked_changes_nothing(reference: Path, tmp_path: Path) -> None:
    copied = tmp_path / "recorded"
    shutil.copytree(RECORDED, copied)
    assert pack(reference, copied) == []


def test_a_file_that_changed_size_or_went_away_leaves_no_trace(tmp_path: Path) -> None:
    given, packed = tmp_path / "given", tmp_path / "packed"
    given.mkdir()
    (given / "a").write_bytes(b"a" * LARGE)
    (given / "b").write_bytes(b"b")
    pack(given, packed)
    (given / "a").write_bytes(b"a")
    (given / "b").unlink()
    assert sorted(map(str, pack(given, packed))) == ["a", "a.xz", "b"]
    assert contents(packed) == {"a": b"a"}


def test_nothing_recorded_is_of_a_fork_of_kubernetes(reference: Path) -> None:
    recorded = contents(reference)
    assert len(recorded) > 70
    assert [name for name, data in recorded.items() if b"openshift" in data.lower()] == []
