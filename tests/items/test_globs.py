"""Items from the names of files."""

from __future__ import annotations

import glob
import os
from pathlib import Path

import pytest

from expander.base.errors import InputError
from expander.items.globs import matches
from tests.items.reading import read, refused, values

TREE = [
    "a.png",
    "b.txt",
    "B.png",
    ".hidden.png",
    "d/e.png",
    "d/.h/i.png",
    "d/f/g.png",
    "d.x/y.png",
    "é.png",
    "[z].png",
]


@pytest.fixture
def _tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TREE:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.touch()
    monkeypatch.chdir(tmp_path)


pytestmark = pytest.mark.usefixtures("_tree")


def test_a_match_has_the_parts_of_its_path_as_columns() -> None:
    (item,) = read("d/f/*")
    assert item.columns == {
        "item": "d/f/g.png",
        "path": "d/f/g.png",
        "dir": "d/f",
        "name": "g.png",
        "stem": "g",
        "ext": ".png",
    }
    assert (item.source, item.line) == ("d/f/*", 0)


def test_a_match_in_the_current_folder_has_a_dot_for_its_folder() -> None:
    (item,) = read("b.*")
    assert item.columns is not None
    assert item.columns["dir"] == "."


@pytest.mark.parametrize(
    "pattern",
    [
        "*.png",
        "?.*",
        "[ab].*",
        "[!a].png",
        ".*.png",
        "*/*.png",
        "d/*/*",
        "**/*.png",
        "d/**/*.png",
        "./*.txt",
        "d*/",
        "*/",
        "d/**/f/*",
        "**/f/**/*.png",
        "[[]z].png",
        "**/d/*",
    ],
)
def test_a_pattern_matches_what_the_glob_module_matches(pattern: str) -> None:
    wanted = sorted({path.rstrip("/") for path in glob.glob(pattern, recursive=True)})
    assert wanted
    assert sorted(matches(pattern)) == wanted


def test_an_absolute_pattern_gives_absolute_paths(tmp_path: Path) -> None:
    assert list(matches(f"{tmp_path}/d/*.png")) == [f"{tmp_path}/d/e.png"]


def test_two_stars_at_the_end_match_all_below() -> None:
    assert list(matches("d/**")) == ["d/e.png", "d/f", "d/f/g.png"]


def test_matches_come_in_the_order_of_names_folder_by_folder() -> None:
    assert list(matches("**/*.png")) == [
        "B.png",
        "[z].png",
        "a.png",
        "d/e.png",
        "d/f/g.png",
        "d.x/y.png",
        "é.png",
    ]


def test_a_link_to_a_folder_above_does_not_make_an_endless_walk() -> None:
    os.symlink("..", "d/up")
    assert list(matches("d/**/*.png")) == ["d/e.png", "d/f/g.png"]


def test_a_link_that_leads_nowhere_is_a_match() -> None:
    os.symlink("nowhere", "broken.png")
    assert "broken.png" in list(matches("*.png"))


def test_glob_with_a_plain_name_gives_that_file() -> None:
    assert [item["path"] for item in values("glob:d/e.png")] == ["d/e.png"]


@pytest.mark.parametrize("pattern", ["*.gif", "nowhere/*.png", "glob:nothing", "glob:"])
def test_a_pattern_without_matches_is_an_error(pattern: str) -> None:
    error = refused(pattern)
    assert isinstance(error, InputError)
    assert "no files match this pattern" in str(error)


def test_a_name_that_is_not_utf8_is_refused_by_name() -> None:
    Path(os.fsdecode(b"bad\xff.gif")).touch()
    assert "found bytes that are not UTF-8" in str(refused("*.gif"))


def test_a_folder_that_cannot_be_listed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: str) -> list[str]:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "listdir", denied)
    assert str(refused("d/*")) == "d/: cannot list the folder: Permission denied"
