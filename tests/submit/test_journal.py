"""The journal survives what happens to processes."""

import os
from pathlib import Path

import pytest

from expander.base.errors import InputError, OutputError
from expander.submit.journal import Journal, journal_file, last_run, mark
from tests.submit.damage import damaged


def test_what_the_cluster_has_is_remembered_and_what_was_refused_is_not(tmp_path: Path) -> None:
    path = tmp_path / "group" / "journal"
    with Journal(path) as journal:
        journal.add("a 1", "created")
        journal.add("b 2", "refused")
        journal.add("ü 3", "unchanged")
    with Journal(path) as journal:
        assert journal.delivered().marks == {mark("a 1"), mark("ü 3")}


def test_a_line_that_was_cut_short_costs_that_line_only(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b'{"key": "a", "outcome": "created"}\n{"key": "b", "outc')
    with Journal(path) as journal:
        journal.add("c", "created")
        assert journal.delivered().marks == {mark("a"), mark("c")}


def test_a_job_that_was_finished_and_deleted_was_delivered(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        journal.add("/jobs/a 0a", "created")
        journal.add("/jobs/a 0a", "finished", number=3, failed=True)
        found = journal.delivered()
        assert found.finished == {mark("/jobs/a"): (mark("/jobs/a 0a"), True)}
        assert found.numbers == {3}


def test_a_job_that_is_made_anew_is_not_delivered_until_it_is(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        for outcome in ("created", "finished", "replaced"):
            journal.add("/jobs/a 0a", outcome)
        found = journal.delivered()
        assert (found.marks, found.finished) == (set(), {})
        journal.add("/jobs/a 0a", "created")
        assert journal.delivered().marks == {mark("/jobs/a 0a")}


def test_the_last_run_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    assert last_run(path) is None
    with Journal(path) as journal:
        journal.begin({"arguments": ["a"]})
        journal.add("k", "created")
        journal.begin({"arguments": ["b"]})
        assert journal.delivered().marks == {mark("k")}
    assert last_run(path) == {"arguments": ["b"]}


def test_groups_and_clusters_have_journals_of_their_own(tmp_path: Path) -> None:
    paths = {journal_file(tmp_path, group, url) for group in ("a", "b") for url in ("http://x", "http://y")}
    assert len(paths) == 4


RUN = {"arguments": ["job.yaml", "-i", "1-9"], "folder": "/home/user", "standardInput": False}


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
            assert len(journal.delivered().marks) <= len(keys)


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
                found = journal.delivered()
                known = found.marks | {key for key, _ in found.finished.values()}
                assert known >= {mark("/jobs/a 0a"), mark("/jobs/b 0b")}


def test_a_journal_of_an_earlier_version_has_no_checksums_and_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_text('{"run": {"arguments": ["a"]}}\n{"key": "/jobs/a 0a", "outcome": "created"}\n')
    with Journal(path) as journal:
        found = journal.delivered()
    assert (found.marks, found.damaged) == ({mark("/jobs/a 0a")}, 0)


def test_a_flipped_byte_in_a_key_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        journal.add("/jobs/a 0a", "finished", number=1)
    path.write_bytes(path.read_bytes().replace(b"jobs/a 0a", b"jobs/a 0b"))
    with Journal(path) as journal:
        found = journal.delivered()
    assert (found.marks, found.numbers, found.damaged) == (set(), set(), 1)


def test_a_submission_that_deletes_jobs_has_its_group_for_itself(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path), Journal(path), pytest.raises(InputError, match="another submission of this group"):
        Journal(path, exclusive=True)
    with Journal(path, exclusive=True), pytest.raises(InputError, match="another submission of this group"):
        Journal(path)


def test_a_journal_that_is_no_file_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for path in (tmp_path / "fifo", tmp_path / "zero", tmp_path):
        assert last_run(path) is None
        with pytest.raises(OutputError, match="cannot open the journal"):
            Journal(path)
