"""Reading logs: the last lines, lines since a time, times before lines, rotated logs, logs of other formats."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.local import logs
from expander.local.logs import LogReader, last_output

OLD = "one\ntwo\nthree"


def record(second: int, text: str, tag: str = "F", stream: str = "stdout") -> str:
    return f"2026-01-01T00:00:{second:02}.000000000Z {stream} {tag} {text}\n"


def output(path: Path, **options: float | bool | None) -> str:
    with LogReader(path, **options) as log:  # type: ignore[arg-type]
        return (b"".join(iter(log.read, b"")) + log.finish()).decode()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of four lines, the third in two parts and the last without an end."""
    path = tmp_path / "x.log"
    lines = [record(10, "one"), record(20, "two", stream="stderr"), record(30, "th", "P"), record(31, "ree")]
    path.write_text("".join([*lines, record(40, "four", "P")]))
    return path


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("lines", [0, 1, 2, 3, 49, 50, 51])
@pytest.mark.parametrize("text", ["", "a", "a\n", "a\nb", "\n\n\n", "one\ntwo\n\nthree\n", "x\n" * 50])
def test_the_last_lines_are_those_of_the_whole_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, text: str, lines: int
) -> None:
    monkeypatch.setattr(logs, "READ_BYTES", chunk)
    path = tmp_path / "x.log"
    wanted = "".join(text.splitlines(keepends=True)[-lines:]) if lines else ""
    for plain in (True, False):
        parts = text.split("\n")
        records = [record(1, part) for part in parts[:-1]] + [record(1, parts[-1], "P")] * bool(parts[-1])
        path.write_text(text if plain else "".join(records))
        assert output(path, tail=lines) == wanted


@pytest.mark.parametrize("chunk", [1, 30, 45, 1000])
def test_streams_are_one_text_and_parts_are_one_line(
    log: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(logs, "READ_BYTES", chunk)
    assert output(log) == "one\ntwo\nthree\nfour"
    assert output(log, tail=2) == "three\nfour"


def test_a_line_has_the_time_of_its_first_part(log: Path) -> None:
    stamps = [line.split("Z ") for line in output(log, timestamps=True).splitlines()]
    assert [(stamp[17:19], text) for stamp, text in stamps] == [
        ("10", "one"),
        ("20", "two"),
        ("30", "three"),
        ("40", "four"),
    ]


@pytest.mark.parametrize(
    ("since", "text"),
    [(0, "one\ntwo\nthree\nfour"), (10, "one\ntwo\nthree\nfour"), (11, "two\nthree\nfour"), (41, "")],
)
def test_lines_since_a_time_begin_with_the_first_record_of_it(log: Path, since: float, text: str) -> None:
    start = 1767225600  # 2026-01-01
    assert output(log, since=start + since) == text
    assert output(log, since=start + since, tail=1) == text.rpartition("\n")[2]


def test_a_rotated_log_is_read_before_the_one_that_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    (tmp_path / "x.log.1").write_text(record(1, "one") + record(2, "two"))
    path.write_text(record(3, "three"))
    assert output(path) == "one\ntwo\nthree\n"
    assert output(path, tail=2) == "two\nthree\n"
    assert output(path, since=1767225600 + 2) == "two\nthree\n"


def test_a_reader_goes_on_in_the_new_log_when_it_is_rotated(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(record(1, "one"))
    with LogReader(path) as log:
        assert (log.read(), log.read()) == (b"one\n", b"")
        with path.open("a") as file:
            file.write(record(2, "two"))
        path.rename(tmp_path / "x.log.1")
        path.write_text(record(3, "three"))
        assert b"".join(iter(log.read, b"")) == b"two\nthree\n"


def test_a_log_of_an_earlier_version_is_plain_text(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(OLD)
    os.utime(path, (40, 40))
    assert output(path) == OLD
    assert output(path, timestamps=True).splitlines()[2] == "1970-01-01T00:00:40.000000000Z three"
    assert (output(path, since=40), output(path, since=41)) == (OLD, "")


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8"), max_size=8), st.sampled_from("FP"))))
def test_the_last_bytes_are_those_of_the_whole_output(parts: list[tuple[str, str]]) -> None:
    from tempfile import TemporaryDirectory

    parts = [(text.replace("\n", ""), tag) for text, tag in parts]
    whole = "".join(text + ("\n" if tag == "F" else "") for text, tag in parts).encode()
    with TemporaryDirectory() as folder:
        path = Path(folder, "x.log")
        path.write_text("".join(record(1, text, tag) for text, tag in parts), newline="")
        assert output(path).encode() == whole
        for count in (1, 3, 10, 1000):
            assert last_output(path, count) == whole[-count:]
