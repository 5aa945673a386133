"""Standard output: closed, full, slow, or fine."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from expander.base.errors import ClosedPipe, ExpanderError, OutputError
from expander.sinks.stream import StreamSink

PROGRAM = """
import sys
from expander.base.errors import ExpanderError
from expander.sinks.stream import StreamSink
try:
    sink = StreamSink(sys.stdout.buffer)
    for number in range({count}):
        sink.write([b"%d\\n" % number, b"---\\n"])
    sink.flush()
except ExpanderError as error:
    if error.exit_code != 141:
        print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize("flags", ["", "-u"])
@pytest.mark.parametrize("count", [1, 10, 1_000_000])
def test_a_reader_that_goes_away_ends_the_run_quietly(flags: str, count: int) -> None:
    run = subprocess.run(
        [
            "bash",
            "-c",
            f'"$0" {flags} -c "$1" | head -1; echo "${{PIPESTATUS[0]}}"',
            sys.executable,
            PROGRAM.format(count=count),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = run.stdout.split()
    assert lines[0] == "0"
    assert lines[1] in (["141"] if count > 10 else ["0", "141"])
    assert run.stderr == ""


def test_what_is_still_buffered_when_the_reader_is_gone_makes_no_noise() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(count=1)],
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writer)
    assert (run.returncode, run.stderr) == (141, b"")


@pytest.mark.parametrize("count", [1, 100_000])
def test_a_full_disk_is_an_error_said_once(count: int) -> None:
    with open("/dev/full", "wb") as full:
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(count=count)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert run.returncode == 2
    assert run.stderr.splitlines()[0] == "cannot write to standard output: No space left on device"
    assert len(run.stderr.splitlines()) == 2


def test_pieces_are_written_in_order() -> None:
    stream = io.BytesIO()
    sink = StreamSink(stream)
    sink.write(b"a")
    sink.write([b"b", b"", b"c"])
    sink.write([])
    sink.flush()
    assert stream.getvalue() == b"abc"


def test_close_closes_the_stream(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as stream:
        sink = StreamSink(stream)
        sink.write(b"a")
        sink.close()
        assert stream.closed
    assert (tmp_path / "out").read_bytes() == b"a"


def test_close_reports_a_full_disk() -> None:
    with open("/dev/full", "wb") as stream:
        sink = StreamSink(stream)
        sink.write(b"a")
        with pytest.raises(OutputError, match="/dev/full"):
            sink.close()


@pytest.mark.parametrize("buffering", [-1, 0])
def test_a_pipe_that_does_not_block_gets_everything(buffering: int) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    received: list[bytes] = []

    def read() -> None:
        with open(reader, "rb") as pipe:
            received.append(pipe.read())

    thread = threading.Thread(target=read)
    data = [b"%d\n" % number for number in range(200_000)]
    with open(writer, "wb", buffering=buffering) as stream:
        sink = StreamSink(stream)
        thread.start()
        sink.write(data)
        sink.flush()
    thread.join()
    assert received == [b"".join(data)]


def test_a_closed_pipe_is_an_error_of_ours_with_the_code_of_sigpipe() -> None:
    assert issubclass(ClosedPipe, ExpanderError)
    assert ClosedPipe.exit_code == 141
