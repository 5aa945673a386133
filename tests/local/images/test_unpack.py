"""What layers make of a folder."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expander.base.errors import InputError
from expander.local.images.archive import ImageArchive
from expander.local.images.source import parse_source
from expander.local.images.unpack import unpack
from tests.local.images.archives import entry, files, layer, layout


def unpacked(folder: Path, *layers: bytes, **said: Any) -> Path:
    """The root that the layers make."""
    archive = ImageArchive(parse_source(layout(folder / "layout", *layers, **said)))
    root = folder / "outer" / "root"
    root.mkdir(parents=True, mode=0o700)
    try:
        unpack(archive, str(root))
    finally:
        archive.close()
    return root


def shown(root: Path) -> dict[str, str]:
    """What is below a folder: the content of files, the target of links, `/` for folders."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        else:
            found[name] = "/" if path.is_dir() else path.read_text() if path.is_file() else "?"
    return found


def test_layers_add_and_replace(tmp_path: Path) -> None:
    below = layer(entry("a", "1"), entry("b", "1"), entry("d", kind="folder"), entry("d/x", "1"))
    above = layer(
        entry("./b", "2"), entry("/c", "2"), entry("d", kind="folder", mode=0o700), entry("n/e/w", "2")
    )
    root = unpacked(tmp_path, below, above)
    assert shown(root) == {
        "a": "1", "b": "2", "c": "2", "d": "/", "d/x": "1", "n": "/", "n/e": "/", "n/e/w": "2"
    }  # fmt: skip
    assert stat.S_IMODE((root / "d").stat().st_mode) == 0o700


def test_a_file_takes_the_place_of_a_folder_or_link_and_the_other_way_round(tmp_path: Path) -> None:
    below = layer(
        entry("f", kind="folder"), entry("f/x", "1"), entry("l", kind="symlink", to="f"), entry("p", "1")
    )
    above = layer(entry("f", "2"), entry("l", kind="folder"), entry("l/y", "2"), entry("p", kind="folder"))
    assert shown(unpacked(tmp_path, below, above)) == {"f": "2", "l": "/", "l/y": "2", "p": "/"}


def test_whiteouts_take_away_what_layers_below_have_and_nothing_of_their_own(tmp_path: Path) -> None:
    below = layer(entry("a", "1"), entry("d", kind="folder"), entry("d/x", "1"), entry("d/y", "1"))
    above = layer(
        entry("d", kind="folder"),
        entry("d/z", "2"),
        entry(".wh.d"),
        entry(".wh.a"),
        entry(".wh.missing"),
        entry("none/.wh.x"),
        entry(".wh..wh.plnk"),
    )
    assert shown(unpacked(tmp_path, below, above)) == {"d": "/", "d/z": "2"}


def test_an_opaque_whiteout_empties_a_folder_wherever_it_stands_in_the_layer(tmp_path: Path) -> None:
    below = layer(entry("d/x", "1"), entry("d/s/y", "1"), entry("o", "1"))
    above = layer(entry("d/s/n", "2"), entry("d/.wh..wh..opq"), entry("d/m", "2"))
    assert shown(unpacked(tmp_path, below, above)) == {
        "d": "/", "d/m": "2", "d/s": "/", "d/s/n": "2", "o": "1"
    }  # fmt: skip


