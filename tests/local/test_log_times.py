"""When the lines of logs were written."""

import os
from pathlib import Path

import pytest

from expander.local.logs import LogTimes, LogWatch


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of four lines, looked at after the first, the second and half of the third."""
    path = tmp_path / "x.log"
    watch = LogWatch()
    for now, text in ((10.0, "one\n"), (20.0, "two\n"), (25.0, ""), (30.0, "th")):
        with path.open("a") as file:
            file.write(text)
        watch.look([str(path)], now)
    with path.open("a") as file:
        file.write("ree\nfour\n")
    os.utime(path, (40, 40))
    return path


def test_bytes_have_the_time_of_the_look_that_found_them(log: Path) -> None:
    with log.open("rb") as file:
        times = LogTimes(file, str(log))
        assert [times.of(end) for end in (4, 8, 10, 14, 19)] == [10, 20, 30, 40, 40]


@pytest.mark.parametrize(
    ("since", "text"),
    [
        (0, "one\ntwo\nthree\nfour\n"),
        (10, "one\ntwo\nthree\nfour\n"),
        (11, "two\nthree\nfour\n"),
        (21, "three\nfour\n"),
        (31, "three\nfour\n"),
        (40, "three\nfour\n"),
        (41, ""),
    ],
)
def test_lines_since_a_time_begin_at_a_whole_line(log: Path, since: float, text: str) -> None:
    with log.open("rb") as file:
        start = LogTimes(file, str(log)).start(since, None)
    assert log.read_text()[start:] == text


def test_no_more_than_the_last_lines_of_those_are_wanted(log: Path) -> None:
    with log.open("rb") as file:
        times = LogTimes(file, str(log))
        assert log.read_text()[times.start(11, 1) :] == "four\n"
        assert log.read_text()[times.start(31, 9) :] == "three\nfour\n"


def test_a_log_nobody_looked_at_has_the_time_of_its_last_change(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("one\n")
    os.utime(path, (40, 40))
    with path.open("rb") as file:
        times = LogTimes(file, str(path))
        assert (times.of(4), times.start(40, None), times.start(41, None)) == (40, 0, 4)


def test_a_log_that_is_written_anew_has_new_times(log: Path) -> None:
    log.write_text("1\n")
    LogWatch().look([str(log)], 50.0)
    with log.open("rb") as file:
        assert LogTimes(file, str(log)).of(2) == 50
