"""The journal survives what happens to processes."""

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
