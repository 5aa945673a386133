"""The journal survives what happens to processes."""

from collections.abc import Iterator
from pathlib import Path

from expander.submit.journal import Journal, journal_file, last_run, mark


def test_what_the_cluster_has_is_remembered_and_what_was_refused_is_not(tmp_path: Path) -> None:
    path = tmp_path / "group" / "journal"
    with Journal(path) as journal:
        journal.add("a 1", "created")
        journal.add("b 2", "refused")
        journal.add("ü 3", "unchanged")
    with Journal(path) as journal:
        assert journal.delivered() == {mark("a 1"), mark("ü 3")}


def test_a_line_that_was_cut_short_costs_that_line_only(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b'{"key": "a", "outcome": "created"}\n{"key": "b", "outc')
    with Journal(path) as journal:
        journal.add("c", "created")
        assert journal.delivered() == {mark("a"), mark("c")}


def test_a_job_that_was_finished_and_deleted_was_delivered(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        journal.add("a", "finished")
        assert journal.delivered() == {mark("a")}


def test_the_last_run_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    assert last_run(path) is None
    with Journal(path) as journal:
        journal.begin({"arguments": ["a"]})
        journal.add("k", "created")
        journal.begin({"arguments": ["b"]})
        assert journal.delivered() == {mark("k")}
    assert last_run(path) == {"arguments": ["b"]}


def test_groups_and_clusters_have_journals_of_their_own(tmp_path: Path) -> None:
    paths = {journal_file(tmp_path, group, url) for group in ("a", "b") for url in ("http://x", "http://y")}
    assert len(paths) == 4


RUN = {"arguments": ["job.yaml", "-i", "1-9"], "folder": "/home/user", "standardInput": False}


def damaged(whole: bytes) -> Iterator[bytes]:
    """The same bytes with one of them flipped or missing, and cut off at each."""
    for at in range(len(whole)):
        for bit in (0x01, 0x20, 0x80):
            yield whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :]
        yield whole[:at] + whole[at + 1 :]
        yield whole[:at]


def test_a_damaged_journal_is_read_without_an_error_and_never_gives_other_options(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    keys = ["/jobs/item-1 0a1b", "/jobs/item-2 0a1c", "/jobs/ü-3 0a1d"]
    with Journal(path) as journal:
        journal.begin(RUN)
        for key in keys:
            journal.add(key, "created")
    for each in damaged(path.read_bytes()):
        path.write_bytes(each)
        assert last_run(path) in (None, RUN)
        with Journal(path) as journal:
            assert len(journal.delivered()) <= len(keys)


def test_one_damaged_byte_never_loses_a_job_that_was_finished_and_deleted(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        for key in ("/jobs/a 0a", "/jobs/b 0b"):
            journal.add(key, "created")
            journal.add(key, "finished")
    whole = path.read_bytes()
    for each in damaged(whole):
        if len(each) >= len(whole) - 1:
            path.write_bytes(each)
            with Journal(path) as journal:
                assert journal.delivered() >= {mark("/jobs/a 0a"), mark("/jobs/b 0b")}
