"""What a folder holds after one run and after the next."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from expander.base.errors import OutputError
from expander.sinks.directory import DirectorySink, Outcome

CREATED, UNCHANGED, CHANGED, REMOVED = Outcome.CREATED, Outcome.UNCHANGED, Outcome.CHANGED, Outcome.REMOVED


def run(folder: Path, files: dict[str, bytes], *, prune: bool = False) -> DirectorySink:
    with DirectorySink(folder, prune=prune) as sink:
        sink.write_many(files.items())
    return sink


def counts(sink: DirectorySink) -> dict[Outcome, int]:
    return {outcome: count for outcome, count in sink.finish().items() if count}


def visible(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


def test_the_folder_and_its_parents_are_made(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with DirectorySink(str(folder)) as sink:
        assert sink.write("job-apple.yaml", b"apple\n") is CREATED
    assert visible(folder) == {"job-apple.yaml": b"apple\n"}
    assert sorted(os.listdir(folder)) == [".expander-index", "job-apple.yaml"]


def test_files_get_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        run(tmp_path / "jobs", {"a": b"1"})
        run(tmp_path / "jobs", {"a": b"2"})
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "jobs" / "a").stat().st_mode) == 0o640


def test_a_second_run_writes_only_what_changed(tmp_path: Path) -> None:
    run(tmp_path, {"a": b"1", "b": b"2"})
    untouched = (tmp_path / "a").stat()
    second = run(tmp_path, {"a": b"1", "b": b"changed", "c": b"3"})
    assert counts(second) == {CREATED: 1, UNCHANGED: 1, CHANGED: 1}
    assert visible(tmp_path) == {"a": b"1", "b": b"changed", "c": b"3"}
    after = (tmp_path / "a").stat()
    assert (after.st_ino, after.st_mtime_ns) == (untouched.st_ino, untouched.st_mtime_ns)


def test_outcomes_come_in_the_order_of_the_entries(tmp_path: Path) -> None:
    run(tmp_path, {"b": b"old", "c": b"same"})
    with DirectorySink(tmp_path) as sink:
        assert sink.write_many(iter([("c", b"same"), ("a", b""), ("b", b"new")])) == [
            UNCHANGED,
            CREATED,
            CHANGED,
        ]


def test_more_files_than_a_chunk_are_written_and_known(tmp_path: Path) -> None:
    files = {f"job-{number}.yaml": b"%d" % number for number in range(1500)}
    assert counts(run(tmp_path, files)) == {CREATED: 1500}
    assert counts(run(tmp_path, files)) == {UNCHANGED: 1500}
    assert counts(run(tmp_path, {}, prune=True)) == {REMOVED: 1500}
    assert visible(tmp_path) == {}


def test_an_edit_of_the_same_size_and_time_is_seen_and_replaced(tmp_path: Path) -> None:
    run(tmp_path, {"a": b"ours"})
    before = (tmp_path / "a").stat()
    (tmp_path / "a").write_bytes(b"edit")
    os.utime(tmp_path / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert counts(run(tmp_path, {"a": b"ours"})) == {CHANGED: 1}
    assert visible(tmp_path) == {"a": b"ours"}


def test_a_file_that_was_removed_is_created_again(tmp_path: Path) -> None:
    run(tmp_path, {"a": b"1"})
    (tmp_path / "a").unlink()
    assert counts(run(tmp_path, {"a": b"1"})) == {CREATED: 1}


def test_a_file_of_somebody_else_is_refused_by_name_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"theirs")
    with pytest.raises(OutputError, match="not written by an earlier run") as caught:
        run(tmp_path, {"a": b"ours"})
    assert str(tmp_path / "a") in str(caught.value)
    assert caught.value.problems[0].hint
    assert visible(tmp_path) == {"a": b"theirs"}
    with pytest.raises(OutputError, match="not written by an earlier run"):
        run(tmp_path, {"a": b"ours"})


def test_a_file_of_somebody_else_with_the_same_content_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"same")
    assert counts(run(tmp_path, {"a": b"same"})) == {UNCHANGED: 1}
    assert counts(run(tmp_path, {"a": b"new"})) == {CHANGED: 1}


def test_a_file_that_appears_during_the_run_is_not_overwritten(tmp_path: Path) -> None:
    with DirectorySink(tmp_path) as sink:
        sink.write("a", b"ours")
        (tmp_path / "b").write_bytes(b"theirs")
        with pytest.raises(OutputError, match="not written by an earlier run"):
            sink.write("b", b"ours")
    assert visible(tmp_path) == {"a": b"ours", "b": b"theirs"}


def test_prune_removes_only_what_earlier_runs_wrote(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"mine")
    run(tmp_path, {"a": b"1", "b": b"2", "c": b"3"})
    assert counts(run(tmp_path, {"a": b"1", "d": b"4"})) == {CREATED: 1, UNCHANGED: 1}
    sink = run(tmp_path, {"a": b"1"}, prune=True)
    assert counts(sink) == {UNCHANGED: 1, REMOVED: 3}
    assert sorted(sink.removed) == ["b", "c", "d"]
    assert visible(tmp_path) == {"a": b"1", "notes.txt": b"mine"}


def test_prune_keeps_and_reports_what_was_edited(tmp_path: Path) -> None:
    run(tmp_path, {"a": b"1", "b": b"2", "c": b"3", "d": b"4"})
    (tmp_path / "b").write_bytes(b"X")
    (tmp_path / "c").unlink()
    (tmp_path / "c").symlink_to("b")
    (tmp_path / "d").unlink()
    for _ in range(2):
        sink = run(tmp_path, {"a": b"1"}, prune=True)
        assert (sorted(sink.kept), sink.removed) == (["b", "c"], [])
    (tmp_path / "b").write_bytes(b"2")
    assert run(tmp_path, {"a": b"1"}, prune=True).removed == ["b"]


def test_files_of_earlier_runs_that_are_still_there_are_counted(tmp_path: Path) -> None:
    run(tmp_path, {"a": b"1", "b": b"2", "c": b"3", "d": b"4"})
    (tmp_path / "d").unlink()
    assert run(tmp_path, {"a": b"1", "e": b"5"}).left == 2
    assert run(tmp_path, {"a": b"1"}).left == 3
    assert run(tmp_path, {"a": b"1"}, prune=True).left == 0
    assert run(tmp_path, {"a": b"1"}).left == 0


def test_a_file_that_cannot_be_pruned_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, **options: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted") if path == "b" else FileNotFoundError

    run(tmp_path, {"a": b"1", "b": b"2"})
    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", refuse)
        with pytest.raises(OutputError, match=r"cannot remove .*/b: Operation not permitted"):
            run(tmp_path, {"a": b"1"}, prune=True)
    assert run(tmp_path, {"a": b"1"}, prune=True).removed == ["b"]


def test_prune_forgets_what_it_removed(tmp_path: Path) -> None:
    run(tmp_path, {"a": b"1"})
    run(tmp_path, {}, prune=True)
    (tmp_path / "a").write_bytes(b"1")
    assert run(tmp_path, {}, prune=True).removed == []
    assert visible(tmp_path) == {"a": b"1"}


def test_prune_keeps_a_file_that_differs_from_a_new_one_only_in_case(tmp_path: Path) -> None:
    run(tmp_path, {"Job.yaml": b"1"})
    sink = run(tmp_path, {"job.yaml": b"2"}, prune=True)
    assert (sink.kept, sink.removed) == (["Job.yaml"], [])


def test_prune_may_be_switched_off_before_the_end(tmp_path: Path) -> None:
    run(tmp_path, {"a": b"1"})
    with DirectorySink(tmp_path, prune=True) as sink:
        sink.prune = False
    assert visible(tmp_path) == {"a": b"1"}


def test_a_refused_file_neither_stops_the_others_nor_lets_anything_be_pruned(tmp_path: Path) -> None:
    run(tmp_path, {"old": b"1"})
    (tmp_path / "theirs").write_bytes(b"x")
    with DirectorySink(tmp_path, prune=True) as sink:
        with pytest.raises(OutputError):
            sink.write("theirs", b"ours")
        sink.write("new", b"2")
        assert counts(sink) == {CREATED: 1}
    assert visible(tmp_path) == {"old": b"1", "new": b"2", "theirs": b"x"}
    with pytest.raises(OutputError):
        run(tmp_path, {"theirs": b"ours"})
    assert counts(run(tmp_path, {}, prune=True)) == {REMOVED: 2}
    assert visible(tmp_path) == {"theirs": b"x"}


@pytest.mark.parametrize("unnamed", [True, False])
def test_file_systems_without_unnamed_files_do_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unnamed: bool
) -> None:
    if not unnamed:
        monkeypatch.setattr("expander.sinks.folder._own_descriptors", lambda: None)
    (tmp_path / "theirs").write_bytes(b"x")
    run(tmp_path, {"a": b"1"})
    assert counts(run(tmp_path, {"a": b"1", "b": b"2"})) == {UNCHANGED: 1, CREATED: 1}
    with pytest.raises(OutputError):
        run(tmp_path, {"theirs": b"ours"})
    assert visible(tmp_path) == {"a": b"1", "b": b"2", "theirs": b"x"}
