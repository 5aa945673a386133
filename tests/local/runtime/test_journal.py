"""The record is exact, and a part of it that is not whole counts as not written."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from expander.local.runtime.journal import Journal, escape, unescape
from expander.local.runtime.journal_recovery import forget, recover_run
from expander.local.runtime.runtime import Exit


@given(st.text())
def test_any_text_is_one_line_of_one_word_and_comes_back(text: str) -> None:
    word = escape(text)
    assert unescape(word) == text
    assert not set(word) & set("\t\r\n\v\f\x1c\x1d\x1e\x85")
    assert word.isascii()


def written(path: Path) -> Path:
    """A record of three containers: one ended, one failed to start, one has no end."""
    journal = Journal(str(path), 0, 0)
    journal.intent("a", 1.0, (), "job\tpod")
    journal.end("a", 0, None, 1.1, 1.7, oom=False, error=None, lost=False)
    journal.intent("b", 1.2, ())
    journal.end("b", None, None, 1.5, 1.6, oom=False, error="é\n", lost=False)
    journal.intent("c", 1.3, ["true", "SIGNAL", "a b\t"])
    os.close(journal._file)
    return path


def test_what_has_no_end_is_lost(tmp_path: Path) -> None:
    a, b, c = recover_run(written(tmp_path / "x.journal"))
    assert a == Exit("a", 0, None, 1.1, 1.7, note="job\tpod")
    assert b == Exit("b", None, None, 1.5, 1.6, error="é\n")
    assert (c.key, c.signal, c.lost, c.started) == ("c", 9, True, 1.3)


def test_a_record_cut_anywhere_tells_each_key_once_and_never_a_wrong_end(tmp_path: Path) -> None:
    whole = written(tmp_path / "x.journal").read_bytes()
    ends = {end.key: end for end in recover_run(tmp_path / "x.journal")}
    for size in range(len(whole)):
        (tmp_path / "cut.journal").write_bytes(whole[:size])
        found = recover_run(tmp_path / "cut.journal")
        assert len({end.key for end in found}) == len(found)
        assert all(end.lost or end == ends[end.key] for end in found)


def test_records_that_are_over_are_removed_but_not_that_of_a_run_that_begins(tmp_path: Path) -> None:
    written(tmp_path / "old.journal")
    own = tmp_path / "own.journal"
    own.touch()  # its supervisor has made it, and not locked it yet
    running = Journal(str(tmp_path / "running.journal"), 0, 0)
    forget(tmp_path, own)
    assert {each.name for each in tmp_path.iterdir()} == {"own.journal", "running.journal"}
    os.close(running._file)


def test_what_a_power_cut_leaves_is_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path / "x.journal")
    ends = {end.key for end in recover_run(path)}
    path.write_bytes(path.read_bytes() + b"\0\0\0\nX\nI\tx\n\xff\xfe\nR\t1\n\n")
    assert {end.key for end in recover_run(path)} == ends


def test_a_container_of_an_engine_is_killed_and_removed_through_it(tmp_path: Path) -> None:
    engine = tmp_path / "engine"
    engine.write_text(f"#!/bin/sh\necho \"$@\" >> '{tmp_path}/heard'\n")
    engine.chmod(0o755)
    journal = Journal(str(tmp_path / "x.journal"), 0, 0)
    journal.intent("a", 1.0, [str(engine), "kill", "--signal", "SIGNAL", "name"])
    os.close(journal._file)
    (end,) = recover_run(tmp_path / "x.journal")
    assert end.lost
    assert (tmp_path / "heard").read_text() == "kill --signal KILL name\nrm --force name\n"


def test_on_a_full_disk_nothing_is_started_and_the_record_goes_on_when_there_is_room(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "x.journal"), 0, 0)
    room, full = journal._file, os.open("/dev/full", os.O_WRONLY)
    journal._file = full
    assert not journal.intent("a", 1.0, ())
    assert not journal.end("a", None, None, 1.0, 2.0, oom=False, error="no room", lost=False)
    journal._file = room
    assert journal.intent("b", 2.0, ())
    journal.end("b", 1, None, 3.0, 4.0, oom=True, error=None, lost=False)
    os.close(full)
    os.close(room)
    assert recover_run(tmp_path / "x.journal") == [
        Exit("a", None, None, 1.0, 2.0, error="no room"),
        Exit("b", 1, None, 3.0, 4.0, oom=True),
    ]


def test_an_end_tells_what_its_log_lacks(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "x.journal"), 0, 0)
    journal.end("a", 0, None, 1.0, 2.0, oom=False, error=None, lost=False, unlogged=45)
    os.close(journal._file)
    assert recover_run(tmp_path / "x.journal") == [Exit("a", 0, None, 1.0, 2.0, unlogged=45)]
