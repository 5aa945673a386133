"""Names and links that would lead out of the folder, or onto another file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from expander.base.errors import OutputError
from expander.sinks.directory import DirectorySink


def names(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not name.startswith(".expander"))


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "../../x",
        "/etc/x",
        "a/b",
        "a\0b",
        ".hidden",
        ".expander-index",
        "x" * 256,
        "é" * 128,
        "\ud800",
    ],
)
def test_a_name_that_no_file_may_have_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "jobs"
    with DirectorySink(folder) as sink, pytest.raises(OutputError, match="is not a valid file name"):
        sink.write_many([("good", b"1"), (name, b"2"), ("never", b"3")])
    assert names(folder) == ["good"]
    assert names(tmp_path) == ["jobs"]


@pytest.mark.parametrize(
    "name", ["a b", "a\nb", "-rf", "🍎.yaml", "x" * 255, "é" * 127, "a\\b", "\udcff", "a\0"[:1], "$(x)"]
)
def test_any_other_name_is_kept_as_it_is_and_known_again(tmp_path: Path, name: str) -> None:
    for prune in (False, True):
        with DirectorySink(tmp_path, prune=prune) as sink:
            sink.write(name, b"1")
    assert names(tmp_path) == [name]
    with DirectorySink(tmp_path, prune=True) as sink:
        pass
    assert sink.removed == [name]
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [("a.yaml", "A.yaml"), ("é", "e\u0301"), ("straße", "STRASSE"), ("İ", "i\u0307"), ("Ǆ", "ǆ")],
)
@pytest.mark.parametrize("apart", [False, True])
def test_names_that_differ_only_in_case_or_unicode_form_are_refused_naming_both(
    tmp_path: Path, first: str, second: str, apart: bool
) -> None:
    between = [(f"other-{number}", b"") for number in range(600 if apart else 0)]
    with DirectorySink(tmp_path) as sink, pytest.raises(OutputError) as caught:
        sink.write_many([(first, b"1"), *between, (second, b"2")])
    assert repr(first) in str(caught.value)
    assert repr(second) in str(caught.value)
    assert (tmp_path / first).read_bytes() == b"1"


def test_a_name_given_twice_is_refused_even_with_the_same_content(tmp_path: Path) -> None:
    with DirectorySink(tmp_path) as sink:
        sink.write("a", b"1")
        with pytest.raises(OutputError, match="two files of this run are named 'a'"):
            sink.write("a", b"1")


def test_a_refused_name_does_not_stand_in_the_way_of_another_run(tmp_path: Path) -> None:
    with DirectorySink(tmp_path) as sink:
        sink.write("a", b"1")
    with DirectorySink(tmp_path) as sink:
        sink.write("A", b"1")
    assert names(tmp_path) == ["A", "a"]


@pytest.mark.parametrize("target", ["../outside", "inside", "nowhere", "."])
def test_a_symbolic_link_is_never_followed_nor_replaced(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "jobs"
    folder.mkdir()
    (tmp_path / "outside").write_bytes(b"same")
    (folder / "inside").write_bytes(b"same")
    (folder / "a").symlink_to(target)
    for data in (b"same", b"new"):
        with DirectorySink(folder) as sink, pytest.raises(OutputError, match="symbolic link"):
            sink.write("a", data)
    assert os.readlink(folder / "a") == target
    assert (tmp_path / "outside").read_bytes() == (folder / "inside").read_bytes() == b"same"


def test_a_link_in_the_place_of_a_file_we_wrote_is_not_followed_either(tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    (tmp_path / "outside").write_bytes(b"1")
    with DirectorySink(folder) as sink:
        sink.write("a", b"1")
    (folder / "a").unlink()
    (folder / "a").symlink_to("../outside")
    with DirectorySink(folder) as sink, pytest.raises(OutputError, match="symbolic link"):
        sink.write("a", b"2")
    with DirectorySink(folder, prune=True) as sink:
        pass
    assert sink.kept == ["a"]
    assert (tmp_path / "outside").read_bytes() == b"1"


@pytest.mark.parametrize("special", ["folder", "fifo"])
def test_a_folder_or_special_file_of_that_name_is_refused(tmp_path: Path, special: str) -> None:
    if special == "folder":
        (tmp_path / "a").mkdir()
    else:
        os.mkfifo(tmp_path / "a")
    with DirectorySink(tmp_path) as sink, pytest.raises(OutputError, match="folder or special file"):
        sink.write("a", b"1")


@pytest.mark.parametrize("own", [".expander-index", ".expander-index-next", ".expander-tmp"])
def test_a_link_planted_under_a_name_of_ours_is_not_followed(tmp_path: Path, own: str) -> None:
    folder = tmp_path / "jobs"
    folder.mkdir()
    (tmp_path / "outside").write_bytes(b"")
    (folder / own).symlink_to("../outside")
    if own == ".expander-index":
        with pytest.raises(OutputError, match="symbolic link"), DirectorySink(folder):
            pass
    else:
        with DirectorySink(folder) as sink:
            sink.write("a", b"1")
    assert (tmp_path / "outside").read_bytes() == b""


def test_the_folder_may_be_a_link_and_is_resolved_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "jobs").symlink_to("one")
    with DirectorySink(tmp_path / "jobs") as sink:
        sink.write("a", b"1")
        (tmp_path / "jobs").unlink()
        (tmp_path / "jobs").symlink_to("two")
        sink.write("b", b"2")
    assert names(tmp_path / "one") == ["a", "b"]
    assert names(tmp_path / "two") == []


def test_a_hard_link_elsewhere_keeps_its_content(tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    with DirectorySink(folder) as sink:
        sink.write("a", b"1")
    os.link(folder / "a", tmp_path / "copy")
    with DirectorySink(folder) as sink:
        sink.write("a", b"2")
    assert (tmp_path / "copy").read_bytes() == b"1"
