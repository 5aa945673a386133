"""What containers print arrives in the log: streams named, whatever it is and however it is written."""

import os
import re
import stat
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.local.logs import LogReader, last_output
from expander.local.runtime import log_writer
from expander.local.runtime.log_writer import STDERR, STDOUT, ContainerLog
from tests.local.runtime.running import Bench

RECORD = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (stdout|stderr) ([FP]) (.*)", re.DOTALL)

AS_SOMEBODY_ELSE = pytest.mark.parametrize("user", [None, *([12345] if os.geteuid() == 0 else [])])


def records(path: Path) -> list[tuple[bytes, ...]]:
    """Stream, tag and text of each record; every line of the file is one."""
    found = [RECORD.fullmatch(line) for line in path.read_bytes().removesuffix(b"\n").split(b"\n")]
    return [match.groups() for match in found if match is not None or pytest.fail("not a record")]


@AS_SOMEBODY_ELSE
@pytest.mark.parametrize(
    ("script", "lines"),
    [
        ("echo a; echo b > /dev/stdout; echo c", ["a", "b", "c"]),
        ("echo a; echo b >> /dev/stdout; echo c", ["a", "b", "c"]),
        ("echo a >&2; echo b > /dev/stderr; echo c >&2", ["a", "b", "c"]),
        ("exec 2>&1; echo a; echo b | tee /dev/stderr >/dev/null; echo c", ["a", "b", "c"]),
        ("echo a; echo b > /proc/self/fd/1; echo c", ["a", "b", "c"]),
        ("echo a; echo b > /dev/fd/1; echo c", ["a", "b", "c"]),
        ('d=$(mktemp -d); ln -s /dev/stdout "$d/log"; echo a; echo b > "$d/log"; echo c', ["a", "b", "c"]),
        ("echo a; dd if=/dev/zero bs=1 count=0 of=/dev/stdout 2>/dev/null; echo c", ["a", "c"]),
        ("echo a; (echo b; exec echo c) > /dev/stdout", ["a", "b", "c"]),
    ],
)
def test_whoever_opens_its_output_by_name_appends_to_the_log(
    plain: Bench, script: str, lines: list[str], user: int | None
) -> None:
    end, output = plain.run("sh", "-ec", script, user=user)
    assert (end.exit_code, output.splitlines()) == (0, lines)


@pytest.mark.usefixtures("wrap")
@AS_SOMEBODY_ELSE
def test_also_in_a_sandbox(boxed: Bench, user: int | None) -> None:
    end, output = boxed.run("sh", "-ec", "echo a; echo b > /dev/stdout; echo c >> /dev/stdout", user=user)
    assert (end.exit_code, output) == (0, "a\nb\nc\n")


def test_each_record_has_its_stream(plain: Bench) -> None:
    key = plain.launch("sh", "-c", "echo out; echo err >&2; printf end")
    plain.end(key)
    found = records(plain.log(key))
    assert sorted(found) == [
        (b"stderr", b"F", b"err"),
        (b"stdout", b"F", b"out"),
        (b"stdout", b"P", b"end"),
    ]


def test_a_line_of_ten_million_bytes_comes_whole_in_parts(plain: Bench) -> None:
    key = plain.launch("sh", "-c", "head -c 10000000 /dev/zero | tr '\\0' x; echo; echo done")
    assert plain.end(key).exit_code == 0
    assert last_output(plain.log(key), 1 << 25) == b"x" * 10_000_000 + b"\ndone\n"
    assert max(len(text) for _, _, text in records(plain.log(key))) == log_writer.PART_BYTES


def test_bytes_that_are_no_text_arrive_as_they_are(plain: Bench, tmp_path: Path) -> None:
    data = os.urandom(300_000) + bytes(range(256)) * 3
    (tmp_path / "data").write_bytes(data)
    key = plain.launch("cat", str(tmp_path / "data"))
    plain.end(key)
    with LogReader(plain.log(key)) as log:
        assert b"".join(iter(log.read, b"")) + log.finish() == data


def test_what_is_written_is_in_the_log_while_the_container_runs(plain: Bench) -> None:
    key = plain.launch("sh", "-c", "echo here; sleep 300")
    plain.written(key, "here\n")
    plain.supervisor.signal(key, 9)
    plain.end(key)


