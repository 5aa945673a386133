"""What proves that a file of an earlier run is unchanged without reading it, and every change that it must show."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from expander.base.errors import OutputError
from expander.sinks.directory import DirectorySink, Outcome
from expander.sinks.folder import Folder
from expander.sinks.index import INDEX

FILES = {f"job-{number}": b"ours %d" % number for number in range(8)}


def run(folder: Path, files: Iterable[tuple[str, bytes]] = FILES.items()) -> dict[str, int]:
    with DirectorySink(folder) as sink:
        sink.write_many(files)
    return {outcome.value: count for outcome, count in sink.finish().items() if count}


def settled(folder: Path) -> Path:
    """A folder all of whose files have a state on record; files of the clock's last tick have none."""
    run(folder)
    while b" 0 " in (folder / INDEX).read_bytes():
        run(folder)
    return folder


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read."""
    names: list[str] = []
    real = Folder.read

    def noted(self: Folder, name: str) -> bytes | None:
        names.append(name)
        return real(self, name)

    monkeypatch.setattr(Folder, "read", noted)
    return names


def test_an_unchanged_run_neither_reads_files_nor_writes_the_index(tmp_path: Path, read: list[str]) -> None:
    before = (settled(tmp_path) / INDEX).stat()
    read.clear()
    assert run(tmp_path) == {"unchanged": 8}
    after = (tmp_path / INDEX).stat()
    assert (after.st_ino, after.st_mtime_ns, read) == (before.st_ino, before.st_mtime_ns, [])


def test_a_run_that_changes_one_file_keeps_the_states_of_the_others(tmp_path: Path, read: list[str]) -> None:
    settled(tmp_path)
    changed = {**FILES, "job-3": b"more"}
    assert run(tmp_path, changed.items()) == {"unchanged": 7, "changed": 1}
    read.clear()
    assert run(tmp_path, changed.items()) == {"unchanged": 8}
    assert read in ([], ["job-3"])


def in_place(path: Path) -> None:
    path.write_bytes(b"edit 1")


def in_place_and_back_in_time(path: Path) -> None:
    before = path.stat()
    in_place(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def by_another_file_of_the_same_time(path: Path) -> None:
    before = path.stat()
    other = path.with_name("other")
    other.write_bytes(b"edit 1")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(path)


def through_a_mapping(path: Path) -> None:
    import mmap

    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[:] = b"edit 1"


def through_a_hard_link(path: Path) -> None:
    os.link(path, path.with_name("other"))
    in_place(path.with_name("other"))


EDITS = [
    in_place,
    in_place_and_back_in_time,
    by_another_file_of_the_same_time,
    through_a_mapping,
    through_a_hard_link,
]


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_the_same_size_is_found_and_replaced(tmp_path: Path, edit: Callable[[Path], None]) -> None:
    edit(settled(tmp_path) / "job-1")
    assert run(tmp_path) == {"unchanged": 7, "changed": 1}
    assert (tmp_path / "job-1").read_bytes() == b"ours 1"


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_right_after_the_first_run_is_found(tmp_path: Path, edit: Callable[[Path], None]) -> None:
    run(tmp_path)
    edit(tmp_path / "job-1")
    assert run(tmp_path) == {"unchanged": 7, "changed": 1}


def test_a_file_of_the_time_at_which_the_index_is_settled_has_no_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: list[str]
) -> None:
    monkeypatch.setattr("expander.sinks.index.changed_at", lambda _: 1 << 63)  # as a coarse clock says it
    run(tmp_path)
    read.clear()
    assert run(tmp_path) == {"unchanged": 8}
    assert read == list(FILES)


def test_a_state_is_worth_nothing_after_the_next_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: list[str]
) -> None:
    settled(tmp_path)
    read.clear()
    monkeypatch.setattr("expander.sinks.folder._boot", lambda: "f00")
    assert run(tmp_path) == {"unchanged": 8}
    assert read == list(FILES)
    settled(tmp_path)
    read.clear()
    assert run(tmp_path) == {"unchanged": 8}
    assert read == []


def test_where_no_boot_is_known_contents_decide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: list[str]
) -> None:
    monkeypatch.setattr("expander.sinks.folder._boot", str)
    run(tmp_path)
    assert run(tmp_path) == {"unchanged": 8}
    assert read == list(FILES)


def test_a_file_whose_mode_was_changed_is_read_and_unchanged(tmp_path: Path, read: list[str]) -> None:
    (settled(tmp_path) / "job-1").chmod(0o600)
    read.clear()
    assert run(tmp_path) == {"unchanged": 8}
    assert read == ["job-1"]


def test_files_in_another_order_are_unchanged_whatever_is_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: list[str]
) -> None:
    settled(tmp_path)
    read.clear()
    assert run(tmp_path, reversed(FILES.items())) == {"unchanged": 8}
    assert read == []
    monkeypatch.setattr("expander.sinks.index._BLOCK", 150)
    monkeypatch.setattr("expander.sinks.index._MAX_NEAR", 1)
    more = [("new", b"new"), *reversed(FILES.items())]
    assert run(tmp_path, more) == {"created": 1, "unchanged": 8}
    assert len(read) > 0


def test_a_name_of_an_unchanged_file_is_refused_for_another(tmp_path: Path) -> None:
    settled(tmp_path)
    for second in ("job-1", "Job-1"):
        with pytest.raises(OutputError, match="'job-1'"), DirectorySink(tmp_path) as sink:  # noqa: PT012
            assert sink.write("job-1", b"ours 1") is Outcome.UNCHANGED
            sink.write(second, b"ours 1")