def test_links_are_resolved_inside_of_the_image(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    below = layer(
        entry("etc", kind="symlink", to="/real"),
        entry("up", kind="symlink", to="../../.."),
        entry("away", kind="symlink", to=str(tmp_path / "outside")),
        entry("etc/a", "1"),
        entry("up/b", "1"),
        entry("away/c", "1"),
        entry("h", kind="link", to="etc/a"),
        entry("away/.wh.x"),
        entry("away/.wh..wh..opq"),
    )
    root = unpacked(tmp_path, below)
    assert list((tmp_path / "outside").iterdir()) == []
    assert (root / "real" / "a").read_text() == (root / "h").read_text() == (root / "b").read_text() == "1"
    assert (root / "h").stat().st_ino == (root / "real" / "a").stat().st_ino
    inner = Path(f"{root}{tmp_path}/outside/c")
    assert inner.read_text() == "1"
    assert {each.name for each in tmp_path.iterdir()} == {"outside", "layout", "outer"}


def test_a_replaced_link_is_not_followed_any_more(tmp_path: Path) -> None:
    below = layer(
        entry("a", kind="folder"),
        entry("l", kind="symlink", to="a"),
        entry("l/x", "1"),
        entry("l", kind="folder"),
        entry("l/x", "2"),
    )
    assert shown(unpacked(tmp_path, below)) == {"a": "/", "a/x": "1", "l": "/", "l/x": "2"}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (entry("../x", "1"), "'../x' leads out of the image"),
        (entry("a/../../x", "1"), "leads out of the image"),
        (entry("x", kind="link", to="../../etc/passwd"), "'../../etc/passwd' leads out of the image"),
        (entry("x", kind="link", to="nothing"), "it is a link to 'nothing', which is no file"),
        (entry("x", kind="link", to="."), "which is no file"),
        (entry(".wh..."), "it takes away no file"),
        (entry(".wh.."), "it takes away no file"),
        (entry("x", kind="symlink", to=""), "No such file or directory"),
        (entry("n" * 300, "1"), "File name too long"),
        (entry("/".join("d" * 300), kind="folder"), "more than 250 folders"),
        (entry("f/x", "1"), "'f' leads to no folder"),
        (entry("loop/x", "1"), "'loop' leads to no folder"),
    ],
)
def test_an_entry_that_cannot_be_is_refused_by_its_name(tmp_path: Path, bad: Any, said: str) -> None:
    first = layer(entry("f", "1"), entry("loop", kind="symlink", to="loop"))
    with pytest.raises(InputError, match="layer 2 of 2") as raised:
        unpacked(tmp_path, first, layer(bad))
    assert said in str(raised.value)
    assert {each.name for each in tmp_path.iterdir()} == {"layout", "outer"}
    assert [each.name for each in (tmp_path / "outer").iterdir()] == ["root"]


def test_modes_times_and_pipes_arrive_and_devices_are_left_out(tmp_path: Path) -> None:
    root = unpacked(
        tmp_path,
        layer(
            entry(".", kind="folder", mode=0o711),
            entry("s", "1", mode=0o4755, mtime=1000),
            entry("r", kind="folder", mode=0o555, mtime=2000),
            entry("r/x", "1", mode=0o400),
            entry("p", kind="pipe", mode=0o600),
            entry("null", kind="device", devmajor=1, devminor=3),
            entry("odd", "1", pax_headers={"mtime": "inf"}),
        ),
    )
    modes = {name: stat.S_IMODE((root / name).stat().st_mode) for name in (".", "s", "r", "r/x", "p")}
    assert modes == {".": 0o711, "s": 0o4755, "r": 0o555, "r/x": 0o400, "p": 0o600}
    assert (root / "s").stat().st_mtime == 1000
    assert (root / "r").stat().st_mtime == 2000
    assert stat.S_ISFIFO((root / "p").stat().st_mode)
    assert not (root / "null").exists()


def test_owners_are_those_of_the_image_as_far_as_this_user_may(tmp_path: Path) -> None:
    owned: dict[str, Any] = {"uid": 1234, "gid": 2345}
    root = unpacked(
        tmp_path,
        layer(
            entry("f", "1", **owned),
            entry("d", kind="folder", **owned),
            entry("l", kind="symlink", to="f", **owned),
        ),
    )
    expected = (1234, 2345) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    for name in "fdl":
        found = (root / name).lstat()
        assert (found.st_uid, found.st_gid) == expected


def test_a_layer_that_ends_in_the_middle_of_its_tar_is_refused(tmp_path: Path) -> None:
    whole = files(a="1" * 2000)
    for number, (data, said) in enumerate(
        [(whole[:1000], "it is cut short"), (whole[:512], "cut short"), (whole + b"x" * 512, "no header at")]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        if number == 2:
            data = whole[: 512 + 2048] + b"x" * 512
        with pytest.raises(InputError, match=said):
            unpacked(folder, data)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    entries=st.lists(
        st.tuples(
            st.sampled_from(["file", "folder", "symlink", "link"]),
            st.lists(st.sampled_from(["a", "b", "..", ".", ".wh.a", ".wh..wh..opq", ""]), max_size=4),
            st.lists(st.sampled_from(["a", "b", "..", "", "."]), max_size=4),
        ),
        max_size=8,
    )
)
def test_nothing_is_ever_written_outside(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[str, list[str], list[str]]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "a").write_text("mine")
    (folder / "b").mkdir()
    made = [entry("/".join(name), "x", kind=kind, to="/".join(to)) for kind, name, to in entries]
    with suppress(InputError):
        unpacked(folder, layer(*made[:4]), layer(*made[4:]))
    assert (folder / "a").read_text() == "mine"
    assert not any((folder / "b").iterdir())
    assert {each.name for each in folder.iterdir()} == {"a", "b", "layout", "outer"}
    assert [each.name for each in (folder / "outer").iterdir()] == ["root"]