def test_a_log_is_for_its_user_only(plain: Bench) -> None:
    previous = os.umask(0)
    try:
        key = plain.launch("echo", "a")
        plain.end(key)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(plain.log(key).stat().st_mode) == 0o600


def test_a_log_is_there_with_its_first_line_with_a_failure_or_when_it_runs_for_long(plain: Bench) -> None:
    plain.run("true")  # the first of a folder shows whether logs can be opened there
    first = plain.launch("sh", "-c", "echo; read line", stdin=True)
    silent = plain.launch("sh", "-c", "read line", stdin=True)
    while not (plain.log(first).exists() and plain.log(silent).exists()):
        time.sleep(0.005)
    assert not plain.ends(silent)
    bad = plain.launch("false")
    assert plain.end(bad).code == 1
    assert plain.log(bad).read_bytes() == b""


def test_a_log_keeps_its_last_output_and_says_what_was_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "MAX_LOG_BYTES", 5000)
    log = ContainerLog(str(tmp_path / "x.log"))
    for number in range(1000):
        log.write(STDOUT, f"line {number}\n".encode())
    log.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 10_000
    with LogReader(tmp_path / "x.log") as reader:
        lines = b"".join(iter(reader.read, b"")).decode().splitlines()
    numbers = [int(line.removeprefix("line ")) for line in lines if line.startswith("line ")]
    assert numbers == list(range(numbers[0], 1000))
    marks = [line for line in lines if not line.startswith("line ")]
    assert marks
    assert all(mark.startswith("[expander: output before this was dropped") for mark in marks)


def test_what_a_full_disk_does_not_take_is_counted_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ContainerLog(str(tmp_path / "x.log"))
    log.write(STDOUT, b"before\n")

    def full(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        log.write(STDOUT, b"lost\n")
    log.write(STDERR, b"after\n")
    log.close()
    texts = [text for _, _, text in records(tmp_path / "x.log")]
    assert texts == [b"before", b"[expander: 45 bytes of log could not be written]", b"after"]
    assert log.unwritten == 45


@pytest.mark.parametrize("room", [0, 7])
def test_a_log_says_what_is_missing_also_if_the_disk_is_full_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    log = ContainerLog(str(tmp_path / "x.log"))
    for number in range(100):
        log.write(STDOUT, f"line {number}\n".encode())
    write, left = os.write, [room]

    def full(file: int, data: bytes) -> int:
        if not left:
            raise OSError(28, "No space left on device")
        return write(file, data[: left.pop()])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        for _ in range(3):
            log.write(STDOUT, b"x" * 1000 + b"\n")
        log.drain()
    log.close()
    *kept, mark = [text for _, _, text in records(tmp_path / "x.log")]
    assert kept == [f"line {number}".encode() for number in range(len(kept))]
    assert len(kept) > 90
    assert mark == b"[expander: %d bytes of log could not be written]" % log.unwritten
    assert log.unwritten > 3000


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=40) | st.sampled_from([b"\n", b"x" * 17000]))))
def test_each_stream_is_whole_however_it_comes_in_pieces(pieces: list[tuple[bool, bytes]]) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder, "x.log")
        log = ContainerLog(str(path))
        for is_error, data in pieces:
            log.write(STDERR if is_error else STDOUT, data)
        log.drain()
        log.close()
        found = records(path) if path.exists() else []
    for name, is_error in ((b"stderr", True), (b"stdout", False)):
        whole = b"".join(
            text + (b"\n" if tag == b"F" else b"") for stream, tag, text in found if stream == name
        )
        assert whole == b"".join(data for each, data in pieces if each is is_error)


def test_a_reader_that_follows_sees_every_line_once_through_rotations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "MAX_LOG_BYTES", 200_000)
    log = ContainerLog(str(tmp_path / "x.log"))
    log.open()
    seen = threading.Semaphore(0)

    def write() -> None:
        for number in range(20):
            for line in range(200):
                log.write(STDOUT, f"{number * 200 + line}\n".encode())
            seen.acquire(timeout=60)

    writer = threading.Thread(target=write)
    writer.start()
    text = b""
    with LogReader(tmp_path / "x.log") as reader:
        while text.count(b"\n") < 4000:
            before = text.count(b"\n") // 200
            text += reader.read()
            for _ in range(text.count(b"\n") // 200 - before):
                seen.release()
            time.sleep(0)
    writer.join()
    log.close()
    assert [int(line) for line in text.split()] == list(range(4000))
