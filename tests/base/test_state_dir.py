"""State folders are this user's alone, whatever the umask is and whatever was there before."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from expander.base.state_dir import make_own, make_private, open_private, replace_file, state_folder


@pytest.fixture(params=[0, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_and_those_above_it_are_private(umask: int, tmp_path: Path) -> None:
    for made, make in (("a", make_private), ("b", lambda folder: make_own(folder, "mark"))):
        make(tmp_path / made / "deep")
        assert {mode(tmp_path / made), mode(tmp_path / made / "deep")} == {0o700}


@pytest.mark.parametrize("found", [0o777, 0o775, 0o755, 0o750, 0o711, 0o700])
@pytest.mark.parametrize("content", ["", "mark"])
def test_an_empty_folder_and_one_with_a_state_are_closed(tmp_path: Path, found: int, content: str) -> None:
    """0711 lets containers of other users pass."""
    folder = tmp_path / "state"
    folder.mkdir()
    if content:
        (folder / content).touch()
    folder.chmod(found)
    make_own(folder, "mark")
    assert mode(folder) == (found if found in (0o711, 0o700) else 0o700)


@pytest.mark.parametrize(("found", "fits"), [(0o755, True), (0o777, False), (0o775, False), (0o1777, False)])
def test_a_folder_of_other_things_is_left_alone_or_refused(tmp_path: Path, found: int, fits: bool) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "notes").touch()
    folder.chmod(found)
    if fits:
        make_own(folder, "mark")
    else:
        with pytest.raises(PermissionError, match="others may write to it"):
            make_own(folder, "mark")
    assert mode(folder) == found


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, 65533, 65533)
    with pytest.raises(PermissionError, match="another user"):
        make_own(folder, "mark")


@pytest.mark.parametrize("flags", [os.O_TRUNC, os.O_APPEND])
def test_a_log_is_private_also_if_it_was_not_and_links_are_not_followed(
    umask: int, tmp_path: Path, flags: int
) -> None:
    log, link = tmp_path / "log", tmp_path / "link"
    os.close(open_private(log, flags))
    assert mode(log) == 0o600
    log.chmod(0o666)
    os.close(open_private(log, flags))
    assert mode(log) == 0o600
    link.symlink_to(log)
    with pytest.raises(OSError):
        open_private(link, flags)


def test_a_file_is_replaced_whole_and_for_this_user_or_nothing_of_it_is_left(
    umask: int, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("before")
    replace_file(tmp_path / "file", b"after")
    assert ((tmp_path / "file").read_text(), mode(tmp_path / "file")) == ("after", 0o600)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        replace_file(tmp_path / "folder", b"after")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize(
    ("state", "xdg", "expected"),
    [
        (None, None, "home/.local/state/expander/g"),
        ("", "", "home/.local/state/expander/g"),
        (None, "relative", "home/.local/state/expander/g"),
        (None, "/xdg", "/xdg/expander/g"),
        ("chosen", "/xdg", "chosen/g"),
    ],
)
def test_state_is_where_the_environment_says_and_empty_is_unset(
    state: str | None, xdg: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, value in (("EXPANDER_STATE", state), ("XDG_STATE_HOME", xdg)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert state_folder("g") == tmp_path / expected
