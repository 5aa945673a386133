"""A container begins in an empty, private folder, whatever the one before left there."""

import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from expander.local.kubelet import pod_files
from expander.local.kubelet.pod_files import TICK_NANOSECONDS, WorkFolders


def emptied(folder: Path) -> None:
    (folder / "file").touch()
    (folder / "file").unlink()


def backdated(folder: Path) -> None:
    before = folder.stat()
    (folder / "file").touch()
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(folder: Path) -> None:
    folder.rmdir()
    folder.symlink_to("/")


LEFT: dict[str, Callable[[Path], object]] = {
    "nothing": lambda folder: None,
    "a file": lambda folder: (folder / "file").touch(),
    "a folder": lambda folder: (folder / "folder" / "inner").mkdir(parents=True),
    "nothing any more": emptied,
    "a file, and the time of before": backdated,
    "other rights": lambda folder: folder.chmod(0o777),
    "no folder": shutil.rmtree,
    "a link": replaced,
}


@pytest.mark.parametrize("rests", [False, True])
@pytest.mark.parametrize("left", LEFT)
def test_the_next_container_finds_nothing(tmp_path: Path, left: str, rests: bool) -> None:
    folders = WorkFolders(tmp_path / "work")
    folders.release(folders.acquire(None))
    for _ in range(2):
        while rests and time.time_ns() - os.stat(tmp_path / "work" / "0").st_ctime_ns <= TICK_NANOSECONDS:
            time.sleep(0.01)
        folder = Path(folders.acquire(None))
        assert folder == tmp_path / "work" / "0"
        assert folder.lstat().st_mode == stat.S_IFDIR | 0o700
        assert not os.listdir(folder)
        LEFT[left](folder)
        folders.release(str(folder))


def test_two_at_a_time_have_two_folders(tmp_path: Path) -> None:
    folders = WorkFolders(tmp_path / "work")
    assert folders.acquire(None) != folders.acquire(None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
def test_a_folder_belongs_to_the_user_of_its_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_files, "TICK_NANOSECONDS", 0)
    folders = WorkFolders(tmp_path / "work")
    for user in (None, 1000, None, None, 1001, 1002, None):
        folder = folders.acquire(user)
        assert os.stat(folder).st_uid == (user or 0)
        folders.release(folder)
